"""Scoring some documents of each query exactly, each document decoded once for all queries."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from methods.kernels.sets.chamfer import chamfer_candidates
from methods.multivector.ragged import Ragged

__all__ = ["best_candidates", "score_candidates"]

_BLOCK_BYTES = 128 << 20  # of decoded float32 documents at a time


def score_candidates(
    gather: Callable[[np.ndarray], Ragged],
    queries: Ragged,
    candidates: np.ndarray,
    vectors: float,
    block_bytes: int = _BLOCK_BYTES,
) -> np.ndarray:
    """Chamfer scores (nq, m) float32 of the documents ``candidates`` (nq, m) of each query; -inf where that is -1.

    Parameters
    ----------
    gather : callable
        The documents with the given numbers (any, ascending), float32 or float16.
    queries : Ragged
        float32.
    candidates : (nq, m) int64
    vectors : float
        Mean vectors of a document: bounds how many are decoded at a time.
    block_bytes : int
        The most bytes of decoded documents at a time, on average.
    """
    scores = np.full(candidates.shape, -np.inf, np.float32)
    ids = np.unique(candidates[candidates >= 0])
    step = max(1, int(block_bytes / max(1.0, 4.0 * queries.dim * vectors)))
    for start in range(0, len(ids), step):
        block = ids[start : start + step]
        documents = gather(block)
        inside = (candidates >= block[0]) & (candidates <= block[-1])
        places = np.where(inside, np.searchsorted(block, candidates), -1)
        block_scores = chamfer_candidates(
            queries.vectors, queries.offsets, documents.vectors, documents.offsets, places
        )
        scores[inside] = block_scores[inside]
    return scores


def best_candidates(scores: np.ndarray, candidates: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` best of each row, padded with -inf and -1; candidates come in ascending order, so ties keep it."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    scores, ids = np.take_along_axis(scores, best, axis=1), np.take_along_axis(candidates, best, axis=1)
    pad = ((0, 0), (0, k - scores.shape[1]))
    return np.pad(scores, pad, constant_values=-np.inf), np.pad(ids, pad, constant_values=-1)
