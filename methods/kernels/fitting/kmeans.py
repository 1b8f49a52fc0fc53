"""Assignment of narrow vectors to their nearest centroid: the inner step of k-means in subspaces of few dimensions."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.simd.nearest_two import LANES, nearest_two

__all__ = ["assign_nearest", "split_into_empty"]

_SPLIT = np.float32(1 / 1024)  # how far the two halves of a split cluster are moved apart, relative

_FAR = np.float32(3e38)
_ROUNDING = np.float32(1e-5)  # of squared distances in float32, relative to the squared lengths of vectors
_FAST = {"nnan", "nsz", "contract"}  # inputs are finite; a fused multiply-add may round once


@njit(cache=True, nogil=True, fastmath=_FAST)
def assign_nearest(
    vectors: np.ndarray,
    centroids: np.ndarray,
    moved: float,
    nearest: np.ndarray,
    margins: np.ndarray,
    sums: np.ndarray,
) -> int:
    """The nearest of few centroids to each vector, and the sums that the next centroids follow from.

    A vector that is nearer to its former centroid than any other can have come is not compared with the others
    (Hamerly 2010, *Making k-means even faster*).

    Parameters
    ----------
    vectors : (n, d) float32
    centroids : (d, K) float32
        One centroid a column, so that distances to neighboring centroids are computed together; K is a power of two.
    moved : float
        The farthest that any centroid is from where it was at the call before; inf at the first call.
    nearest : (n,) int32
        Of the call before; filled: argmin over k of ||x - c_k||^2.
    margins : (n,) float32
        Of the call before; filled: no other centroid is nearer than that.
    sums : (K, d + 1) float64
        Filled: sum of the vectors of each centroid, and in the last column their number.

    Returns
    -------
    int
        How many vectors have another centroid than before; all of them at the first call.
    """
    d, k = centroids.shape
    padded = np.zeros((d, -(-k // LANES) * LANES), np.float32)
    half = np.full(padded.shape[1], _FAR, np.float32)
    half[:k] = 0
    for j in range(d):
        for c in range(k):
            padded[j, c] = centroids[j, c]
            half[c] += np.float32(0.5) * centroids[j, c] * centroids[j, c]
    rows, scores = np.ascontiguousarray(centroids.T), np.empty(2, np.float32)
    sums[:] = 0
    changed, farthest, first = 0, np.float32(moved * (1 + 1e-5)), moved == np.inf
    for i in range(len(vectors)):
        own = nearest[i]
        compare = first
        if not first:
            margins[i] -= farthest
            square, length = np.float32(0), np.float32(0)
            for j in range(d):
                difference = vectors[i, j] - rows[own, j]
                square += difference * difference
                length += vectors[i, j] * vectors[i, j]
            compare = margins[i] <= 0 or square + _ROUNDING * length >= margins[i] * margins[i]
        if compare:
            best = nearest_two(vectors, i, padded, half, scores)
            square = np.float32(0)
            for j in range(d):
                square += vectors[i, j] * vectors[i, j]
            margins[i] = np.sqrt(max(square + np.float32(2) * scores[1], np.float32(0)))
            if first or best != own:
                changed += 1
                own = best
                nearest[i] = own
        for j in range(d):
            sums[own, j] += vectors[i, j]
        sums[own, d] += 1
    return changed


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
