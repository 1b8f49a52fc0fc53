"""The rotation that brings vectors nearest to others (the orthogonal Procrustes problem; Schönemann 1966)."""

from __future__ import annotations

import numpy as np

__all__ = ["nearest_rotation"]

_LEAST = 1e-10  # of squared singular values to the largest: below, products of a matrix with itself do not hold them


def nearest_rotation(products: np.ndarray) -> np.ndarray:
    """The orthogonal matrix R (d, d) float32 for which ``sum (x R - y)^2`` is least.

    It is ``u v'`` of the singular value decomposition ``u s v'`` of ``products``, and so their polar factor ``P (P'
    P)^(-1/2)``, which takes half the time. Of products that are singular, or nearly so, by the decomposition itself.

    Parameters
    ----------
    products : (d, d) float32
        ``x' y`` of vectors x and y (n, d).
    """
    exact = products.astype(np.float64)
    squares, axes = np.linalg.eigh(exact.T @ exact)
    if not squares[0] > _LEAST * squares[-1]:
        left, _, right = np.linalg.svd(products)
        return left @ right
    polar = (exact @ (axes / np.sqrt(squares))) @ axes.T
    # A step of Newton and Schulz makes orthogonal to 1e-12 what rounding left so to 1e-6.
    polar = 1.5 * polar - 0.5 * (polar @ (polar.T @ polar))
    return polar.astype(np.float32)
