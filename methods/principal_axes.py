"""Principal component analysis of vectors in memory."""

from __future__ import annotations

import numpy as np

_BLOCK = 16_384  # vectors centred at a time


def principal_axes(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The directions of largest variance.

    Parameters
    ----------
    vectors : (n, dim) float32
    count : int
        At most ``dim``.

    Returns
    -------
    mean : (dim,) float32
    axes : (dim, count) float32
        Orthonormal columns, by falling variance.
    variances : (count,) float32
    """
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    covariance = np.zeros((vectors.shape[1], vectors.shape[1]))
    for start in range(0, len(vectors), _BLOCK):
        centred = vectors[start : start + _BLOCK] - mean
        covariance += centred.T @ centred
    variances, axes = np.linalg.eigh(covariance / len(vectors))
    best = slice(None, -count - 1, -1)
    return mean, np.ascontiguousarray(axes[:, best], np.float32), np.maximum(variances[best], 0).astype(np.float32)
