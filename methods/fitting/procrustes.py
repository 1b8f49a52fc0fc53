"""The rotation that brings vectors nearest to others (the orthogonal Procrustes problem; Schönemann 1966)."""

from __future__ import annotations

import numpy as np

__all__ = ["nearest_rotation"]

_LEAST = 1e-10  # of squared singular values to the largest: below, products of a matrix with itself do not hold them


def nearest_rotation(products: np.ndarray) -> np.ndarray:
    """The orthogonal matrix R (d, d) float32 for which ``sum (x R - y)^2`` is least.

    It is ``u v'`` of the singular value decomposition ``u s v'`` of ``products``, and so their polar factor ``P (P'
    P)^(-1/2)``, which takes half the time. Where products are singular, any rotation of what they leave open is as
    near, and one is taken.

    Parameters
    ----------
    products : (d, d) float32
        ``x' y`` of vectors x and y (n, d).
    """
    largest = np.abs(products).max(initial=0)
    exact = products.astype(np.float64) / (largest if largest > 0 else 1)
    squares, axes = np.linalg.eigh(exact.T @ exact)
    telling = squares > _LEAST * squares[-1]
    left = exact @ (axes[:, telling] / np.sqrt(squares[telling]))
    if not telling.all():
        left = np.concatenate([np.linalg.qr(left, mode="complete")[0][:, left.shape[1] :], left], axis=1)
    polar = left @ axes.T
    # A step of Newton and Schulz makes orthogonal to 1e-12 what rounding left so to 1e-6.
    polar = 1.5 * polar - 0.5 * (polar @ (polar.T @ polar))
    return polar.astype(np.float32)
