"""One byte for a positive factor: byte 0 is zero; 1..255 are logarithmic, and finest around the median.

A codec's factors are similar but for a few vectors'. A scale that divides their range evenly spends most bytes where
there are no factors, and its error is along the vector itself, where it hurts an inner product most.
Here ``log(factor / middle) = width * sinh(t)``, and bytes divide t evenly.
"""

from __future__ import annotations

import numpy as np

from methods.encoding.sample_levels import nearest

__all__ = ["as_stored", "at_steps", "factor_bytes", "factor_scale", "factor_table", "steps_of"]

_STEPS = 254  # between byte 1 and byte 255
_MARGIN = 1.5  # by which the range of factors exceeds that of training, on both sides
_CENTRAL = 68  # percent of training factors within the width: a standard deviation, if they are lognormal
_LEAST_WIDTH = 1e-5
_FINE_BITS = 6  # a dimension: 331,479 word vectors of varied lengths find .014 more with 8, and as much with 4
_NEAR = 0.1  # of logarithms: levels for values that are larger by more are cut off


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


def steps_of(table: np.ndarray, level_bytes: int, dim: int) -> np.ndarray | None:
    """The positive factors of a ``table``, ascending, for :func:`at_steps`; None where levels are too coarse."""
    return np.unique(table[table > 0]) if 8 * level_bytes >= _FINE_BITS * dim else None


def at_steps(sizes: np.ndarray, steps: np.ndarray | None) -> np.ndarray:
    """Positive sizes (n,) float32 as the nearest of ``steps``; those far from all of them as they are, or all if None.

    Of fine levels the rounding of a factor is the larger part of a code's error. Levels that are chosen for the vector
    divided by the factor that codes will say, rather than by its exact size, say what the rounding left out.
    """
    if steps is None:
        return sizes
    logs, known = np.log(sizes, dtype=np.float64), np.log(steps, dtype=np.float64)
    places = nearest(known, logs)
    return np.where(np.abs(known[places] - logs) < _NEAR, steps[places], sizes)


def as_stored(factors: np.ndarray) -> np.ndarray:
    """Factors (n,) >= 0 as bytes say them whose scale is that of these: (n,) float32."""
    scale = factor_scale(factors)
    return factor_table(scale)[factor_bytes(factors, scale)]
