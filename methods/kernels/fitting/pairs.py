"""Inner products of all pairs of an example's rows, and their gradient: the interaction of a click model."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["pair_products", "pair_products_gradient"]

_FAST = {"reassoc", "nsz", "contract"}  # sums may be taken in lanes; what is not finite stays so


@njit(cache=True, nogil=True, fastmath=_FAST)
def pair_products(rows: np.ndarray, products: np.ndarray) -> None:
    """``products[:, p]`` = <row i, row j> for i < j, in the order of ``np.triu_indices(fields, 1)``.

    Parameters
    ----------
    rows : (n, fields, d) float32
    products : (n, fields * (fields - 1) / 2) float32
        Filled.
    """
    n, fields, d = rows.shape
    for e in range(n):
        p = 0
        for i in range(fields):
            for j in range(i + 1, fields):
                total = np.float32(0)
                for k in range(d):
                    total += rows[e, i, k] * rows[e, j, k]
                products[e, p] = total
                p += 1


@njit(cache=True, nogil=True, fastmath=_FAST)
def pair_products_gradient(rows: np.ndarray, slopes: np.ndarray, gradient: np.ndarray) -> None:
    """``gradient[:, i]`` = sum over j of the slope of pair (i, j) times row j.

    Parameters
    ----------
    rows : (n, fields, d) float32
    slopes : (n, fields * (fields - 1) / 2) float32
        Of the loss by each product.
    gradient : (n, fields, d) float32
        Filled.
    """
    n, fields, d = rows.shape
    for e in range(n):
        gradient[e] = 0
        p = 0
        for i in range(fields):
            for j in range(i + 1, fields):
                slope = slopes[e, p]
                p += 1
                for k in range(d):
                    gradient[e, i, k] += slope * rows[e, j, k]
                    gradient[e, j, k] += slope * rows[e, i, k]
