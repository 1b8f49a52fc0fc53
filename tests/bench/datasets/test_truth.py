"""Exact neighbors: the same as a plain loop finds, ties by the smaller id, kept in the cache."""

import dataclasses

import numpy as np
import pytest

from bench.datasets import Dataset, DatasetError, ground_truth
from bench.datasets.exact import exact_search
from bench.datasets.store import ArrayStore
from methods import Metric


def naive(base, queries, metric, k):
    """Scores and ids by a stable sort of float64 scores."""
    base, queries = base.astype(np.float64), queries.astype(np.float64)
    if metric is Metric.COSINE:
        base, queries = (v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-300) for v in (base, queries))
    if metric is Metric.L2:
        scores = np.square(queries[:, None] - base[None]).sum(axis=2)
        order = np.argsort(scores, axis=1, kind="stable")[:, :k]
    else:
        scores = queries @ base.T
        order = np.argsort(-np.round(scores, 12), axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, axis=1), order


def dataset(base, queries, metric=Metric.L2, checksum="c" * 64, **more):
    return Dataset("made", metric, ArrayStore(base), queries, None, None, checksum, **more)


@pytest.fixture
def made():
    """Small whole numbers: many exact ties, and duplicates, without any rounding."""
    rng = np.random.default_rng(0)
    base = rng.integers(-2, 3, (300, 5)).astype(np.float32)
    base[7] = 0
    return base, rng.integers(-2, 3, (25, 5)).astype(np.float32)


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("k", [1, 10, 300])
def test_truth_equals_a_plain_search(metric, k, monkeypatch):
    monkeypatch.setattr("bench.datasets.store.BLOCK_BYTES", 4 * 12 * 64)  # five blocks
    rng = np.random.default_rng(1)
    base, queries = rng.standard_normal((300, 12), np.float32), rng.standard_normal((25, 12), np.float32)
    found = ground_truth(dataset(base, queries, metric), k)
    scores, ids = naive(base, queries, metric, k)
    np.testing.assert_array_equal(found.ids, ids)
    np.testing.assert_allclose(found.scores, scores, rtol=1e-6, atol=1e-7)
    assert (found.scores.dtype, found.ids.dtype) == (np.float64, np.int64)


@pytest.mark.parametrize("metric", [Metric.L2, Metric.IP])
def test_ties_go_to_the_smaller_id(made, metric):
    found = ground_truth(dataset(*made, metric), 300)
    _, ids = naive(*made, metric, 300)
    np.testing.assert_array_equal(found.ids, ids)


@pytest.mark.parametrize("metric", Metric)
def test_ties_at_the_last_place_have_the_scores_of_a_plain_search(made, metric):
    found = ground_truth(dataset(*made, metric), 10)
    scores, _ = naive(*made, metric, 10)
    np.testing.assert_allclose(found.scores, scores, rtol=1e-6, atol=1e-7)


def test_near_duplicates_far_from_the_origin_are_ordered_exactly():
    rng = np.random.default_rng(2)
    base = (1_000 + 0.01 * rng.standard_normal((200, 8))).astype(np.float32)  # float32 norms cancel here
    queries = base[:10] + np.float32(0.001)
    found = exact_search(dataset(base, queries), 5)
    scores, ids = naive(base, queries, Metric.L2, 5)
    np.testing.assert_array_equal(found.ids[:, 0], ids[:, 0])
    assert (np.diff(found.scores, axis=1) >= 0).all()
    assert scores.shape == found.scores.shape


@pytest.mark.parametrize("metric", Metric)
def test_a_large_constant_in_all_vectors_hides_no_neighbor(metric):
    rng = np.random.default_rng(5)
    base, queries = rng.standard_normal((2_000, 16), np.float32), rng.standard_normal((40, 16), np.float32)
    base[:, 0] = queries[:, 0] = 1_000  # float32 rounds scores by more than neighbors differ
    found = exact_search(dataset(base, queries, metric), 10)
    if metric is Metric.COSINE:
        base, queries = (v / np.linalg.norm(v.astype(float), axis=1, keepdims=True) for v in (base, queries))
    scores, ids = naive(base, queries, Metric.IP if metric is Metric.IP else Metric.L2, 10)
    np.testing.assert_array_equal(found.ids, ids)
    expected = 1 - scores / 2 if metric is Metric.COSINE else scores
    np.testing.assert_allclose(found.scores, expected, rtol=1e-14)


@pytest.mark.parametrize("size", [1e-25, 1e25])
def test_angles_do_not_depend_on_the_length(size):
    rng = np.random.default_rng(3)
    base, queries = rng.standard_normal((300, 8), np.float32), rng.standard_normal((20, 8), np.float32)
    expected = exact_search(dataset(base, queries, Metric.COSINE), 10)
    found = exact_search(dataset(base * np.float32(size), queries * np.float32(size), Metric.COSINE), 10)
    np.testing.assert_array_equal(found.ids, expected.ids)


