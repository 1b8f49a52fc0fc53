"""One byte for a positive factor: byte 0 is zero; 1..255 are logarithmic, and finest around the median.

A codec's factors are similar but for a few vectors'. A scale that divides their range evenly spends most bytes where
there are no factors, and its error is along the vector itself, where it hurts an inner product most.
Here ``log(factor / middle) = width * sinh(t)``, and bytes divide t evenly.
"""

from __future__ import annotations

import numpy as np

__all__ = ["as_stored", "factor_bytes", "factor_scale", "factor_table"]

_STEPS = 254  # between byte 1 and byte 255
_MARGIN = 1.5  # by which the range of factors exceeds that of training, on both sides
_CENTRAL = 68  # percent of training factors within the width: a standard deviation, if they are lognormal
_LEAST_WIDTH = 1e-5


def factor_scale(factors: np.ndarray) -> np.ndarray:
    """The least and largest factor that bytes stand for, ``middle`` and ``width``: (4,) float32, all 1 without factors.

    From the factors (n,) of training.
    """
    positive = factors[factors > 0]
    if not len(positive):
        return np.ones(4, np.float32)
    logs = np.log(positive, dtype=np.float64)
    middle = np.median(logs)
    width = max(float(np.percentile(np.abs(logs - middle), _CENTRAL)), _LEAST_WIDTH)
    return np.array([positive.min() / _MARGIN, positive.max() * _MARGIN, np.exp(middle), width], np.float32)


def _ends(scale: np.ndarray) -> tuple[float, float, float, float]:
    """log(middle), width, and t of bytes 1 and 255."""
    low, high, middle = np.log(scale[:3], dtype=np.float64)
    width = float(scale[3])
    return middle, width, np.arcsinh((low - middle) / width), np.arcsinh((high - middle) / width)


def factor_table(scale: np.ndarray) -> np.ndarray:
    """The factor (256,) float32 of each byte for a scale (4,)."""
    middle, width, first, last = _ends(scale)
    table = np.exp(middle + width * np.sinh(first + (last - first) * (np.arange(256) - 1) / _STEPS))
    table[0] = 0
    return table.astype(np.float32)


def factor_bytes(factors: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Bytes (n,) uint8 of factors (n,) >= 0; beyond the range they saturate, zero stays zero."""
    middle, width, first, last = _ends(scale)
    logs = np.log(np.maximum(factors, np.finfo(np.float32).tiny), dtype=np.float64)
    place = (np.arcsinh((logs - middle) / width) - first) / ((last - first) or 1.0) * _STEPS
    return np.where(factors > 0, 1 + np.clip(np.rint(place), 0, _STEPS), 0).astype(np.uint8)


def as_stored(factors: np.ndarray) -> np.ndarray:
    """Factors (n,) >= 0 as bytes say them whose scale is that of these: (n,) float32."""
    scale = factor_scale(factors)
    return factor_table(scale)[factor_bytes(factors, scale)]
