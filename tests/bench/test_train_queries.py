"""Training queries: a third set, given to the methods that say so and to no other, and apart from the test queries."""

from dataclasses import replace

import numpy as np
import pytest

import methods
from bench import datasets, run
from bench.config import RunConfig
from bench.datasets import DatasetError, train_queries
from bench.datasets.base import Relevance
from bench.datasets.builders import folder, squad_sentences
from bench.datasets.formats import open_vectors
from bench.drift_options import DEFAULTS
from bench.execution.plan import prepare
from bench.index_options import INDEXES
from bench.tracks import dense
from methods import Codec, MethodError, TrainingQueries
from methods.errors import NeedsQueries, NotMeasuredSo
from methods.registry import _METHODS, register

N, DIM = 300, 8
rng = np.random.default_rng(0)
BASE = rng.standard_normal((N, DIM)).astype(np.float32)
TEST = rng.standard_normal((20, DIM)).astype(np.float32)
LOG = rng.standard_normal((50, DIM)).astype(np.float32)
SEEN = []  # what fit got, array by array


class Spy(Codec):
    """Remembers every row that ``fit`` gets."""

    family, summary, source = "test", "a test", "none"
    uses_queries = True

    @property
    def code_size(self):
        return 4 * self.dim

    def _fit_to_queries(self, vectors, queries, seed):
        SEEN.append((vectors, queries))

    def _encode(self, vectors):
        return np.ascontiguousarray(vectors, np.float32).view(np.uint8).reshape(len(vectors), -1)

    def _decode(self, codes):
        return codes.view(np.float32)

    def parts(self):
        return {}

    def _load_parts(self, parts):
        pass


@pytest.fixture
def spy():
    SEEN.clear()
    register("spy_of_queries")(Spy)
    yield "spy_of_queries"
    del _METHODS["spy_of_queries"]


@pytest.fixture
def files(tmp_path):
    """Options of ``dataset=path`` with a log whose query i asks for row 5 i of the base."""
    judged = np.stack([np.arange(50), 5 * np.arange(50), np.ones(50, np.int64)], axis=1)
    for name, array in {"base": BASE, "queries": TEST, "log": LOG, "judged": judged}.items():
        np.save(tmp_path / f"{name}.npy", array)
    named = {"base": "base", "queries": "queries", "train_queries": "log", "train_relevance": "judged"}
    return {key: str(tmp_path / f"{name}.npy") for key, name in named.items()}


def config_of(tmp_path, dataset, method="spy_of_queries", **more):
    options = {"method": {"name": method}, "dataset": {"name": "path", "metric": "ip", **dataset}}
    return RunConfig(**options, budget="1x", results=str(tmp_path / "results"), **more)


def rows_of(array):
    return {row.tobytes() for row in np.ascontiguousarray(array, np.float32)}


def test_fit_sees_training_queries_and_no_test_query(spy, files, tmp_path):
    config = config_of(tmp_path, files)
    plan = prepare(config)
    dense.measure(config, plan.dataset, plan.code_bytes, tmp_path)
    (vectors, queries), *more = SEEN
    assert not more
    seen = rows_of(vectors) | rows_of(queries.vectors)
    assert rows_of(plan.dataset.queries) == rows_of(TEST)
    assert not seen & rows_of(TEST)
    assert rows_of(queries.vectors) == rows_of(LOG)
    assert seen - rows_of(LOG) == rows_of(BASE)


@pytest.mark.parametrize("max_base", [None, 100])
def test_answers_are_rows_of_what_the_method_is_fitted_on(spy, files, tmp_path, max_base):
    config = config_of(tmp_path, {**files, "max_base": max_base}, train_size=60)
    plan = prepare(config)
    dense.measure(config, plan.dataset, plan.code_bytes, tmp_path)
    vectors, queries = SEEN[0]
    assert len(vectors) == 60
    known = queries.answers >= 0
    assert 0 < known.sum() < 50
    expected = BASE[5 * np.flatnonzero(known)]
    np.testing.assert_array_equal(vectors[queries.answers[known]], expected)
    missing = BASE[5 * np.flatnonzero(~known)]
    assert not rows_of(missing) & rows_of(vectors)


def test_rows_held_out_of_the_base_move_the_answers(files):
    given = {key: value for key, value in files.items() if key != "queries"}
    dataset = datasets.load("path", holdout=40, **given)
    judged = dataset.train_queries.relevance
    np.testing.assert_array_equal(dataset.base.read(0, N)[judged.item], BASE[5 * judged.query])
    assert len(judged.query) < 50


def test_a_seeded_tenth_of_a_file_is_for_validation(files):
    first, second = (datasets.load("path", **files).train_queries.validation for _ in range(2))
    assert len(first) == 5
    assert (first == second).all()


