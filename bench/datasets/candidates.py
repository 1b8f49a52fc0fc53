"""Candidates for exact nearest neighbors: faiss's search in float32, with a bound on what it may have left out.

Rounding makes a float32 score wrong by some 1e-7 of the product of the norms. Where vectors share a long common part or
lie close together, that is more than the difference between a true neighbor and many others, so every search
says how good a row outside its candidates can be at best; queries that this leaves open are searched in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bench.datasets.base import Dataset
from bench.datasets.ranges import scaling, underflow_error
from bench.datasets.store import BLOCK_BYTES, blocks
from bench.progress import watched
from methods import Metric
from methods.vectors import normalized

__all__ = ["ROUNDING", "Candidates", "search_float32", "search_float64", "unit"]

ROUNDING = 2.0**-24  # of one operation in float32, relative
_REPORT_FLOPS = 1e11


@dataclass(frozen=True)
class Candidates:
    """Rows of the base that may be a query's nearest.

    Attributes
    ----------
    ids : (nq, count) int64
        In no particular order.
    best_left_out : (nq,) float64
        The best true score (largest, or for l2 smallest) that a row outside ``ids`` may have, as far as errors of
        rounding add up by chance. The worst case, all to one side, would be ``sqrt(dim)`` times as far. Of 240,000
        products at 16 to 1,536 dimensions, most of them with terms of one sign, no error was more than a quarter of
        this margin, which was 28 of their standard deviations or more.
    greatest : float
        What no score exceeds, by the norms of queries and rows.
    """

    ids: np.ndarray
    best_left_out: np.ndarray
    greatest: float


def search_float32(dataset: Dataset, count: int) -> Candidates:
    """The ``count`` best of every query by scores in float32; all rows if there are no more."""
    metric, dim = dataset.metric, dataset.dim
    queries = normalized(dataset.queries) if metric is Metric.COSINE else dataset.queries
    search = _squared_distances if metric is Metric.L2 else _products
    best = _Best(len(queries), min(count, dataset.base.shape[0]), metric.descending)
    longest, lost = 0.0, np.zeros(len(queries))
    for start, block in _watched(dataset, len(queries), "exact search"):
        vectors = normalized(block) if metric is Metric.COSINE else block
        scores, ids, exponents = search(queries, vectors, best.count)
        best.add(scores, ids + start)
        longest = max(longest, float(_norms(vectors).max()))
        lost = np.maximum(lost, underflow_error(dim, exponents))
    norms = _norms(queries)
    farthest = float(norms.max())
    greatest = (longest + farthest) ** 2 if metric is Metric.L2 else longest * farthest
    if best.count == dataset.base.shape[0]:
        return Candidates(best.ids, np.full(len(queries), -np.inf if metric.descending else np.inf), greatest)
    left_out = _best_left_out(best.scores[:, -1], norms, longest, lost, dim, metric)
    return Candidates(best.ids, left_out, greatest)


def _best_left_out(
    last: np.ndarray, norms: np.ndarray, longest: float, lost: np.ndarray, dim: int, metric: Metric
) -> np.ndarray:
    """The scores ``last`` (nq,) of the worst candidates and the errors that a better row's score may have."""
    relative = (np.sqrt(dim) + 4) * ROUNDING  # as errors of many operations add up, and of what goes before
    if metric.descending:
        return last + relative * norms * longest + lost
    reach = 2 * norms + np.sqrt(np.maximum(last, 0))  # norms of the query and of a row that is nearer than the last
    return last - relative * np.square(reach) - 4 * lost


