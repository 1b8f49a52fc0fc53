"""Scan of product codes where an inner product is divided by the norm of the decoded vector."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.heap import push, sort_heap

__all__ = ["renormalized_scan"]


@njit(cache=True, nogil=True)
def renormalized_scan(
    codes: np.ndarray, tables: np.ndarray, squares: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` codes with the largest cosine between query and decoded vector, times the query's norm.

    A decoded vector is the concatenation of one centroid a subspace, so its inner product with the query and its
    squared norm are both sums over subspaces of a table entry; a norm is summed once for all queries.

    Parameters
    ----------
    codes : (n, M) uint8
    tables : (nq, M, 256) float32
        Inner products of each query's subvectors with the centroids.
    squares : (M, 256) float32
        Squared norms of the centroids.
    k : int
        1 to n.

    Returns
    -------
    scores : (nq, k) float32, descending; a decoded zero vector scores 0.
    ids : (nq, k) int64
    """
    n, m = codes.shape
    nq = len(tables)
    keys = np.full((nq, k), np.inf, np.float32)
    ids = np.full((nq, k), -1, np.int64)
    for i in range(n):
        code = codes[i]
        square = np.float32(0)
        for j in range(m):
            square += squares[j, code[j]]
        scale = np.float32(-1 / np.sqrt(square)) if square > 0 else np.float32(0)
        for q in range(nq):
            table = tables[q]
            # Four partial sums: additions of floats are not reordered, and one chain would wait for each.
            a = b = c = d = np.float32(0)
            unrolled = m - m % 4
            for j in range(0, unrolled, 4):
                a += table[j, code[j]]
                b += table[j + 1, code[j + 1]]
                c += table[j + 2, code[j + 2]]
                d += table[j + 3, code[j + 3]]
            for j in range(unrolled, m):
                a += table[j, code[j]]
            key = ((a + b) + (c + d)) * scale
            if key < keys[q, 0]:
                push(keys[q], ids[q], key, i)
    for q in range(nq):
        sort_heap(keys[q], ids[q])
    return -keys, ids
