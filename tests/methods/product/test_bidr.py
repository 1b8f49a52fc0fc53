"""BiDR as a method: what it learns, what it stores, and the vectors by which its candidates are re-ranked."""

import numpy as np
import pytest

pytest.importorskip("torch")

import methods
from bench.config import RunConfig
from bench.drift_options import DEFAULTS
from bench.execution.plan import prepare
from bench.tracks import dense
from methods import MethodError, TrainingQueries
from methods.compose.rescored import DiskStore, RescoredSearcher, plan
from methods.errors import NotInFaiss, NotMeasuredSo
from methods.vectors import normalized, random_rotation

DIM, N = 16, 400
SMALL = {"iterations": 4, "rotation_iterations": 1, "batch": 100, "hidden": 32, "code_hidden": 16}
rng = np.random.default_rng(0)
BASE = normalized(rng.standard_normal((N, DIM)).astype(np.float32))


def asked(count, seed):
    """Queries from a rotated space, and the rows of the base that answer them."""
    rows = np.random.default_rng(seed).integers(N, size=count)
    noise = 0.2 * np.random.default_rng(seed + 1).standard_normal((count, DIM))
    skew = 0.6 * np.eye(DIM) + 0.8 * random_rotation(DIM, 1)
    return normalized((BASE[rows] @ skew + noise).astype(np.float32)), rows


LOG, ANSWERS = asked(700, 1)
TEST, TEST_ANSWERS = asked(300, 5)
QUERIES = TrainingQueries(LOG, ANSWERS, np.arange(0, 700, 7))


def fitted(queries=QUERIES, metric="ip", **options):
    return methods.create("bidr", dim=DIM, budget="4B", metric=metric, **{**SMALL, **options}).fit(BASE, 0, queries)


@pytest.fixture(scope="module")
def codec():
    return fitted(code_epochs=3, epochs=6)


def searched(codec, tmp_path, k=10, factor=10):
    np.save(tmp_path / "vectors.npy", codec.rescoring_vectors(BASE))
    candidates = codec.searcher(codec.encode(BASE))
    return RescoredSearcher(candidates, DiskStore(tmp_path / "vectors.npy"), factor, codec).search(TEST, k)


def mrr(ids):
    hits = ids == TEST_ANSWERS[:, None]
    return np.where(hits.any(axis=1), 1 / (hits.argmax(axis=1) + 1), 0).mean()


def test_learned_vectors_order_candidates_better_than_the_originals(codec, tmp_path):
    plain = fitted(code_epochs=0, epochs=0)
    assert plain.code_weight >= 0
    assert not plain.document_map_.weights
    np.testing.assert_array_equal(plain.rescoring_vectors(BASE), BASE.astype(np.float16))
    assert mrr(searched(codec, tmp_path)[1]) > mrr(searched(plain, tmp_path)[1]) + 0.03


def test_the_final_order_is_that_of_vectors_and_codes(codec, tmp_path):
    codec = type(codec).from_parts(codec.params(), codec.parts())
    codec.code_weight_ = 0.3
    scores, ids = searched(codec, tmp_path, k=N, factor=1)
    by_code = codec.code_map_(TEST) @ codec.decode(codec.encode(BASE)).T
    by_vector = codec.query_map_(TEST) @ codec.rescoring_vectors(BASE).astype(np.float32).T
    expected = by_vector + 0.3 * by_code
    np.testing.assert_allclose(scores, np.take_along_axis(expected, ids, axis=1), atol=1e-4)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert codec.rescoring_vectors(BASE).dtype == np.float16


def test_a_saved_codec_finds_the_same(codec, tmp_path):
    again = methods.load(codec.save(tmp_path / "codec"))
    assert again.code_weight == pytest.approx(codec.code_weight)
    np.testing.assert_array_equal(searched(codec, tmp_path)[1], searched(again, tmp_path)[1])


