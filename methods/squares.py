"""Two bytes for a squared length, which a search by distance adds to the product with the query."""

from __future__ import annotations

import numpy as np

__all__ = ["SQUARE_BYTES", "half_squares", "square_bytes", "square_tables", "usual_square"]

SQUARE_BYTES = 2
_STEP = np.log(1e10) / 65_535  # of the logarithm: a square is kept to within 2 parts in 10,000
_BELOW = 1e-4  # the least that is told apart, by the usual square; the most is a million times as much as that


def half_squares(vectors: np.ndarray) -> np.ndarray:
    """Half of the squared lengths of vectors (n, d) float32: (n,) float64."""
    return np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64) / 2


def square_bytes(squares: np.ndarray, usual: float) -> np.ndarray:
    """Squares (n,) >= 0 on a logarithmic scale about a ``usual`` one, as bytes (n, 2), the higher first."""
    place = np.log(np.maximum(squares / (_BELOW * usual), 1e-30)) / _STEP
    return np.clip(np.rint(place), 0, 65_535).astype(">u2").view(np.uint8).reshape(-1, 2)


def square_tables(usual: float) -> np.ndarray:
    """(2, 256) float32: a square is the product of what the tables say of its two bytes."""
    byte = np.arange(256)
    return np.stack([_BELOW * usual * np.exp(256 * _STEP * byte), np.exp(_STEP * byte)]).astype(np.float32)


def usual_square(squares: np.ndarray) -> np.ndarray:
    """About which squares are kept, from those (n,) of training: (1,) float32."""
    return np.array([max(float(np.median(squares)), 1e-30)], np.float32)
