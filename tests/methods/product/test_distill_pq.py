"""``distill_pq``: its losses fall, it needs what its loss needs, and it ranks better for queries like those it saw."""

import numpy as np
import pytest

import methods
from methods import MethodError, TrainingQueries
from methods.errors import NeedsQueries
from methods.fitting.overlap import average_overlap

torch = pytest.importorskip("torch")

DIM = 16
rng = np.random.default_rng(2)
BASE = rng.standard_normal((1_500, DIM)).astype(np.float32)
BASE /= np.linalg.norm(BASE, axis=1, keepdims=True)
SPREAD = np.where(np.arange(DIM) < 4, 3.0, 0.1).astype(np.float32)
LOG, TEST = (rng.standard_normal((n, DIM)).astype(np.float32) * SPREAD for n in (800, 200))
LOG, TEST = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (LOG, TEST))
FAST = {"dim": DIM, "budget": "4B", "bits": 4, "rotation_iterations": 1, "iterations": 4}


def nearest(queries):
    return (queries @ BASE.T).argmax(axis=1)


def reciprocal_rank(codec):
    ids = codec.searcher(codec.encode(BASE)).search(TEST, 10)[1]
    return ((ids == nearest(TEST)[:, None]) / np.arange(1, 11)).sum(axis=1).mean()


@pytest.mark.thorough
@pytest.mark.parametrize("loss", ["listnet", "contrastive"])
def test_codes_rank_better_for_queries_like_those_it_saw(loss):
    plain = methods.create("opq", **FAST).fit(BASE)
    trained = methods.create("distill_pq", **FAST, loss=loss, epochs=20, rate=3e-3)
    trained.fit(BASE, queries=TrainingQueries(LOG, nearest(LOG)))
    assert trained.code_size == plain.code_size
    assert reciprocal_rank(trained) > reciprocal_rank(plain) + 0.02


def test_no_epochs_leave_opq_as_it_is():
    plain = methods.create("opq", **FAST).fit(BASE)
    trained = methods.create("distill_pq", **FAST, epochs=0).fit(BASE, queries=TrainingQueries(LOG))
    np.testing.assert_array_equal(trained.encode(BASE), plain.encode(BASE))


def test_validation_queries_are_not_learned_from():
    kept, held_out = np.arange(400), np.arange(400, 800)
    first = methods.create("distill_pq", **FAST, epochs=2)
    first.fit(BASE, queries=TrainingQueries(LOG, validation=held_out))
    second = methods.create("distill_pq", **FAST, epochs=2).fit(BASE, queries=TrainingQueries(LOG[kept]))
    np.testing.assert_array_equal(first.parts()["codebooks"], second.parts()["codebooks"])


def test_contrastive_needs_answers_and_says_so():
    codec = methods.create("distill_pq", **FAST, loss="contrastive")
    for answers in (None, np.full(len(LOG), -1)):
        with pytest.raises(NeedsQueries, match=r"dataset\.train_relevance=FILE"):
            codec.fit(BASE, queries=TrainingQueries(LOG, answers))


def test_options_out_of_range_are_refused():
    for options in ({"loss": "hinge"}, {"rate": 0.0}, {"temperature": "cold"}, {"epochs": -1}, {"candidates": 0}):
        with pytest.raises(MethodError):
            methods.create("distill_pq", **FAST, **options)


def test_vectors_of_another_scale_are_found_as_well():
    def found(scale, of_queries):
        codec = methods.create("distill_pq", **FAST, epochs=4, rate=3e-3)
        codec.fit(scale * BASE, queries=TrainingQueries(of_queries * LOG))
        return codec.searcher(codec.encode(scale * BASE)).search(TEST, 10)[1]

    plain = found(1, 1)
    np.testing.assert_array_equal(found(1_024, 64), plain)
    assert average_overlap(plain, found(1_000, 50)) > 0.95  # all but what rounding changes