def test_without_answers_the_nearest_vectors_stand_in():
    nearest = (LOG @ BASE.T).argmax(axis=1)
    unknown = fitted(TrainingQueries(LOG), code_epochs=1, epochs=0)
    known = fitted(TrainingQueries(LOG, nearest), code_epochs=1, epochs=0)
    np.testing.assert_array_equal(unknown.parts()["codebooks"], known.parts()["codebooks"])
    assert unknown.code_weight == 0  # there were no validation queries


@pytest.mark.parametrize("code_loss", ["lists", "both"])
def test_codes_learn_from_lists_too(code_loss):
    other = fitted(code_loss=code_loss, code_epochs=1, epochs=0).parts()["codebooks"]
    assert not np.array_equal(other, fitted(code_epochs=1, epochs=0).parts()["codebooks"])


def test_a_map_of_queries_has_no_place_in_faiss(codec):
    with pytest.raises(NotInFaiss, match="code_hidden=0"):
        codec.to_faiss(codec.encode(BASE))
    plain = fitted(code_epochs=1, epochs=0, code_hidden=0)
    assert plain.to_faiss(plain.encode(BASE)).ntotal == N


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sampling": "bfs"}, "snowball"),
        ({"code_loss": "kl"}, "labels"),
        ({"temperature": 0}, "above 0"),
        ({"dropout": 1}, "dropout"),
        ({"leads_from": 5, "leads_within": 5}, "leads_within"),
    ],
)
def test_options_out_of_range_are_named(options, said):
    with pytest.raises(MethodError, match=said):
        methods.create("bidr", dim=DIM, budget="4B", **options)


def test_only_the_disk_holds_its_vectors():
    with pytest.raises(MethodError, match="rescore=disk"):
        plan("bidr", DIM, 40, methods.Metric.IP, rescore="float16")


def config_of(tmp_path, **more):
    judged = np.stack([np.arange(700), ANSWERS, np.ones(700, np.int64)], axis=1)
    files = {"base": BASE, "queries": TEST[:50], "train_queries": LOG, "train_relevance": judged}
    for name, array in files.items():
        np.save(tmp_path / f"{name}.npy", array)
    dataset = {"name": "path", "metric": "ip", **{name: str(tmp_path / f"{name}.npy") for name in files}}
    options = {**SMALL, "name": "bidr", "code_epochs": 1, "epochs": 1}
    return RunConfig(options, dataset, budget="4B", latency_s=0.1, results=str(tmp_path / "results"), **more)


def test_a_run_re_ranks_from_disk_without_being_told(tmp_path):
    planned = prepare(config_of(tmp_path))
    assert planned.config.rescore == "disk"
    run = dense.measure(planned.config, planned.dataset, planned.code_bytes, tmp_path)
    assert run.bytes is not None
    assert (run.bytes.code, run.bytes.rescore_disk) == (4, 2 * DIM * N)
    assert run.bytes.parts["code_map.inner"] == 4 * DIM * SMALL["code_hidden"]
    assert run.disk is not None


def test_a_scenario_that_does_not_re_rank_refuses_it(tmp_path):
    planned = prepare(config_of(tmp_path, scenario={"name": "drift", **DEFAULTS}))
    assert planned.config.rescore is None
    with pytest.raises(NotMeasuredSo, match="leave out scenario="):
        raise planned.infeasible


@pytest.mark.parametrize("size", [1e-5, 1e6])
def test_vectors_of_any_length_are_kept_on_disk(size):
    log = TrainingQueries(LOG * np.float32(size), ANSWERS, np.arange(0, 700, 7))
    options = {**SMALL, "code_epochs": 1, "epochs": 1}
    codec = methods.create("bidr", dim=DIM, budget="4B", **options).fit(BASE * np.float32(size), 0, log)
    kept = codec.rescoring_vectors(BASE * np.float32(size)).astype(np.float64)
    products = codec.rescoring_queries(TEST * np.float32(size)).astype(np.float64) @ kept.T / size**2
    assert np.isfinite(products).all()
    assert np.abs(products).max(axis=1).min() > 0.3