@pytest.mark.parametrize(("metric", "worst"), [(Metric.L2, np.inf), (Metric.IP, -np.inf)])
def test_more_neighbors_than_vectors_are_padded(made, metric, worst):
    found = ground_truth(dataset(made[0][:6], made[1], metric), 9)
    assert (found.ids[:, 6:] == -1).all()
    assert (found.ids[:, :6] >= 0).all()
    assert (found.scores[:, 6:] == worst).all()


@pytest.mark.parametrize("metric", [Metric.L2, Metric.IP])
def test_values_whose_scores_overflow_are_refused(metric):
    with pytest.raises(DatasetError, match=f"{metric} scores overflow float32; divide all vectors"):
        exact_search(dataset(np.full((9, 4), 1e20, np.float32), np.full((2, 4), -1e20, np.float32), metric), 3)


def test_callers_vectors_are_not_normalized_in_place(made):
    base, queries = (array.copy() for array in made)
    ground_truth(dataset(base, queries, Metric.COSINE), 5)
    np.testing.assert_array_equal(base, made[0])
    np.testing.assert_array_equal(queries, made[1])


def test_a_larger_truth_serves_a_smaller_one(made, monkeypatch, cache):
    large = ground_truth(dataset(*made), 20)
    monkeypatch.setattr("bench.datasets.truth.resumed_search", None)
    small = ground_truth(dataset(*made), 5)
    np.testing.assert_array_equal(small.ids, large.ids[:, :5])
    np.testing.assert_array_equal(small.scores, large.scores[:, :5])
    assert len(list((cache / "ground-truth").iterdir())) == 1


def test_a_smaller_truth_is_replaced_by_a_larger_one(made, cache):
    assert ground_truth(dataset(*made), 5).ids.shape[1] == 5
    assert ground_truth(dataset(*made), 20).ids.shape[1] == 20
    assert len(list((cache / "ground-truth").iterdir())) == 1


def test_truths_of_other_data_and_metrics_are_kept_apart(made, cache):
    ground_truth(dataset(*made), 5)
    ground_truth(dataset(*made, Metric.IP), 5)
    ground_truth(dataset(*made, checksum="d" * 64), 5)
    assert len(list((cache / "ground-truth").iterdir())) == 3


@pytest.mark.parametrize("damage", ["noise", "cut", "other queries", "other dtype", "ids out of range"])
def test_a_damaged_cache_is_computed_again(made, cache, damage):
    right = ground_truth(dataset(*made), 5)
    (path,) = (cache / "ground-truth").iterdir()
    content = path.read_bytes()
    if damage == "noise":
        path.write_bytes(b"noise")
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "other queries":
        np.savez(path, scores=right.scores[:3], ids=right.ids[:3])
    elif damage == "other dtype":
        np.savez(path, scores=right.scores, ids=right.ids.astype(float))
    else:
        np.savez(path, scores=right.scores, ids=right.ids + 300)
    np.testing.assert_array_equal(ground_truth(dataset(*made), 5).ids, right.ids)
    assert path.stat().st_size == len(content)


@pytest.mark.parametrize("k", [0, -1, 1.5])
def test_k_must_be_a_count(made, k):
    with pytest.raises(DatasetError, match="at least 1"):
        ground_truth(dataset(*made), k)


def test_neighbors_of_a_file_may_differ_from_ours_by_ties_only(made, recwarn):
    base, queries = made
    _, ids = naive(base, queries, Metric.L2, 10)
    scores = np.square(queries[:, None] - base[None]).sum(axis=2)
    tied = np.stack([np.lexsort((-np.arange(300), row))[:10] for row in scores])  # the larger id first
    assert (tied != ids).any()
    ground_truth(dataset(base, queries, neighbors=tied), 10)
    assert not recwarn.list


def test_neighbors_of_a_file_that_are_not_the_nearest_are_reported(made):
    base, queries = made
    _, ids = naive(base, queries, Metric.L2, 10)
    one = ids.copy()
    one[3, 0] = naive(base, queries, Metric.L2, 300)[1][3, -1]
    with pytest.warns(UserWarning, match="for 1 of 25 sampled queries; ours are used"):
        ground_truth(dataset(base, queries, neighbors=one), 10)
    with pytest.raises(DatasetError, match="for 25 of 25 sampled queries"):
        ground_truth(dataset(base, queries, checksum="e" * 64, neighbors=np.zeros_like(ids)), 10)


def test_neighbors_that_float32_rounded_are_reported_and_not_refused():
    rng = np.random.default_rng(6)
    base, queries = rng.standard_normal((500, 8), np.float32), rng.standard_normal((30, 8), np.float32)
    base[:, 0] = queries[:, 0] = 1_000
    scores = (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ (
        base / np.linalg.norm(base, axis=1, keepdims=True)
    ).T
    assert scores.dtype == np.float32
    given = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    with pytest.warns(UserWarning, match="differ from exact search by cosine for .* ours are used"):
        ground_truth(dataset(base, queries, Metric.COSINE, neighbors=given), 10)


def test_truth_cannot_be_written_to(made):
    found = ground_truth(dataset(*made), 3)
    for field in dataclasses.fields(found):
        assert not getattr(found, field.name).flags.writeable
