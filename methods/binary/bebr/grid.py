"""The start: a rotated uniform grid on the principal axes, with more symbols where the variance is larger.

Each axis gets a number of symbols (digits of a number in base 2^bits), one symbol at a time to the axis where it
lowers the expected squared error most (greedy bit allocation for Gaussian values; Gersho & Gray 1992, section 8.3).
Axes with equally many symbols are rotated at random among themselves, so that one step fits them all.
"""

from __future__ import annotations

import numpy as np

from methods.vectors import random_rotation

# Steps and mean squared errors of the best uniform quantizer of a standard Gaussian with 0..12 bits (Max 1960; the
# errors beyond 8 bits by extrapolation).
_STEP = (np.inf, 1.5958, 0.9957, 0.5860, 0.3352, 0.1881, 0.1041, 0.0569, 0.0308, 0.0165, 0.0088, 0.0047, 0.0025)
_ERROR = (1, 0.3634, 0.1188, 0.03744, 0.01154, 0.003495, 0.00104, 3.04e-4, 8.77e-5, 2.5e-5, 7e-6, 2e-6, 5.5e-7)
MOST_BITS = 8  # of one axis


def axis_limit(bits: int) -> int:
    """The most symbols of ``bits`` bits that one axis can take."""
    return max(1, MOST_BITS // bits)


def allocate(variances: np.ndarray, symbols: int, bits: int, limit: int) -> np.ndarray:
    """Symbols (dim,) int of each axis, ``symbols`` in all, ``limit`` at most for one; variances (dim,) fall."""
    counts = np.zeros(len(variances), np.int64)
    error = np.array(_ERROR)
    # A floor keeps the order of axes without variance, and gives them symbols only after all others.
    weights = np.maximum(variances.astype(np.float64), 1e-12 * max(float(variances.max()), 1e-30))
    for _ in range(symbols):
        gain = weights * (error[counts * bits] - error[np.minimum(counts + 1, limit) * bits])
        counts[int(np.argmax(np.where(counts < limit, gain, -1.0)))] += 1
    return counts


def start(
    axes: np.ndarray, variances: np.ndarray, symbols: int, bits: int, limit: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The decoder of the rotated grid.

    Parameters
    ----------
    axes : (dim, dim) float32
        Orthonormal columns, by falling variance.
    variances : (dim,) float32
        Mean squares of the vectors along them.
    symbols, bits, limit : int
        Symbols of a code, bits of a symbol, most symbols of one axis.
    seed : int

    Returns
    -------
    decoder : (symbols, dim) float32
        A vector is about the sum of its levels times these rows.
    lead : (symbols,) bool
        True at the first digit of a dimension; the others refine the one before.
    """
    counts = allocate(variances, symbols, bits, limit)
    rows, lead = [], []
    for count in np.unique(counts[counts > 0]):
        chosen = np.flatnonzero(counts == count)
        directions = axes[:, chosen] @ random_rotation(len(chosen), seed + int(count))
        spread = np.sqrt(max(float(variances[chosen].mean()), 1e-12))
        finest = 0.5 * _STEP[count * bits] * spread  # half a step: levels are odd numbers, two apart
        places = np.float32(finest) * np.float32(2.0**bits) ** np.arange(count - 1, -1, -1, dtype=np.float32)
        rows.append((directions.T[:, None, :] * places[None, :, None]).reshape(-1, len(axes)))
        lead.append(np.tile(np.arange(count) == 0, len(chosen)))
    return np.ascontiguousarray(np.concatenate(rows), np.float32), np.concatenate(lead)
