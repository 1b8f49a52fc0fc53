"""Assignment of narrow vectors to their nearest centroid: the inner step of k-means in subspaces of few dimensions."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["assign_nearest", "split_into_empty"]

_SPLIT = np.float32(1 / 1024)  # how far the two halves of a split cluster are moved apart, relative

_FAST = {"nnan", "nsz", "contract"}  # inputs are finite; a fused multiply-add may round once


@njit(cache=True, nogil=True, fastmath=_FAST)
def assign_nearest(vectors: np.ndarray, centroids: np.ndarray, nearest: np.ndarray, sums: np.ndarray) -> None:
    """The nearest of few centroids to each vector, and the sums that the next centroids follow from.

    Parameters
    ----------
    vectors : (n, d) float32
    centroids : (d, K) float32
        One centroid a column, so that distances to neighboring centroids are computed together; K is a power of two.
    nearest : (n,) int32
        Filled: argmin over k of ||x - c_k||^2.
    sums : (K, d + 1) float64
        Filled: sum of the vectors of each centroid, and in the last column their number.
    """
    d, k = centroids.shape
    half = np.zeros(k, np.float32)
    for j in range(d):
        for c in range(k):
            half[c] += np.float32(0.5) * centroids[j, c] * centroids[j, c]
    tournament = np.empty(2 * k, np.float32)
    sums[:] = 0
    for i in range(len(vectors)):
        _scores(vectors[i], centroids, half, tournament)
        best = _winner(tournament, k)
        nearest[i] = best
        for j in range(d):
            sums[best, j] += vectors[i, j]
        sums[best, d] += 1


@njit(cache=True, fastmath=_FAST, inline="always")
def _scores(x: np.ndarray, centroids: np.ndarray, half: np.ndarray, scores: np.ndarray) -> None:
    """``scores[:K]`` = ||c||^2 / 2 - <x, c>, in passes of four dimensions: each pass reads and writes the scores."""
    d, k = centroids.shape
    for c in range(k):
        scores[c] = half[c]
    unrolled = d - d % 4
    for j in range(0, unrolled, 4):
        a, b, e, f = x[j], x[j + 1], x[j + 2], x[j + 3]
        for c in range(k):
            scores[c] -= (
                a * centroids[j, c] + b * centroids[j + 1, c] + e * centroids[j + 2, c] + f * centroids[j + 3, c]
            )
    for j in range(unrolled, d):
        a = x[j]
        for c in range(k):
            scores[c] -= a * centroids[j, c]


@njit(cache=True, fastmath=_FAST, inline="always")
def _winner(scores: np.ndarray, k: int) -> int:
    """Index of the least of ``scores[:k]``: rounds of halving, kept behind the scores, then back to the start.

    A running minimum would wait for each comparison; rounds compare eight at a time.
    """
    start, size = 0, k
    while size > 1:
        size //= 2
        here, upper, there = scores[start : start + size], scores[start + size : start + 2 * size], start + 2 * size
        out = scores[there : there + size]
        for c in range(size):
            out[c] = min(here[c], upper[c])
        start = there
    best, least = 0, scores[start]
    while size < k:
        start -= 2 * size
        if scores[start + best] != least:
            best += size
        size *= 2
    return best


@njit(cache=True)
def split_into_empty(centroids: np.ndarray, sizes: np.ndarray) -> None:
    """Give each empty cluster one half of the largest, whose two centroids are moved apart a little; in place.

    Parameters
    ----------
    centroids : (K, d) float32
    sizes : (K,) float64
        Vectors of each centroid, at least K together.
    """
    for empty in range(len(sizes)):
        if sizes[empty] > 0:
            continue
        large = sizes.argmax()
        for j in range(centroids.shape[1]):
            shift = _SPLIT if j % 2 == 0 else -_SPLIT
            centroids[empty, j] = centroids[large, j] * (1 + shift)
            centroids[large, j] *= 1 - shift
        sizes[empty] = sizes[large] // 2
        sizes[large] -= sizes[empty]
