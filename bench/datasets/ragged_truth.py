"""Exact Chamfer neighbours: our kernel's candidates, put in order by scores in float64."""

from __future__ import annotations

import numpy as np

from bench.datasets.ragged import RaggedDataset
from bench.datasets.truth import MARGIN, GroundTruth
from methods.kernels.chamfer import chamfer_candidates, chamfer_search

_QUERIES = 256  # at a time


def exact_search(dataset: RaggedDataset, k: int) -> GroundTruth:
    """The exact ``1 <= k <= n`` documents of largest Chamfer score for every query; ties go to the smaller id."""
    kept = min(k + MARGIN, len(dataset.base))
    scores, ids = [], []
    for start in range(0, len(dataset.queries), _QUERIES):
        asked = dataset.queries[start : start + _QUERIES]
        sets = (asked.floats(), asked.offsets, dataset.base.vectors, dataset.base.offsets)
        _, candidates = chamfer_search(*sets, kept)
        exact = chamfer_candidates(*sets, candidates, exact=True)
        order = np.lexsort((candidates, -exact), axis=1)[:, :k]
        scores.append(np.take_along_axis(exact, order, axis=1))
        ids.append(np.take_along_axis(candidates, order, axis=1))
    return GroundTruth(np.concatenate(scores).astype(np.float32), np.concatenate(ids))


def true_scores(dataset: RaggedDataset, queries: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Chamfer scores (pairs,) float64 of pairs of a query's row and a document's id."""
    asked = dataset.queries.take(queries)
    sets = (asked.floats(), asked.offsets, dataset.base.vectors, dataset.base.offsets)
    return chamfer_candidates(*sets, ids[:, None], exact=True)[:, 0]
