"""A map of queries in front of any codec: codes stay as they are, and queries find more of what answers them."""

import functools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import methods  # noqa: E402
from methods import MethodError, TrainingQueries  # noqa: E402
from methods.errors import NeedsQueries  # noqa: E402
from methods.fitting.nearest import nearest  # noqa: E402
from methods.fitting.overlap import average_overlap  # noqa: E402
from methods.fitting.residual_map import ResidualMap  # noqa: E402
from methods.trained import query_adapted  # noqa: E402
from methods.trained._query_map import NEIGHBORS, Judge, Recipe, sample_rows  # noqa: E402
from methods.trained._query_map_training import train_query_map  # noqa: E402
from methods.vectors import normalized, random_rotation  # noqa: E402

DIM = 16
rng = np.random.default_rng(0)
BASE = normalized(rng.standard_normal((400, DIM)).astype(np.float32))
ANSWERS = rng.integers(400, size=2_300)
SKEW = 0.6 * np.eye(DIM) + 0.8 * random_rotation(DIM, 1)
ASKED = (BASE[ANSWERS] @ SKEW + 0.2 * rng.standard_normal((2_300, DIM))).astype(np.float32)
LOG, TEST = ASKED[:2_000], ASKED[2_000:]
VALIDATION = np.arange(300)


def fitted(answers=ANSWERS[:2_000], validation=VALIDATION, **options):
    codec = methods.create("query_adapted", dim=DIM, budget="16B", metric="ip", codec="int8", **options)
    return codec.fit(BASE, queries=TrainingQueries(LOG, answers, validation))


def found(codec, queries=TEST):
    return codec.searcher(codec.encode(BASE)).search(queries, 10)[1]


def reciprocal_rank(ids):
    return ((ids == ANSWERS[2_000:, None]) / np.arange(1, 11)).sum(axis=1).mean()


@pytest.fixture(scope="module")
def plain():
    return methods.create("int8", dim=DIM, budget="16B", metric="ip").fit(BASE)


@pytest.mark.parametrize("hidden", [0, 32])
def test_mapped_queries_find_more_answers_in_the_same_codes(plain, hidden, monkeypatch):
    monkeypatch.setattr(query_adapted, "Recipe", functools.partial(Recipe, rate=2e-2, batch=200))
    adapted = fitted(hidden=hidden, epochs=4)
    np.testing.assert_array_equal(adapted.encode(BASE), plain.encode(BASE))
    assert reciprocal_rank(found(adapted)) > reciprocal_rank(found(plain)) + 0.1
    own = {name for name in adapted.parts() if name.startswith("transform.")}
    assert {"transform.outer", "transform.outer_bias"} <= own
    assert ("transform.inner" in own) == (hidden > 0)


def test_neighbors_are_found_in_codes_whose_scores_are_skewed():
    skewed = BASE * np.linspace(0.3, 1.7, DIM, dtype=np.float32)
    near = nearest(BASE, LOG, 20)
    recipe = Recipe(NEIGHBORS, 0, 4, rate=2e-2, batch=200)
    judge = Judge(BASE, skewed, LOG[:300], None)
    learned = train_query_map(
        lambda rows: skewed[rows], BASE, LOG[300:], near[300:, 0], near[300:], judge, recipe, seed=0
    )
    truth, before, after = (nearest(*pair, 10) for pair in ((BASE, TEST), (skewed, TEST), (skewed, learned(TEST))))
    assert average_overlap(truth, after) > average_overlap(truth, before) + 0.1


def test_no_map_stays_where_none_gains_on_validation_queries(plain, monkeypatch):
    monkeypatch.setattr(Judge, "score", lambda self, query_map: float(not query_map.weights))
    adapted = fitted()
    assert adapted.transform_.map_ == ResidualMap({})
    np.testing.assert_array_equal(found(adapted), found(plain))


def test_without_validation_queries_the_last_epoch_stays():
    assert fitted(validation=np.empty(0, np.int64), epochs=1).transform_.map_.weights


def test_lengths_of_queries_and_the_seed_decide_nothing_else():
    one, other = fitted(epochs=2), fitted(epochs=2)
    np.testing.assert_array_equal(one.parts()["transform.outer"], other.parts()["transform.outer"])
    np.testing.assert_array_equal(found(one), found(one, 4 * TEST))


@pytest.mark.parametrize("scale", [1e-30, 1e20])
def test_lengths_beyond_the_squares_of_float32_change_no_order(scale):
    adapted = fitted(validation=np.empty(0, np.int64), epochs=1)
    np.testing.assert_array_equal(found(adapted, TEST * np.float32(scale)), found(adapted))
    far = methods.create("query_adapted", dim=DIM, budget="16B", metric="ip", codec="int8", epochs=1)
    far.fit(BASE * np.float32(scale), queries=TrainingQueries(LOG, ANSWERS[:2_000]))
    outer = adapted.parts()["transform.outer"]
    np.testing.assert_allclose(far.parts()["transform.outer"], outer, atol=1e-3 * np.abs(outer).max())


def test_a_final_order_is_by_mapped_queries_where_answers_count():
    for loss, mapped in (("answers", True), ("neighbors", False)):
        codec = fitted(loss=loss, epochs=1, validation=np.empty(0, np.int64))
        changed = not np.array_equal(codec.rescoring_queries(TEST), TEST)
        assert changed is mapped


def test_answers_that_are_not_known_are_asked_for():
    for answers in (None, np.full(2_000, -1)):
        with pytest.raises(NeedsQueries, match="loss=neighbors"):
            fitted(answers=answers)


def test_queries_without_an_answer_teach_nothing():
    known = ANSWERS[:2_000].copy()
    known[::2] = -1
    noise = np.where((known < 0)[:, None], np.float32(9), LOG)
    codec = methods.create("query_adapted", dim=DIM, budget="16B", metric="ip", codec="int8", epochs=2)
    maps = [
        codec.fit(BASE, queries=TrainingQueries(log, known, VALIDATION)).parts()["transform.outer"].copy()
        for log in (LOG, noise)
    ]
    np.testing.assert_array_equal(*maps)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"loss": "hinge"}, "answers or neighbors"),
        ({"codec": "semantic_hashing"}, "decodes none"),
        ({"hidden": -1}, "hidden="),
    ],
)
def test_what_cannot_be_learned_is_refused(options, says):
    with pytest.raises(MethodError, match=says):
        methods.registry.get("query_adapted")(DIM, **({"codec": "int8"} | options))


def test_a_judge_counts_answers_or_exact_neighbors():
    vectors = np.eye(12, dtype=np.float32)
    queries = vectors[:2] + 0.5 * vectors[1:3]
    identity = ResidualMap({})
    assert Judge(vectors, vectors, queries, np.array([0, 2])).score(identity) == 0.75
    assert Judge(vectors, vectors, queries, None).score(identity) == 1
    assert 0 < Judge(vectors, -vectors, queries, None).score(identity) < 1


def test_a_sample_holds_all_answers():
    rows = sample_rows(50_000, np.array([7, 49_999, 7]), 0)
    assert {7, 49_999} <= set(rows.tolist())
    assert len(rows) < 20_000
    assert (np.diff(rows) > 0).all()
