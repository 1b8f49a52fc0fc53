"""Exact neighbors of vectors that float32 scores do not tell apart: tiny, huge, mixed, far from the origin, close."""

import numpy as np
import pytest

from bench.datasets import Dataset, DatasetError
from bench.datasets.candidates import search_float32, search_float64
from bench.datasets.exact import exact_search
from bench.datasets.sets.dataset import RaggedDataset
from bench.datasets.sets.truth import exact_search as exact_search_of_sets
from bench.datasets.store import ArrayStore
from methods import Metric
from methods.multivector import Ragged

K = 10
_RNG = np.random.default_rng(0)
BASE, QUERIES = _RNG.standard_normal((900, 12), np.float32), _RNG.standard_normal((30, 12), np.float32)


def scaled(factor):
    return BASE * np.float32(factor), QUERIES * np.float32(factor)


def mixed(factor):
    """Every second row tiny or huge, of the base and of the queries."""
    base, queries = BASE.copy(), QUERIES.copy()
    base[::2] *= np.float32(factor)
    queries[::2] *= np.float32(factor)
    return base, queries


def shifted(length):
    return BASE + np.float32(length), QUERIES + np.float32(length)


def close(distance):
    """Thirty places with thirty rows each."""
    base = np.repeat(BASE[:30], 30, axis=0) + np.float32(distance) * BASE
    return base, base[::30] + np.float32(distance) * QUERIES


def with_constant(value):
    base, queries = BASE.copy(), QUERIES.copy()
    base[:, 5] = queries[:, 5] = value
    return base, queries


def few_ordinary():
    """Fewer ordinary rows than neighbors, so that the order among the tiny ones shows."""
    base, queries = scaled(1e-22)
    base[:4] *= np.float32(1e22)
    queries[0] *= np.float32(1e22)
    return base, queries


KINDS = {
    "plain": (BASE, QUERIES),
    "1e-15": scaled(1e-15),
    "1e15": scaled(1e15),
    "mixed with 1e-22": mixed(1e-22),
    "mixed with 1e-40": mixed(1e-40),
    "mixed with 1e12": mixed(1e12),
    "few ordinary rows": few_ordinary(),
    "tiny queries": (BASE, QUERIES * np.float32(1e-22)),
    "tiny base": (BASE * np.float32(1e-22), QUERIES),
    "far from the origin": shifted(3e3),
    "farther from the origin": shifted(1e5),
    "close together": close(1e-4),
    "a constant dimension": with_constant(1e4),
    "one long row": (np.concatenate([BASE, 1e6 * BASE[:1]]), QUERIES),
    "duplicates": (np.repeat(BASE[:30], 30, axis=0), QUERIES),
    "zero rows": (np.where(np.arange(900)[:, None] % 3, BASE, 0).astype(np.float32), QUERIES),
    "zero queries": (BASE, 0 * QUERIES),
    "all zero": (0 * BASE, 0 * QUERIES),
}
SEARCHED_IN_FLOAT64 = {
    ("far from the origin", "cosine"),
    ("close together", "l2"),
    ("mixed with 1e-40", "l2"),
    ("a constant dimension", "cosine"),
}


def dataset(base, queries, metric):
    return Dataset("made", metric, ArrayStore(base), queries, None, None, "c" * 64)


def true_scores(base, queries, metric):
    """(nq, n) float64, larger is nearer."""
    base, queries = base.astype(np.float64), queries.astype(np.float64)
    if metric is Metric.COSINE:
        base, queries = (v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-300) for v in (base, queries))
    if metric is Metric.L2:
        return -np.square(queries[:, None] - base[None]).sum(axis=2)
    return np.einsum("qd,nd->qn", queries, base)


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("kind", KINDS)
def test_no_row_is_nearer_than_those_that_truth_gives(kind, metric, monkeypatch):
    monkeypatch.setattr("bench.datasets.store.BLOCK_BYTES", 4 * 12 * 250)  # four blocks
    base, queries = KINDS[kind]
    found = exact_search(dataset(base, queries, metric), K)
    scores = true_scores(base, queries, metric)
    nearest = -np.sort(-scores, axis=1)[:, :K]
    np.testing.assert_allclose(np.take_along_axis(scores, found.ids, axis=1), nearest, rtol=1e-12)
    np.testing.assert_allclose(found.scores if metric.descending else -found.scores, nearest, rtol=1e-12)
    assert all(len(set(row)) == K for row in found.ids.tolist())


