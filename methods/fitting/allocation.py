"""Bits for groups of axes, and the rotations that even out their variances."""

from __future__ import annotations

import functools

import numpy as np

from methods.encoding.gaussian_levels import MOST_BITS
from methods.kernels.simd.unpack_symbols import GROUP
from methods.vectors import random_rotation

ROTATED = 16  # axes that are rotated among themselves, to even out their variances
LEAST_SPREAD = 1e-6  # of the largest standard deviation; groups along which vectors do not vary have it
_EVENED = 1024  # axes of full groups that are rotated among themselves; fashion-mnist in runs of 196 finds .0008 less
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
        matrix[:, run], spread[run] = _rotated(axes[:, run], variances[run], rotation)
    return matrix, _means(spread, _are_axes(matrix)).astype(np.float32)


def full_groups(bits: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Which groups (n,) have 8 bits, the most there are, and vary; none where these are no more than two.

    Two are rotated among themselves already, by :func:`rotated_axes`.
    """
    full = np.flatnonzero((bits == MOST_BITS) & varying(np.sqrt(np.maximum(variances, 0))))
    return full if len(full) > ROTATED // GROUP else full[:0]


def evened_groups(
    matrix: np.ndarray, variances: np.ndarray, groups: np.ndarray, run_length: int = _EVENED
) -> tuple[np.ndarray, np.ndarray]:
    """``matrix`` and ``variances`` with the axes of full groups rotated among themselves at random.

    Such groups cannot have more bits where the variance is larger. So the error is in proportion to it and lies along
    the first axes, where queries are largest. Rotated, all axes err equally: at 4x ``fashion-mnist`` loses half as many
    neighbors.

    Of more than 1,024 axes, a run takes every second, every third, and so on: each has large and small variances.

    Parameters
    ----------
    matrix : (dim, groups * 8) float32
        As of :func:`rotated_axes`.
    variances : (groups,) float32
    groups : (n,) int
        The full ones, see :func:`full_groups`.
    run_length : int
        Axes that are rotated among themselves, at most; more where there would be more than 16 runs.
    """
    are_axes = _are_axes(matrix)
    columns = (GROUP * groups[:, None] + np.arange(GROUP)).ravel()
    columns = columns[are_axes[columns]]
    matrix, along = np.array(matrix, order="F"), np.repeat(variances, GROUP) * are_axes
    runs = min(-(-len(columns) // run_length), ROTATED)  # of more, not each would have one of the first 16 axes
    for start in range(runs):
        run = columns[start::runs]
        matrix[:, run], along[run] = _rotated(matrix[:, run], along[run], _evening(len(run), start))
    evened = variances.copy()
    evened[groups] = _means(along, are_axes)[groups]
    return matrix, evened


@functools.lru_cache(maxsize=4)  # of up to 4,096 axes: every exponent that is tried needs the same
def _evening(length: int, seed: int) -> np.ndarray:
    """The rotation (length, length) float32 of a run of axes of full groups."""
    return random_rotation(length, seed)


def varying(spreads: np.ndarray) -> np.ndarray:
    """Which standard deviations (groups,) are those of groups along which vectors vary: (groups,) bool."""
    return spreads > 2 * LEAST_SPREAD * spreads.max()


def without_rounding(spread: np.ndarray, matrix: np.ndarray, centered: np.ndarray) -> np.ndarray:
    """``spread`` (groups,) with 0 for groups along which vectors do not vary.

    A covariance in float32 has small variances along axes that vectors of low rank, or fewer vectors than dimensions,
    do not have; ``matrix`` (dim, groups * 8) maps ``centered`` vectors (n, dim) float32 to their values.
    """
    squares = np.square(centered @ matrix).mean(axis=0, dtype=np.float64)
    return np.where(_means(squares, _are_axes(matrix)) > _NOTHING**2 * spread, spread, np.float32(0))


def _rotated(axes: np.ndarray, variances: np.ndarray, rotation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axes (dim, n) float32 after a rotation (n, n) float32 of them, and the variances (n,) float64 along them."""
    return axes @ rotation, variances.astype(np.float64) @ rotation.astype(np.float64) ** 2


def _are_axes(matrix: np.ndarray) -> np.ndarray:
    """Which columns (groups * 8,) are axes, not zeros that fill up a group: bool."""
    return np.asarray(matrix.any(axis=0))


def _means(values: np.ndarray, are_axes: np.ndarray) -> np.ndarray:
    """Means (groups,) of values (groups * 8,) over each group's axes; those of other columns are 0."""
    return values.reshape(-1, GROUP).sum(axis=1) / np.maximum(are_axes.reshape(-1, GROUP).sum(axis=1), 1)
