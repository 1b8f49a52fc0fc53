"""Optimized quantization intervals: coordinate descent on an anisotropic loss, one vector at a time."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["optimized_interval_reference", "optimized_intervals"]

# Half-widths, in standard deviations, of the uniform grid of 2^bits points with the least squared error on
# Gaussian values, for 1..8 bits.
_GAUSSIAN_HALF_WIDTH = np.array([0.798, 1.493, 2.051, 2.514, 2.916, 3.278, 3.611, 3.922])
_SUMS = {"reassoc", "contract", "nsz"}


@njit(cache=True, fastmath=_SUMS)
def _moments(x: np.ndarray) -> tuple:
    """Mean and variance of ``x`` (dim,) float32."""
    total = np.float64(0)
    for j in range(len(x)):
        total += x[j]
    mean = total / len(x)
    variance = np.float64(0)
    for j in range(len(x)):
        variance += (x[j] - mean) ** 2
    return mean, variance / len(x)


@njit(cache=True, fastmath=_SUMS)
def _statistics(x: np.ndarray, a: float, b: float, top: int) -> tuple:
    """Sums over the levels that ``x`` takes in [a, b]: those of the loss, and those of the next interval.

    With s in [0, 1] the position of a value's level: sums of (1-s)^2, (1-s)s, s^2, x(1-s), xs, and of the error's
    product with x and with itself.
    """
    low, inverse, step = np.float32(a), np.float32(top / (b - a)), np.float32((b - a) / top)
    highest, share = np.float32(top), np.float32(1.0 / top)
    aa, ab, bb = np.float32(0), np.float32(0), np.float32(0)
    ax, bx, along, squared = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for j in range(len(x)):
        position = (x[j] - low) * inverse
        level = np.rint(min(max(position, np.float32(0)), highest))
        s = level * share
        r = np.float32(1) - s
        error = x[j] - (low + step * level)
        aa += r * r
        ab += r * s
        bb += s * s
        ax += x[j] * r
        bx += x[j] * s
        along += x[j] * error
        squared += error * error
    return aa, ab, bb, ax, bx, along, squared


@njit(cache=True)
def _optimize(x: np.ndarray, bits: int, anisotropy: float, iterations: int) -> tuple:
    """The interval (a, b) of one centered vector."""
    mean, variance = _moments(x)
    reach = _GAUSSIAN_HALF_WIDTH[bits - 1] * np.sqrt(variance)
    least, greatest = np.float64(x.min()), np.float64(x.max())
    a, b = max(mean - reach, least), min(mean + reach, greatest)
    norm2 = variance * len(x) + mean * mean * len(x)
    if not (b > a and norm2 > 0):
        return a, b
    top = (1 << bits) - 1
    weight = (1.0 - anisotropy) / norm2
    aa, ab, bb, ax, bx, along, squared = _statistics(x, a, b, top)
    loss = weight * along * along + anisotropy * squared
    for _ in range(iterations):
        # The minimum over (a, b) for fixed levels: a 2 x 2 system.
        m0 = weight * ax * ax + anisotropy * aa
        m1 = weight * ax * bx + anisotropy * ab
        m2 = weight * bx * bx + anisotropy * bb
        determinant = m0 * m2 - m1 * m1
        if determinant == 0:
            break
        next_a, next_b = (m2 * ax - m1 * bx) / determinant, (m0 * bx - m1 * ax) / determinant
        if not next_b > next_a:
            break
        sums = _statistics(x, next_a, next_b, top)
        next_loss = weight * sums[5] * sums[5] + anisotropy * sums[6]
        if not next_loss < loss:  # new levels may undo the gain; the interval before is then the better one
            break
        a, b, loss = next_a, next_b, next_loss
        aa, ab, bb, ax, bx, along, squared = sums
    return a, b


@njit(cache=True)
def optimized_intervals(
    centered: np.ndarray, bits: int, anisotropy: float, iterations: int, bounds: np.ndarray
) -> None:
    """Interval of each centered vector.

    Parameters
    ----------
    centered : (n, dim) float32
    bits : int
        1 to 8; levels are 2^bits.
    anisotropy : float
        Weight of the squared error against that of the error along the vector (1 - anisotropy).
    iterations : int
        Most steps of coordinate descent.
    bounds : (n, 2) float32
        Filled with the lower and the upper bound.
    """
    for i in range(len(centered)):
        bounds[i, 0], bounds[i, 1] = _optimize(centered[i], bits, anisotropy, iterations)


def optimized_interval_reference(x: np.ndarray, bits: int, anisotropy: float, iterations: int) -> tuple[float, float]:
    """What :func:`optimized_intervals` computes for one centered vector (dim,), in NumPy and float64."""
    x = x.astype(np.float64)
    top, reach = 2**bits - 1, _GAUSSIAN_HALF_WIDTH[bits - 1] * x.std()
    interval = np.clip([x.mean() - reach, x.mean() + reach], x.min(), x.max())
    if interval[0] == interval[1]:
        return float(interval[0]), float(interval[1])
    parallel_weight, total_weight = (1 - anisotropy) / (x @ x), anisotropy

    def positions(interval: np.ndarray) -> np.ndarray:
        """(dim, 2): the weights of both bounds in each quantized value."""
        share = np.rint(np.clip((x - interval[0]) / (interval[1] - interval[0]), 0, 1) * top) / top
        return np.stack([1 - share, share], axis=1)

    def loss(interval: np.ndarray) -> float:
        error = x - positions(interval) @ interval
        return float(parallel_weight * (x @ error) ** 2 + total_weight * (error @ error))

    for _ in range(iterations):
        weights = positions(interval)
        matrix = parallel_weight * np.outer(x @ weights, x @ weights) + total_weight * weights.T @ weights
        if np.linalg.det(matrix) == 0:
            break
        # The two weights of the loss add up to one on the right-hand side: (1 - anisotropy) |x|^2 / |x|^2 + anisotropy.
        following = np.linalg.solve(matrix, x @ weights)
        if not (following[1] > following[0] and loss(following) < loss(interval)):
            break
        interval = following
    return float(interval[0]), float(interval[1])
