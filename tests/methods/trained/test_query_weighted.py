"""Axes weighted by queries: scores stay as they are, and queries that differ from the base gain."""

import numpy as np
import pytest

import methods
from methods import MethodError, TrainingQueries
from methods.fitting.overlap import average_overlap
from methods.trained import _weighting, query_weighted
from methods.trained._weighting import RIDGES, Weighting, choose_ridge

DIM, FEW = 32, 6
rng = np.random.default_rng(1)
BASE = rng.standard_normal((3_000, DIM)).astype(np.float32)
SPREAD = np.where(np.arange(DIM) < FEW, 3.0, 0.1).astype(np.float32)  # queries look along a few axes
LOG, TEST = (rng.standard_normal((n, DIM)).astype(np.float32) * SPREAD for n in (600, 200))


def recall(codec):
    truth = np.argsort(-(TEST @ BASE.T), axis=1)[:, :10]
    return average_overlap(truth, codec.searcher(codec.encode(BASE)).search(TEST, 10)[1])


def test_mapped_queries_score_mapped_vectors_as_before():
    weighting = Weighting(DIM, 0.5).fit(LOG)
    scores = weighting.transform_queries(TEST, methods.Metric.IP) @ weighting.transform(BASE).T
    np.testing.assert_allclose(scores, TEST @ BASE.T, atol=1e-3)
    np.testing.assert_allclose(weighting.inverse(weighting.transform(BASE)), BASE, atol=1e-4)


def test_a_ridge_of_one_weights_nothing_and_so_do_zeros():
    for weighting in (Weighting(DIM, 1.0).fit(LOG), Weighting(DIM, 0.5).fit(np.zeros((5, DIM), np.float32))):
        np.testing.assert_array_equal(weighting.matrix_, np.eye(DIM, dtype=np.float32) * weighting.matrix_[0, 0])


@pytest.mark.thorough
def test_queries_along_few_axes_find_more_with_the_same_bytes():
    options = {"dim": DIM, "budget": "8B", "metric": "ip"}
    plain = methods.create("transform_coding", **options).fit(BASE)
    weighted = methods.create("query_weighted", **options, codec="transform_coding")
    weighted.fit(BASE, queries=TrainingQueries(LOG, validation=np.arange(200)))
    assert weighted.code_size == plain.code_size
    assert recall(weighted) > recall(plain) + 0.1


@pytest.mark.thorough
def test_the_ridge_is_the_one_that_finds_most():
    codec = methods.create("transform_coding", dim=DIM, budget="8B", metric="ip")
    assert choose_ridge(codec, BASE, LOG[:300], LOG[300:], 0) == min(RIDGES)
    few, others = (rng.standard_normal((n, DIM)).astype(np.float32) for n in (20, 300))  # along no axes more
    assert choose_ridge(codec, BASE, few, others, 0) > min(RIDGES)


def test_ridges_are_judged_with_codecs_of_all_vectors(monkeypatch):
    monkeypatch.setattr(_weighting, "_SAMPLE", 100)
    codec = methods.create("transform_coding", dim=DIM, budget="8B", metric="ip")
    seen, fit = [], codec.fit
    monkeypatch.setattr(codec, "fit", lambda vectors, seed: seen.append(len(vectors)) or fit(vectors, seed))
    choose_ridge(codec, BASE[:500], LOG[:300], LOG[300:350], 0)
    assert seen == [500] * len(RIDGES)


@pytest.mark.parametrize("ridge", [0, 1.5, "much", True])
def test_a_ridge_out_of_range_is_refused(ridge):
    with pytest.raises(MethodError, match="ridge="):
        methods.create("query_weighted", dim=DIM, budget="8B", ridge=ridge)


@pytest.mark.parametrize("name", ["query_weighted", "base_weighted"])
def test_fewer_dimensions_are_refused(name):
    cls = methods.registry.get(name)
    with pytest.raises(MethodError, match=f"out_dim=8; it keeps all dimensions, use {DIM}"):
        cls(DIM, out_dim=8, codec="int8")


def test_no_vector_is_searched_among_itself(monkeypatch):
    seen = {}
    monkeypatch.setattr(query_weighted, "choose_ridge", lambda *given: seen.update(given=given) or 0.8)
    methods.create("base_weighted", dim=DIM, budget="8B", codec="transform_coding").fit(BASE[:200])
    _, searched, _, judged, _ = seen["given"]
    assert len(searched) + len(judged) == 200
    assert not (searched[:, None] == judged[None]).all(axis=2).any()


def test_too_few_vectors_to_leave_some_out_are_not_weighted():
    codec = methods.create("base_weighted", dim=DIM, budget="8B", codec="transform_coding").fit(BASE[:5])
    np.testing.assert_allclose(codec.transform_.matrix_, np.eye(DIM), atol=1e-6)


def test_a_codec_behind_another_map_gets_no_queries():
    with pytest.raises(MethodError, match="gives its codec no queries"):
        methods.create("pca", dim=DIM, budget="8B", codec="distill_pq")
