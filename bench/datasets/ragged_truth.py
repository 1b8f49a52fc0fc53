"""Exact Chamfer neighbours: our kernel's candidates, put in order by scores in float64."""

from __future__ import annotations

import numpy as np

from bench.datasets.ragged import RaggedDataset
from bench.datasets.truth import MARGIN, GroundTruth, overflow
from methods.kernels.chamfer import chamfer_candidates, chamfer_search

_QUERIES = 256  # at a time
_PAIRS = 4096  # at a time: each has its query's vectors copied


def exact_search(dataset: RaggedDataset, k: int) -> GroundTruth:
    """The exact ``1 <= k <= n`` documents of largest Chamfer score for every query; ties go to the smaller id."""
    kept = min(k + MARGIN, len(dataset.base))
    scores, ids = [], []
    for start in range(0, len(dataset.queries), _QUERIES):
        asked = dataset.queries[start : start + _QUERIES]
        sets = (asked.floats(), asked.offsets, dataset.base.vectors, dataset.base.offsets)
        _, candidates = chamfer_search(*sets, kept)
        if (candidates < 0).any():
            raise overflow(dataset.name, dataset.metric)
        exact = chamfer_candidates(*sets, candidates, exact=True)
        if not (np.abs(exact) < np.finfo(np.float32).max).all():
            raise overflow(dataset.name, dataset.metric)
        order = np.lexsort((candidates, -exact), axis=1)[:, :k]
        scores.append(np.take_along_axis(exact, order, axis=1))
        ids.append(np.take_along_axis(candidates, order, axis=1))
    return GroundTruth(np.concatenate(scores).astype(np.float32), np.concatenate(ids))


def true_scores(dataset: RaggedDataset, queries: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Chamfer scores (pairs,) float64 of pairs of a query's row and a document's id."""
    scores = np.empty(len(ids), np.float64)
    for start in range(0, len(ids), _PAIRS):
        some = slice(start, start + _PAIRS)
        asked = dataset.queries.take(queries[some])
        sets = (asked.floats(), asked.offsets, dataset.base.vectors, dataset.base.offsets)
        scores[some] = chamfer_candidates(*sets, ids[some, None], exact=True)[:, 0]
    return scores
