"""Levels of a sample: those of least squared error for it. Lloyd 1982, IEEE Transactions on Information Theory."""

from __future__ import annotations

import numpy as np

__all__ = ["nearest", "nearest_levels", "nearest_ratios"]

_ROUNDS = 40


def nearest_levels(values: np.ndarray, count: int) -> np.ndarray:
    """``count`` ascending levels (float32) of least squared error for values (n,), by Lloyd's rounds."""
    levels = np.quantile(values, (np.arange(count) + 0.5) / count)
    for _ in range(_ROUNDS):
        places = nearest(levels, values)
        sizes = np.bincount(places, minlength=count)
        sums = np.bincount(places, values, count)
        levels = np.sort(np.where(sizes > 0, sums / np.maximum(sizes, 1), levels))
    return levels.astype(np.float32)


def nearest_ratios(values: np.ndarray, count: int) -> np.ndarray:
    """As :func:`nearest_levels` for the logarithms of positive values (n,): levels (count,) float64 of the values."""
    return np.exp(nearest_levels(np.log(values, dtype=np.float64), count).astype(np.float64))


def nearest(levels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The place (n,) int64 of the nearest of ascending ``levels`` to each of ``values`` (n,)."""
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, values)
