"""Independent component analysis of whitened vectors.

Hyvärinen, "Fast and robust fixed-point algorithms for independent component analysis", IEEE Transactions on Neural
Networks 1999: the symmetric algorithm (equations 20 and 29), with g = tanh, the derivative of log cosh.
"""

from __future__ import annotations

import numpy as np

__all__ = ["independent_components"]

_TOLERANCE = 1e-4  # 1 - |cosine| of a component before and after a step


def independent_components(white: np.ndarray, iterations: int = 50, seed: int = 0) -> np.ndarray:
    """A rotation of whitened vectors to components that are as little Gaussian, and so as independent, as can be.

    Parameters
    ----------
    white : (n, dim) float32
        Centered, of unit variance in all directions.
    iterations : int
        At most; it stops where no component changes any more. Components that are Gaussian have no limit and go on
        to change, and where they stop is as good as elsewhere.
    seed : int
        Draws the rotation to begin with.

    Returns
    -------
    (dim, dim) float64
        Orthonormal columns, so that ``white @ rotation`` are the components; the largest entry of each is positive.
    """
    dim = white.shape[1]
    rotation = _orthonormal(np.random.default_rng(seed).standard_normal((dim, dim)))
    for _ in range(iterations):
        products = np.tanh(white @ rotation.astype(np.float32))
        slopes = 1 - np.square(products).mean(axis=0, dtype=np.float64)
        after = _orthonormal((white.T @ products) / len(white) - rotation * slopes)
        changed = 1 - np.abs(np.einsum("ij,ij->j", after, rotation))
        rotation = after
        if changed.max() < _TOLERANCE:
            break
    largest = np.take_along_axis(rotation, np.abs(rotation).argmax(axis=0)[None], axis=0)
    return np.where(largest < 0, -rotation, rotation)


def _orthonormal(matrix: np.ndarray) -> np.ndarray:
    """The orthonormal matrix nearest to ``matrix`` (dim, dim): ``(M M^T)^(-1/2) M``."""
    left, _, right = np.linalg.svd(np.asarray(matrix, np.float64))
    return left @ right
