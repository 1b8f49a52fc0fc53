"""Vectors brought to one length, in one pass over memory."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["at_length"]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def at_length(vectors: np.ndarray, length: float, far: float, out: np.ndarray) -> None:
    """Fills ``out`` with the vectors at ``length``; those ``far`` times as long or as short stay as they are.

    Parameters
    ----------
    vectors : (n, dim) float32
    length, far : float64
        Both positive, ``far`` above 1.
    out : (n, dim) float32
        May be ``vectors``.
    """
    for i in range(len(vectors)):
        squares = 0.0
        for j in range(vectors.shape[1]):
            squares += np.float64(vectors[i, j]) * np.float64(vectors[i, j])
        own = np.sqrt(squares)
        factor = np.float32(length / own) if length / far < own < length * far else np.float32(1)
        for j in range(vectors.shape[1]):
            out[i, j] = vectors[i, j] * factor
