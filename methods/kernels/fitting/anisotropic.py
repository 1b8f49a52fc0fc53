"""Product codes of least score-aware error: coordinate descent over the centroids of all subspaces."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["anisotropic_codes"]


@njit(cache=True, nogil=True)
def anisotropic_codes(
    vectors: np.ndarray, codebooks: np.ndarray, eta: float, rounds: int, codes: np.ndarray, along: np.ndarray
) -> None:
    """Codes that lower ``|r|^2 + (eta - 1) <r, x>^2 / |x|^2`` for the residual r of a vector x.

    Parameters
    ----------
    vectors : (n, subspaces * width) float32
    codebooks : (subspaces, centroids, width) float32
    eta : float
        Weight of the error along the vector against that across it.
    rounds : int
        Most passes over the subspaces, from the nearest centroids on.
    codes : (n, subspaces) uint8
        Written.
    along : (n,) float32
        Written: <r, x>.
    """
    subspaces, centroids, width = codebooks.shape
    errors, parallel = np.empty((subspaces, centroids), np.float32), np.empty((subspaces, centroids), np.float32)
    for i in range(len(vectors)):
        square, total = np.float32(0), np.float32(0)
        for m in range(subspaces):
            x = vectors[i, m * width : (m + 1) * width]
            nearest = 0
            for c in range(centroids):
                error, product = np.float32(0), np.float32(0)
                for j in range(width):
                    difference = x[j] - codebooks[m, c, j]
                    error += difference * difference
                    product += difference * x[j]
                errors[m, c], parallel[m, c] = error, product
                if error < errors[m, nearest]:
                    nearest = c
            codes[i, m] = nearest
            total += parallel[m, nearest]
            for j in range(width):
                square += x[j] * x[j]
        weight = np.float32(eta - 1) / square if square > 0 else np.float32(0)
        for _ in range(rounds):
            moved = False
            for m in range(subspaces):
                own = np.int64(codes[i, m])
                others = total - parallel[m, own]
                best, least = -1, errors[m, own] + weight * total * total
                for c in range(centroids):
                    beside = others + parallel[m, c]
                    loss = errors[m, c] + weight * beside * beside
                    if loss < least * np.float32(1 - 1e-6):
                        best, least = c, loss
                if best >= 0:
                    codes[i, m], total, moved = best, others + parallel[m, best], True
            if not moved:
                break
        along[i] = total