def test_a_method_that_uses_queries_needs_a_set_that_has_them(spy, files, tmp_path):
    without = {key: files[key] for key in ("base", "queries")}
    with pytest.raises(NeedsQueries, match=r"dataset\.train_queries=FILE"):
        raise prepare(config_of(tmp_path, without)).infeasible
    with pytest.raises(NeedsQueries, match=r"dataset\.train_queries=FILE"):
        run(**{key: value for key, value in config_of(tmp_path, without).to_dict().items() if key != "limits"})


@pytest.mark.parametrize(
    "given",
    [{"scenario": {"name": "drift", **DEFAULTS}}, {"index": {"name": "ivf", **INDEXES["ivf"], "residual": True}}],
    ids=str,
)
def test_what_gives_no_queries_leaves_such_methods_out(spy, files, tmp_path, given):
    with pytest.raises(NotMeasuredSo, match="use "):
        raise prepare(replace(config_of(tmp_path, files), **given)).infeasible


def test_test_queries_among_the_training_queries_are_counted_and_refused(spy, files, tmp_path):
    np.save(files["train_queries"], np.concatenate([LOG[:47], TEST[:3]]))
    with pytest.raises(DatasetError, match="3 of 50 training queries are test queries too"):
        prepare(config_of(tmp_path, files))


def test_training_queries_change_no_key_of_other_methods(spy, files, tmp_path):
    without = {key: files[key] for key in ("base", "queries")}
    keys = [prepare(config_of(tmp_path, given, "sign")).key for given in (files, without)]
    assert keys[0] == keys[1]
    assert prepare(config_of(tmp_path, files)).key != prepare(config_of(tmp_path, files, "sign")).key


def test_other_training_queries_are_another_run(spy, files, tmp_path):
    first = prepare(config_of(tmp_path, files)).key
    np.save(files["train_queries"], LOG[::-1])
    from bench.execution.data import _load

    _load.cache_clear()
    assert prepare(config_of(tmp_path, files)).key != first


def test_judgements_without_queries_are_refused(files):
    judged = files["train_relevance"]
    with pytest.raises(DatasetError, match=r"name it by dataset\.train_queries=FILE"):
        datasets.load("path", base=files["base"], train_relevance=judged)


def test_a_cone_mixes_training_queries_too(files):
    plain, mixed = (datasets.load("path", **files, cone=cone).train_queries.vectors for cone in (None, 0.9))
    assert (plain @ plain.T).mean() < 0.5 < (mixed @ mixed.T).mean()


def test_fit_says_what_queries_it_needs():
    codec = methods.create("sign", dim=DIM, budget="32x")
    with pytest.raises(MethodError, match="does not learn from queries"):
        codec.fit(BASE, queries=TrainingQueries(LOG))
    spy = Spy(DIM)
    with pytest.raises(NeedsQueries, match="queries=TrainingQueries"):
        spy.fit(BASE)
    for given, said in (
        (TrainingQueries(LOG[:, 1:]), "dimension 7"),
        (TrainingQueries(LOG, np.full(50, N)), "answers"),
        (TrainingQueries(LOG, np.zeros(3, int)), "3 answers"),
        (TrainingQueries(LOG, validation=np.arange(50)), "leave none"),
    ):
        with pytest.raises(MethodError, match=said):
            spy.fit(BASE, queries=given)


def test_the_embedded_set_has_training_queries():
    dataset = datasets.load("squad-sentences-mini")
    queries = dataset.train_queries
    assert queries.vectors.shape == (3_000, 384)
    assert len(queries.validation) == 500
    assert len(queries.relevance.query) == 3_000
    best = (queries.vectors[:200] @ dataset.base.read(0, 20_000).T).argmax(axis=1)
    assert (best == queries.relevance.item[:200]).mean() > 0.3
    assert not rows_of(queries.vectors) & rows_of(dataset.queries)


def test_a_built_set_leaves_out_training_queries_that_are_test_queries(tmp_path):
    answers = Relevance(np.arange(53), np.arange(53), np.ones(53, int))
    folder.save(tmp_path / "built", BASE, TEST, None, {"metric": "ip"})
    log = np.concatenate([TEST[:2], LOG, TEST[5:6]])
    folder.add_train_queries(tmp_path / "built", log, answers, np.array([0, 2, 51]))
    assert len(train_queries.built(tmp_path / "built", open_vectors(tmp_path / "built" / "base.npy")).vectors) == 53
    assert squad_sentences.complete(tmp_path / "built") == [folder.LEFT_OUT]
    assert squad_sentences.complete(tmp_path / "built") == []
    queries = train_queries.built(tmp_path / "built", open_vectors(tmp_path / "built" / "base.npy"))
    train_queries.check_apart(queries, TEST)
    np.testing.assert_array_equal(queries.vectors, LOG)
    np.testing.assert_array_equal(queries.relevance.query, np.arange(50))
    np.testing.assert_array_equal(queries.relevance.item, np.arange(2, 52))
    np.testing.assert_array_equal(queries.validation, [0, 49])
