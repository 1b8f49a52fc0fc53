"""Chamfer scores of documents whose vectors are replaced by centroids: products are looked up, not computed."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.errors import KernelError

__all__ = ["centroid_chamfer", "numbered_chamfer"]


@njit(cache=True, nogil=True)
def centroid_chamfer(codes: np.ndarray, offsets: np.ndarray, products: np.ndarray) -> np.ndarray:
    """Scores (n,) float32 for one query: the sum over its vectors of the largest product with a document's centroids.

    Parameters
    ----------
    codes : (total, size) uint8
        The first four bytes of a vector's code are its centroid's number, least byte first.
    offsets : (n + 1,) int64
        Rows ``offsets[i] : offsets[i + 1]`` are document i's.
    products : (K, m) float32
        Of each centroid with each vector of the query.
    """
    m = products.shape[1]
    scores = np.empty(len(offsets) - 1, np.float32)
    best = np.empty(m, np.float32)
    for doc in range(len(scores)):
        best[:] = -np.inf
        for row in range(offsets[doc], offsets[doc + 1]):
            code = codes[row]
            number = np.int64(code[0]) | np.int64(code[1]) << 8 | np.int64(code[2]) << 16 | np.int64(code[3]) << 24
            if number >= len(products):
                raise KernelError("a code names a centroid that is none of these: it is another codec's")
            for j in range(m):
                best[j] = max(best[j], products[number, j])
        scores[doc] = best.sum()
    return scores


@njit(cache=True, nogil=True)
def numbered_chamfer(numbers: np.ndarray, offsets: np.ndarray, products: np.ndarray) -> np.ndarray:
    """As :func:`centroid_chamfer`, of centroids' ``numbers`` (total,) uint16, all of them below K."""
    m = products.shape[1]
    scores, best = np.empty(len(offsets) - 1, np.float32), np.empty(m, np.float32)
    for doc in range(len(scores)):
        best[:] = -np.inf
        for row in range(offsets[doc], offsets[doc + 1]):
            line = products[numbers[row]]
            for j in range(m):
                best[j] = max(best[j], line[j])
        scores[doc] = best.sum()
    return scores
