"""The best scalar quantizers of a Gaussian. Max 1960, IRE Transactions on Information Theory; Lloyd 1982."""

from __future__ import annotations

import functools
import math

import numpy as np

__all__ = ["MOST_BITS", "distortions", "levels"]

MOST_BITS = 8
_NEWTON_STEPS = 50


@functools.cache
def levels(bits: int) -> np.ndarray:
    """The 2**bits levels (float64, ascending) of least mean squared error for a standard Gaussian; bits in 0..8.

    A level is the mean of the Gaussian between the midpoints to its neighbors. Newton's method solves these
    equations from the companded start (Panter & Dite 1951), where Lloyd's own iteration takes thousands of steps.
    """
    if bits == 0:
        return np.zeros(1)
    count = 2**bits
    values = math.sqrt(3) * np.array([_quantile((i + 0.5) / count) for i in range(count)])
    for _ in range(_NEWTON_STEPS):
        centroids, low, high = _centroids(values)
        # The centroid of a cell moves with its two ends, and an end by half with the levels beside it.
        jacobian = np.eye(count) - np.diag(low + high) / 2 - np.diag(high[:-1], 1) / 2 - np.diag(low[1:], -1) / 2
        step = np.linalg.solve(jacobian, values - centroids)
        values = values - step
        if np.abs(step).max() < 1e-12:
            break
    return (values - values[::-1]) / 2


@functools.cache
def distortions() -> np.ndarray:
    """Mean squared errors (9,) float64 of :func:`levels` with 0..8 bits, as shares of the variance."""
    return np.array([1 - (_masses(levels(bits)) * levels(bits) ** 2).sum() for bits in range(MOST_BITS + 1)])


def _ends(values: np.ndarray) -> np.ndarray:
    return np.concatenate([[-np.inf], (values[1:] + values[:-1]) / 2, [np.inf]])


def _masses(values: np.ndarray) -> np.ndarray:
    """The Gaussian's mass in each cell; by the tail that is nearer, so that small masses are exact."""
    tails = np.array([math.erfc(abs(end) / math.sqrt(2)) / 2 for end in _ends(values)])
    positive = _ends(values) > 0
    low, high = tails[:-1], tails[1:]
    across = np.where(positive[1:] & ~positive[:-1], 1 - low - high, high - low)
    return np.where(positive[:-1], low - high, across)


def _centroids(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means of the cells, and their derivatives by the cells' lower and upper ends."""
    ends = _ends(values)
    density = np.exp(-(ends**2) / 2) / math.sqrt(2 * math.pi)
    mass = _masses(values)
    centroids = (density[:-1] - density[1:]) / mass
    finite = np.where(np.isfinite(ends), ends, 0)  # the density is zero there
    low = density[:-1] * (centroids - finite[:-1]) / mass
    high = density[1:] * (finite[1:] - centroids) / mass
    return centroids, low, high


def _quantile(share: float) -> float:
    """The standard Gaussian's quantile, by bisection."""
    low, high = -9.0, 9.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erfc(-middle / math.sqrt(2)) / 2 < share else (low, middle)
    return (low + high) / 2
