"""From projections to levels: the uniform grid, then coordinate descent on the reconstruction error.

The code of a unit vector x is a vector l of odd levels with x ~ D' l for the decoder's rows D (m, dim). With
p = D x and the Gram matrix G = D D', the error |x - D' l|^2 changes only through r = p - G l, so a level is set to
its best value given the others in O(1), and a change costs one row of G.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_SUMS = {"reassoc", "contract", "nsz"}


def encode_reference(
    projections: np.ndarray, gram: np.ndarray, lead: np.ndarray, base: int, top: int, sweeps: int
) -> np.ndarray:
    """Levels (n, m) as :func:`grid_levels` and :func:`descend` find them, readably; for tests."""
    levels = np.zeros_like(projections)
    for i, p in enumerate(projections):
        value = 0.0
        for j in range(len(p)):
            value = p[j] / gram[j, j] if lead[j] else base * (value - levels[i, j - 1])
            levels[i, j] = np.clip(2 * np.floor(value / 2) + 1, -top, top)
        for _ in range(sweeps):
            for j in range(len(p)):
                rest = p[j] - gram[j] @ levels[i] + gram[j, j] * levels[i, j]
                levels[i, j] = np.clip(2 * np.floor(rest / gram[j, j] / 2) + 1, -top, top)
    return levels


@njit(cache=True)
def grid_levels(
    projections: np.ndarray, inverse: np.ndarray, lead: np.ndarray, base: int, top: int, levels: np.ndarray
) -> None:
    """The uniform grid: each dimension on its own, its digits from the highest down.

    Parameters
    ----------
    projections : (n, m) float32
    inverse : (m,) float32
        One over the diagonal of the Gram matrix.
    lead : (m,) bool
        True at the first digit of a dimension; each further digit weighs ``base`` times less.
    base, top : int
        Of the digits (2^bits of a stored symbol); highest level.
    levels : (n, m) float32
        Filled with odd levels.
    """
    half, two, one, limit, ratio = np.float32(0.5), np.float32(2), np.float32(1), np.float32(top), np.float32(base)
    for i in range(len(projections)):
        value, level = np.float32(0), np.float32(0)
        for j in range(projections.shape[1]):
            value = projections[i, j] * inverse[j] if lead[j] else ratio * (value - level)
            level = min(max(two * np.floor(value * half) + one, -limit), limit)
            levels[i, j] = level


@njit(cache=True, fastmath=_SUMS)
def descend(
    levels: np.ndarray, residuals: np.ndarray, gram: np.ndarray, inverse: np.ndarray, top: int, sweeps: int
) -> int:
    """Coordinate descent in place: each level moves to its best odd value, until none does or ``sweeps`` are over.

    Parameters
    ----------
    levels : (n, m) float32
    residuals : (n, m) float32
        Projections less ``levels @ gram``; kept so.
    gram : (m, m) float32
    inverse : (m,) float32
        One over its diagonal.
    top, sweeps : int

    Returns
    -------
    int
        Number of changed levels.
    """
    half, two, one, limit = np.float32(0.5), np.float32(2), np.float32(1), np.float32(top)
    m, total = levels.shape[1], 0
    for i in range(len(levels)):
        level, residual = levels[i], residuals[i]
        for _ in range(sweeps):
            changed = 0
            for j in range(m):
                shift = residual[j] * inverse[j]
                if abs(shift) <= one:  # already the nearest odd level
                    continue
                best = min(max(two * np.floor((level[j] + shift) * half) + one, -limit), limit)
                step = best - level[j]
                if step == 0:
                    continue
                level[j] = best
                row = gram[j]
                for other in range(m):
                    residual[other] -= step * row[other]
                changed += 1
            total += changed
            if changed == 0:
                break
    return total
