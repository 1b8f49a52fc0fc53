"""Exact Chamfer neighbors: our kernel's candidates, put in order by scores in float64.

Where rounding in float32 may have left out a true neighbor, more candidates are scored, in the end all documents.
"""

from __future__ import annotations

import numpy as np

from bench.datasets.candidates import ROUNDING
from bench.datasets.neighbors import MARGIN, GroundTruth
from bench.datasets.ranges import check_overflow, check_underflow, scaling
from bench.datasets.sets.dataset import RaggedDataset
from methods.kernels.sets.chamfer import chamfer_candidates, chamfer_search
from methods.multivector import Ragged

_QUERIES = 256  # at a time
_PAIRS = 4096  # at a time: each has its query's vectors copied
_COPIED = 64 << 20  # bytes of these at a time, where a single query has no more
_SCORES = 1 << 22  # of queries and documents at a time
_MORE = 16  # times as many candidates where the first did not suffice
_VECTORS = 1 << 16  # of documents at a time
_LARGEST_POWER = 90  # of two, by which queries are scaled beside their own: they stay far within the range


def exact_search(dataset: RaggedDataset, k: int) -> GroundTruth:
    """The exact ``1 <= k <= n`` documents of largest Chamfer score for every query; ties go to the smaller id."""
    longest = _longest(dataset.base)
    check_underflow(longest * _longest(dataset.queries), dataset.dim, dataset.name, dataset.metric)
    scores, ids = [], []
    for start in range(0, len(dataset.queries), _QUERIES):
        block = _search(dataset, dataset.queries[start : start + _QUERIES], k, longest)
        scores.append(block[0])
        ids.append(block[1])
    return GroundTruth(np.concatenate(scores), np.concatenate(ids))


def _search(dataset: RaggedDataset, queries: Ragged, k: int, longest: float) -> tuple[np.ndarray, np.ndarray]:
    """Exact scores (nq, k) float64 and ids of some queries; ``longest`` is the greatest norm in the documents."""
    n = len(dataset.base)
    scores, ids = np.empty((len(queries), k)), np.empty((len(queries), k), np.int64)
    open_, kept = np.arange(len(queries)), min(k + MARGIN, n)
    while len(open_):
        open_queries = queries.take(open_)
        candidates, best_left_out = _candidates(dataset.base, open_queries, kept, longest)
        scores[open_], ids[open_] = _in_order(dataset, open_queries, candidates, k)
        open_ = open_[scores[open_, -1] < best_left_out]
        kept = n if kept >= _MORE * k else min(_MORE * kept, n)
    return scores, ids


def _candidates(documents: Ragged, queries: Ragged, kept: int, longest: float) -> tuple[np.ndarray, np.ndarray]:
    """Ids (nq, kept) by scores in float32, and (nq,) float64 that the true score of no other document exceeds."""
    if kept == len(documents):
        return np.tile(np.arange(kept), (len(queries), 1)), np.full(len(queries), -np.inf)
    vectors, first = queries.floats(), queries.offsets[:-1]
    powers = _powers(np.maximum.reduceat(np.abs(vectors).max(axis=1), first), longest)
    scaled = np.ldexp(vectors, np.repeat(powers, queries.lengths)[:, None]) if powers.any() else vectors
    scores, ids = chamfer_search(scaled, queries.offsets, documents.vectors, documents.offsets, kept)
    last = np.ldexp(scores[:, -1].astype(np.float64), -powers)
    norms = np.add.reduceat(_norms(vectors), first)
    relative = (np.sqrt(documents.dim) + np.sqrt(queries.lengths) + 4) * ROUNDING
    return ids, last + relative * norms * longest


def _powers(greatest: np.ndarray, longest: float) -> np.ndarray:
    """Exponents of two (nq,) for queries of values up to ``greatest``, so that products are far within float32."""
    aside = np.clip(scaling(longest), -_LARGEST_POWER, _LARGEST_POWER)  # documents are left as they are
    return np.where(greatest > 0, scaling(greatest) + aside, 0)


def _in_order(dataset: RaggedDataset, queries: Ragged, candidates: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    scores, ids = np.empty((len(queries), k)), np.empty((len(queries), k), np.int64)
    step = max(1, _SCORES // candidates.shape[1])
    for start in range(0, len(queries), step):
        some = slice(start, start + step)
        some_queries = queries[some]
        sets = (some_queries.floats(), some_queries.offsets, dataset.base.vectors, dataset.base.offsets)
        exact = chamfer_candidates(*sets, candidates[some], exact=True)
        check_overflow(exact, dataset.name, dataset.metric)
        order = np.lexsort((candidates[some], -exact), axis=1)[:, :k]
        scores[some] = np.take_along_axis(exact, order, axis=1)
        ids[some] = np.take_along_axis(candidates[some], order, axis=1)
    return scores, ids


def _longest(sets: Ragged) -> float:
    """The greatest norm of a vector."""
    return max(float(_norms(block.vectors).max()) for _, block in sets.blocks(_VECTORS))


def _norms(vectors: np.ndarray) -> np.ndarray:
    """(n,) float64."""
    return np.linalg.norm(vectors.astype(np.float64), axis=1)


def true_scores(dataset: RaggedDataset, queries: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Chamfer scores (pairs,) float64 of pairs of a query's row and a document's id."""
    scores = np.empty(len(ids), np.float64)
    most = 4 * dataset.dim * int(dataset.queries.lengths.max(initial=1))
    step = max(1, min(_PAIRS, _COPIED // most))
    for start in range(0, len(ids), step):
        some = slice(start, start + step)
        some_queries = dataset.queries.take(queries[some])
        sets = (some_queries.floats(), some_queries.offsets, dataset.base.vectors, dataset.base.offsets)
        scores[some] = chamfer_candidates(*sets, ids[some, None], exact=True)[:, 0]
    return scores
