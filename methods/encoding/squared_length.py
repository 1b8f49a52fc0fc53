"""Two bytes for a squared length, which a search by distance subtracts from the product with the query."""

from __future__ import annotations

import numpy as np

__all__ = ["SQUARE_BYTES", "half_squares", "square_bytes", "square_range", "square_tables"]

SQUARE_BYTES = 2
_STEPS = 65_535
_MARGIN = 1.2  # by which a range exceeds that of training, on both sides
_TINY = float(np.finfo(np.float32).tiny)
_HUGE = float(np.finfo(np.float32).max)


def half_squares(vectors: np.ndarray) -> np.ndarray:
    """Half of the squared lengths of vectors (n, d) float32: (n,) float64."""
    return np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64) / 2


def square_bytes(squares: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Squares (n,) >= 0 on a logarithmic scale between ``bounds`` (2,), as bytes (n, 2), the higher first.

    Off by at most half a step, ``log(high / low) / 65,535``; beyond the bounds they saturate.
    """
    low, high = _logs(bounds)
    place = (np.log(np.maximum(squares, 1e-300)) - low) / ((high - low) or 1.0) * _STEPS
    return np.clip(np.rint(place), 0, _STEPS).astype(">u2").view(np.uint8).reshape(-1, 2)


def square_tables(bounds: np.ndarray) -> np.ndarray:
    """(2, 256) float32: a square is the product of what the tables say of its two bytes."""
    byte, (low, high) = np.arange(256), _logs(bounds)
    step = (high - low) / _STEPS
    return np.stack([np.exp(low + 256 * step * byte), np.exp(step * byte)]).astype(np.float32)


def square_range(squares: np.ndarray) -> np.ndarray:
    """Bounds (2,) float32 around the squares (n,) of training; (1, 1) where all are zero."""
    positive = squares[squares > 0]
    if not len(positive):
        return np.ones(2, np.float32)
    bounds = np.array([positive.min() / _MARGIN, positive.max() * _MARGIN])
    return np.clip(bounds, _TINY, _HUGE).astype(np.float32)


def _logs(bounds: np.ndarray) -> tuple[float, float]:
    low, high = np.log(np.asarray(bounds, np.float64))
    return float(low), float(high)
