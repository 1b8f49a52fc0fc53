"""Scoring some documents of each query exactly, each document decoded once for a block of queries."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from methods.kernels.chamfer import chamfer_candidates
from methods.multivector.ragged import Ragged

__all__ = ["best_candidates", "score_candidates"]

_BLOCK_BYTES = 128 << 20  # of decoded float32 documents at a time


def score_candidates(
    gather: Callable[[np.ndarray], Ragged], queries: Ragged, candidates: np.ndarray, size: int, vectors: float
) -> np.ndarray:
    """Chamfer scores (nq, m) float32 of the documents ``candidates`` (nq, m) of each query; -inf where that is -1.

    Parameters
    ----------
    gather : callable
        The documents with the given numbers (any, ascending), float32 or float16.
    queries : Ragged
        float32.
    candidates : (nq, m) int64
    size : int
        Number of documents that there are.
    vectors : float
        Mean vectors of a document: bounds how many are decoded at a time.
    """
    scores = np.full(candidates.shape, -np.inf, np.float32)
    most = _BLOCK_BYTES / max(1.0, 4.0 * queries.dim * vectors)  # documents in memory
    step = len(queries) if size <= most else max(1, int(most / max(1, candidates.shape[1])))
    for start in range(0, len(queries), max(1, step)):
        block = candidates[start : start + step]
        ids = np.unique(block[block >= 0])
        if not len(ids):
            continue
        documents = gather(ids)
        places = np.where(block >= 0, np.searchsorted(ids, block), -1)
        asked = queries[start : start + step]
        scores[start : start + step] = chamfer_candidates(
            asked.vectors, asked.offsets, documents.vectors, documents.offsets, places
        )
    return scores


def best_candidates(scores: np.ndarray, candidates: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` best of each row, padded with -inf and -1; candidates come in ascending order, so ties keep it."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    scores, ids = np.take_along_axis(scores, best, axis=1), np.take_along_axis(candidates, best, axis=1)
    pad = ((0, 0), (0, k - scores.shape[1]))
    return np.pad(scores, pad, constant_values=-np.inf), np.pad(ids, pad, constant_values=-1)