@pytest.mark.parametrize(("kind", "metric"), sorted(SEARCHED_IN_FLOAT64))
def test_what_float32_cannot_tell_apart_is_searched_in_float64(kind, metric, monkeypatch):
    asked = []

    def watched(data, rows, count):
        asked.extend(rows)
        return search_float64(data, rows, count)

    monkeypatch.setattr("bench.datasets.exact.search_float64", watched)
    exact_search(dataset(*KINDS[kind], Metric(metric)), K)
    assert asked
    asked.clear()
    exact_search(dataset(*KINDS["plain"], Metric(metric)), K)
    assert not asked


@pytest.mark.parametrize("metric", Metric)
@pytest.mark.parametrize("kind", KINDS)
def test_no_row_left_out_is_better_than_its_bound(kind, metric):
    base, queries = KINDS[kind]
    found = search_float32(dataset(base, queries, metric), K)
    scores = true_scores(base, queries, metric)
    np.put_along_axis(scores, found.ids, -np.inf, axis=1)
    bound = found.best_left_out if metric.descending else -found.best_left_out
    assert (scores.max(axis=1) <= bound).all()


def test_ties_in_float64_go_to_the_smaller_id(monkeypatch):
    monkeypatch.setattr("bench.datasets.store.BLOCK_BYTES", 4 * 12 * 250)
    base, queries = KINDS["all zero"]
    assert (search_float64(dataset(base, queries, Metric.IP), np.arange(3), K) == np.arange(K)).all()


@pytest.mark.parametrize("factor", [1e-22, 1e-30, 1e-42])
def test_values_whose_scores_vanish_are_refused(factor):
    for metric in (Metric.IP, Metric.L2):
        with pytest.raises(DatasetError, match=rf"{metric} scores vanish in float32 .*multiply all vectors") as error:
            exact_search(dataset(*scaled(factor), metric), K)
        assert "\n" not in str(error.value)
    assert exact_search(dataset(*scaled(1e-30), Metric.COSINE), K).ids.shape == (30, K)


def test_the_number_that_the_refusal_names_is_right():
    base, queries = scaled(1e-22)
    with pytest.raises(DatasetError) as error:
        exact_search(dataset(base, queries, Metric.IP), K)
    power = int(str(error.value).partition("2**")[2].partition(",")[0])
    found = exact_search(dataset(*(np.ldexp(array, power) for array in (base, queries)), Metric.IP), K)
    np.testing.assert_array_equal(found.ids, exact_search(dataset(BASE, QUERIES, Metric.IP), K).ids)


def sets_of(base, queries):
    """Documents and queries of three vectors each."""
    made = (Ragged(np.ascontiguousarray(array), np.arange(0, len(array) + 1, 3)) for array in (base, queries))
    return RaggedDataset("made", *made, relevance=None, checksum="c" * 64)


def chamfer(base, queries):
    products = queries.astype(np.float64) @ base.astype(np.float64).T
    return products.reshape(len(queries), -1, 3).max(axis=2).reshape(-1, 3, len(base) // 3).sum(axis=1)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "one long row"])
def test_no_document_is_nearer_than_those_that_truth_gives(kind):
    base, queries = KINDS[kind]
    found = exact_search_of_sets(sets_of(base, queries), K)
    scores = chamfer(base, queries)
    nearest = -np.sort(-scores, axis=1)[:, :K]
    np.testing.assert_allclose(np.take_along_axis(scores, found.ids, axis=1), nearest, rtol=1e-12)
    np.testing.assert_allclose(found.scores, nearest, rtol=1e-12)


def test_halves_of_sets_have_exact_neighbors():
    base, queries = BASE.astype(np.float16), (QUERIES * np.float32(1e-30))
    found = exact_search_of_sets(sets_of(base, queries), K)
    scores = chamfer(base, queries)
    np.testing.assert_allclose(found.scores, -np.sort(-scores, axis=1)[:, :K], rtol=1e-12)


@pytest.mark.parametrize("factor", [1e-22, 1e-40])
def test_sets_whose_scores_vanish_are_refused(factor):
    with pytest.raises(DatasetError, match=r"chamfer scores vanish in float32 .*multiply all vectors"):
        exact_search_of_sets(sets_of(*scaled(factor)), K)
