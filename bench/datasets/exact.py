"""Exact nearest neighbors among a range of the base's rows, and the merging of ranges.

Whatever the ranges, the merged neighbors are the same: their scores are in float64, ties go to the smaller id, and what
rounding in float32 leaves open is searched in float64 within each range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bench.datasets.base import Dataset
from bench.datasets.candidates import search_float32, search_float64, unit
from bench.datasets.neighbors import MARGIN, GroundTruth
from bench.datasets.ranges import check_overflow, check_underflow
from bench.datasets.store import BLOCK_BYTES, Span
from methods import Metric

__all__ = ["Part", "exact_scores", "exact_search", "merged", "search_rows", "truth_of"]

_TAKEN_BYTES = 256 << 20  # of vectors at a time: a format of row groups decodes most of them for each time


@dataclass(frozen=True)
class Part:
    """The nearest neighbors of every query among the rows ``start:stop`` of the base.

    Attributes
    ----------
    start, stop : int
    greatest : float
        What no score among them exceeds, by the norms of queries and rows.
    scores : (nq, min(k, stop - start)) float64
        Best first; ties by the smaller id.
    ids : (nq, min(k, stop - start)) int64
        Rows of the whole base.
    """

    start: int
    stop: int
    greatest: float
    scores: np.ndarray
    ids: np.ndarray


def exact_search(dataset: Dataset, k: int) -> GroundTruth:
    """The exact ``1 <= k <= n`` nearest neighbors of every query, computed at once and kept nowhere.

    Raises
    ------
    DatasetError
        Float32 would find a score infinite, or lose all of them.
    """
    return truth_of(search_rows(dataset, k, 0, dataset.base.shape[0]), dataset)


def truth_of(part: Part, dataset: Dataset) -> GroundTruth:
    """A part of all rows as what was searched for; errors are those of :func:`exact_search`."""
    check_underflow(part.greatest, dataset.dim, dataset.name, dataset.metric)
    check_overflow(part.scores, dataset.name, dataset.metric)
    return GroundTruth(part.scores, part.ids)


def merged(parts: Sequence[Part], k: int, metric: Metric) -> Part:
    """The ``k`` nearest of parts whose rows follow each other, or all if there are no more."""
    scores, ids = (np.hstack(arrays) for arrays in zip(*((part.scores, part.ids) for part in parts)))
    scores, ids = _best(scores, ids, k, metric)
    return Part(parts[0].start, parts[-1].stop, max(part.greatest for part in parts), scores, ids)


def search_rows(dataset: Dataset, k: int, start: int, stop: int) -> Part:
    """The exact ``k`` nearest, or all if there are no more, among the rows ``start:stop`` of the base."""
    some = replace(dataset, base=Span(dataset.base, start, stop))
    rows = some.base.shape[0]
    k, kept = min(k, rows), min(k + MARGIN, rows)
    candidates = search_float32(some, kept)
    every = np.arange(len(candidates.ids))
    scores, ids = _in_order(some, every, candidates.ids, k)
    last, bound = scores[:, -1], candidates.best_left_out
    open_ = every[last < bound if dataset.metric.descending else last > bound]
    if len(open_):
        scores[open_], ids[open_] = _in_order(some, open_, search_float64(some, open_, kept), k)
    return Part(start, start + rows, candidates.greatest, scores, ids + start)


def _in_order(dataset: Dataset, queries: np.ndarray, ids: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The best ``k`` of the candidates ``ids`` (q, m) of the given queries by exact scores; ties by the smaller id."""
    scores = np.empty((len(ids), k))
    sorted_ids = np.empty((len(ids), k), np.int64)
    step = max(1, _TAKEN_BYTES // (4 * ids.shape[1] * dataset.dim))
    for start in range(0, len(ids), step):
        chosen = slice(start, start + step)
        exact = exact_scores(dataset, queries[chosen], ids[chosen])
        scores[chosen], sorted_ids[chosen] = _best(exact, ids[chosen], k, dataset.metric)
    return scores, sorted_ids


def _best(scores: np.ndarray, ids: np.ndarray, k: int, metric: Metric) -> tuple[np.ndarray, np.ndarray]:
    """The best ``k`` columns of each row, in order; ties by the smaller id."""
    order = np.lexsort((ids, -scores if metric.descending else scores), axis=1)[:, :k]
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(ids, order, axis=1)


def exact_scores(dataset: Dataset, queries: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Scores (q, k) float64 of the rows ``queries`` (q,) of the queries with the rows ``ids`` (q, k) of the base."""
    distinct, places = np.unique(ids, return_inverse=True)
    vectors, places = dataset.base.take(distinct), places.reshape(ids.shape)
    scores = np.empty(ids.shape)
    step = max(1, BLOCK_BYTES // (16 * ids.shape[1] * dataset.dim))
    for start in range(0, len(ids), step):
        chosen = slice(start, start + step)
        query_vectors = dataset.queries[queries[chosen]].astype(np.float64)
        used, where = np.unique(places[chosen], return_inverse=True)
        items = vectors[used].astype(np.float64)
        if dataset.metric is Metric.COSINE:
            items, query_vectors = unit(items), unit(query_vectors)
        neighbors = items[where.reshape(-1, ids.shape[1])]
        if dataset.metric is Metric.L2:
            scores[chosen] = np.square(neighbors - query_vectors[:, None, :]).sum(axis=2)
        else:
            scores[chosen] = np.einsum("qkd,qd->qk", neighbors, query_vectors)
    return scores
