"""One byte for a positive factor, on a logarithmic scale: byte 0 is zero, 1..255 divide a trained range evenly."""

from __future__ import annotations

import numpy as np

__all__ = ["factor_bytes", "factor_range", "factor_table"]

_STEPS = 254  # between byte 1 and byte 255
_MARGIN = 1.5  # by which the range of factors exceeds that of training, on both sides


def factor_range(factors: np.ndarray) -> np.ndarray:
    """The range (2,) float32 that bytes cover, from the factors (n,) of training; (1, 1) where all are zero."""
    positive = factors[factors > 0]
    if not len(positive):
        return np.ones(2, np.float32)
    return np.array([positive.min() / _MARGIN, positive.max() * _MARGIN], np.float32)


def factor_table(bounds: np.ndarray) -> np.ndarray:
    """The factor (256,) float32 of each byte for a range (2,)."""
    low, high = np.log(bounds.astype(np.float64))
    table = np.exp(low + (high - low) * (np.arange(256) - 1) / _STEPS)
    table[0] = 0
    return table.astype(np.float32)


def factor_bytes(factors: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Bytes (n,) uint8 of factors (n,) >= 0; beyond the range they saturate, zero stays zero."""
    low, high = np.log(bounds.astype(np.float64))
    width = (high - low) or 1.0
    place = (np.log(np.maximum(factors, np.finfo(np.float32).tiny), dtype=np.float64) - low) / width * _STEPS
    return np.where(factors > 0, 1 + np.clip(np.rint(place), 0, _STEPS), 0).astype(np.uint8)
