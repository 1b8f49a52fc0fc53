"""Bits for groups of axes, and the rotations that even out their variances."""

from __future__ import annotations

import numpy as np

from methods.encoding.gaussian_levels import MOST_BITS
from methods.kernels.simd.unpack_symbols import GROUP
from methods.vectors import random_rotation

ROTATED = 16  # axes that are rotated among themselves, to even out their variances
_NOTHING = 0.1  # of its standard deviation: where values are smaller, the deviation is rounding of the covariance


def allocate(variances: np.ndarray, total: int, gamma: float, error: np.ndarray) -> np.ndarray:
    """Bits (groups,) int64 of groups with these mean variances, ``total`` in all, 8 at most each.

    ``error`` (9,) is what 0..8 bits leave of a variance. Bit after bit goes where it lowers the sum of
    ``variance^gamma * error[bits]`` most (Gersho & Gray 1992, section 8.3). An exponent above 1 gives more to the first
    axes than the least squared error would: neighbors agree most there.
    """
    floor = 1e-12 * max(float(variances.max(initial=0)), 1e-30)  # groups without variance come last, in their order
    weights = np.maximum(variances.astype(np.float64), floor) ** gamma
    weights /= weights.max(initial=1e-300)
    bits = np.zeros(len(variances), np.int64)
    for _ in range(min(total, MOST_BITS * len(bits))):
        gain = weights * (error[bits] - error[np.minimum(bits + 1, MOST_BITS)])
        bits[int(np.argmax(np.where(bits < MOST_BITS, gain, -1.0)))] += 1
    return bits


def group_count(dim: int) -> int:
    """Groups of eight axes, the last one filled up."""
    return -(-dim // GROUP)


def rotated_axes(
    axes: np.ndarray, variances: np.ndarray, seed: int, run_length: int = ROTATED
) -> tuple[np.ndarray, np.ndarray]:
    """Principal axes rotated at random within runs of 16, say, and filled up to whole groups of eight.

    Parameters
    ----------
    axes : (dim, dim) float32
        Orthonormal columns.
    variances : (dim,) float32
        Along them.
    seed : int
    run_length : int
        Axes that are rotated among themselves.

    Returns
    -------
    matrix : (dim, groups * 8) float32
        Orthonormal columns; zeros where they are filled up.
    spread : (groups,) float32
        Mean variance of each group's axes.
    """
    dim = len(axes)
    groups = group_count(dim)
    matrix, spread = np.zeros((dim, groups * GROUP), np.float32), np.zeros(groups * GROUP)
    for start in range(0, dim, run_length):
        run = slice(start, min(start + run_length, dim))
        rotation = random_rotation(run.stop - start, seed + start)
        matrix[:, run] = axes[:, run] @ rotation
        spread[run] = variances[run].astype(np.float64) @ rotation.astype(np.float64) ** 2
    counts = np.minimum(GROUP, dim - GROUP * np.arange(groups))
    return matrix, (spread.reshape(groups, GROUP).sum(axis=1) / counts).astype(np.float32)


def without_rounding(spread: np.ndarray, matrix: np.ndarray, centered: np.ndarray) -> np.ndarray:
    """``spread`` (groups,) with 0 for groups along which vectors do not vary.

    A covariance in float32 has small variances along axes that vectors of low rank, or fewer vectors than dimensions,
    do not have; ``matrix`` (dim, groups * 8) maps ``centered`` vectors (n, dim) float32 to their values.
    """
    squares = np.square(centered @ matrix).mean(axis=0, dtype=np.float64)
    counts = np.maximum(np.abs(matrix).max(axis=0).reshape(-1, GROUP).astype(bool).sum(axis=1), 1)
    variances = squares.reshape(-1, GROUP).sum(axis=1) / counts
    return np.where(variances > _NOTHING**2 * spread, spread, np.float32(0))
