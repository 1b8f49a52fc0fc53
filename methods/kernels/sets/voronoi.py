"""The order in which vectors of a document are dropped by Voronoi mass."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["drop_order", "drop_order_reference"]


def drop_order_reference(products: np.ndarray) -> np.ndarray:
    """As :func:`drop_order`, in NumPy."""
    n = products.shape[1]
    left = products.copy()
    order = np.full(n, n - 1)
    for step in range(n - 1):
        mass = np.bincount(left.argmax(axis=1), minlength=n).astype(np.float64)
        mass[np.isneginf(left).all(axis=0) & (order < n - 1)] = np.inf
        least = n - 1 - int(mass[::-1].argmin())
        order[least] = step
        left[:, least] = -np.inf
    return order


@njit(cache=True, nogil=True)
def drop_order(products: np.ndarray) -> np.ndarray:
    """The step (n,) int64 at which each of n vectors is dropped: always the one of least mass, the later of equal ones.

    Parameters
    ----------
    products : (m, n) float32
        Of m sampled vectors with a document's. A vector's mass is the number of those to which it has the largest
        product of all that are left, the earlier of equal ones.
    """
    m, n = products.shape
    order = np.full(n, n - 1)
    left = np.ones(n, np.bool_)
    mass = np.zeros(n, np.int64)
    best = np.zeros(m, np.int64)
    for i in range(m):
        for j in range(1, n):
            if products[i, j] > products[i, best[i]]:
                best[i] = j
        mass[best[i]] += 1
    for step in range(n - 1):
        least = -1
        for j in range(n):
            if left[j] and (least < 0 or mass[j] <= mass[least]):
                least = j
        order[least] = step
        left[least] = False
        if not mass[least]:
            continue
        for i in range(m):
            if best[i] == least:
                next_best = -1
                for j in range(n):
                    if left[j] and (next_best < 0 or products[i, j] > products[i, next_best]):
                        next_best = j
                best[i] = next_best
                mass[next_best] += 1
    return order