def _products(queries: np.ndarray, vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Largest inner products (nq, <= count) float64 and their rows; the exponents (nq,) of two in each."""
    import faiss

    of_queries = scaling(np.abs(queries).max(axis=1))
    of_vectors = scaling(np.abs(vectors).max())
    scaled_queries = np.ldexp(queries, of_queries[:, None]) if of_queries.any() else queries
    scaled = np.ldexp(vectors, of_vectors) if of_vectors else vectors
    scores, ids = faiss.knn(scaled_queries, scaled, min(count, len(vectors)), metric=faiss.METRIC_INNER_PRODUCT)
    exponents = of_queries + of_vectors
    return np.ldexp(scores.astype(np.float64), -exponents[:, None]), ids, exponents


def _squared_distances(
    queries: np.ndarray, vectors: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As :func:`_products` for the smallest squared distances; queries and vectors have one scale."""
    import faiss

    shift = scaling(max(np.abs(queries).max(), np.abs(vectors).max()))
    scaled_queries, scaled = (np.ldexp(array, shift) if shift else array for array in (queries, vectors))
    scores, ids = faiss.knn(scaled_queries, scaled, min(count, len(vectors)), metric=faiss.METRIC_L2)
    return np.ldexp(scores.astype(np.float64), -2 * shift), ids, np.full(len(queries), 2 * shift)


def search_float64(dataset: Dataset, rows: np.ndarray, count: int) -> np.ndarray:
    """Ids (nq, count) int64 of the best of the queries ``rows`` (nq,) by scores in float64; ties to the smaller id."""
    metric = dataset.metric
    prepare: Callable[[np.ndarray], np.ndarray] = unit if metric is Metric.COSINE else np.asarray
    queries = prepare(dataset.queries[rows].astype(np.float64))
    best = _Best(len(queries), min(count, dataset.base.shape[0]), descending=True)
    for start, block in _watched(dataset, len(queries), "search in float64"):
        vectors = prepare(block.astype(np.float64))
        step = max(1, BLOCK_BYTES // (8 * len(vectors)))
        blocks = [_nearest(queries[i : i + step], vectors, metric, best.count) for i in range(0, len(queries), step)]
        best.add(np.concatenate([scores for scores, _ in blocks]), np.concatenate([ids for _, ids in blocks]) + start)
    return best.ids


def _nearest(queries: np.ndarray, vectors: np.ndarray, metric: Metric, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores, larger is nearer, and rows of the ``count`` best; of equal ones those with the smaller row."""
    scores = queries @ vectors.T
    if metric is Metric.L2:  # less the square of the query's norm, the same for all
        scores = 2 * scores - np.square(vectors).sum(axis=1)
    count = min(count, len(vectors))
    least = np.partition(scores, len(vectors) - count, axis=1)[:, -count]
    ids = np.empty((len(queries), count), np.int64)
    for row, limit, nearest in zip(scores, least, ids):
        above, equal = np.flatnonzero(row > limit), np.flatnonzero(row == limit)
        nearest[: len(above)], nearest[len(above) :] = above, equal[: count - len(above)]
    return np.take_along_axis(scores, ids, axis=1), ids


class _Best:
    """The ``count`` best of each query over blocks, best first; of equal ones those with the smaller id."""

    def __init__(self, queries: int, count: int, descending: bool) -> None:
        self.count, self._sign = count, -1.0 if descending else 1.0
        self.scores, self.ids = np.empty((queries, 0)), np.empty((queries, 0), np.int64)

    def add(self, scores: np.ndarray, ids: np.ndarray) -> None:
        """Take in scores (nq, m) float64 and ids of a block."""
        scores, ids = np.hstack([self.scores, scores]), np.hstack([self.ids, ids])
        order = np.lexsort((ids, self._sign * scores), axis=1)[:, : self.count]
        self.scores, self.ids = np.take_along_axis(scores, order, axis=1), np.take_along_axis(ids, order, axis=1)


def unit(vectors: np.ndarray) -> np.ndarray:
    """A copy of float64 vectors, that came from float32, scaled to unit norm; zero vectors stay zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)


def _norms(vectors: np.ndarray) -> np.ndarray:
    """(n,) float64: squares in float64 neither overflow nor vanish."""
    return np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))


def _watched(dataset: Dataset, queries: int, what: str) -> Iterator[tuple[int, np.ndarray]]:
    rows, dim = dataset.base.shape
    long = 2.0 * rows * dim * queries > _REPORT_FLOPS
    return watched(blocks(dataset.base), what, -(-4 * rows * dim // BLOCK_BYTES), long=long)
