"""A step of Adam on the rows of a table that a batch has read."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["row_adam"]


@njit(cache=True, nogil=True, error_model="numpy")
def row_adam(
    weight: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    rows: np.ndarray,
    gradients: np.ndarray,
    places: np.ndarray,
    sums: np.ndarray,
    settings: np.ndarray,
) -> None:
    """Gradients of a row are added up; ``weight`` and its moments change in these rows only.

    Parameters
    ----------
    weight, first, second : (total, d) float32
    rows : (n,) int64
        Rows that were read, in any order, any number of times.
    gradients : (n, d) float32
    places : (total,) int32
        All -1, before and after: a place for each row finds repeated ones without sorting.
    sums : (n, d) float32
        Scratch.
    settings : (5,) float32
        rate, 1 - beta1, beta2, 1 - beta2 and eps; rate and eps corrected for the bias of the moments.
    """
    rate, share, decay, rest, eps = settings
    d, count = weight.shape[1], 0
    for i in range(len(rows)):
        place = places[rows[i]]
        if place < 0:
            places[rows[i]] = count
            sums[count] = gradients[i]
            count += 1
        else:
            for j in range(d):
                sums[place, j] += gradients[i, j]
    for i in range(len(rows)):
        row = rows[i]
        place = places[row]
        if place < 0:
            continue
        places[row] = -1
        for j in range(d):
            gradient = sums[place, j]
            mean = first[row, j] + share * (gradient - first[row, j])
            square = decay * second[row, j] + rest * gradient * gradient
            first[row, j], second[row, j] = mean, square
            weight[row, j] -= rate * mean / (np.sqrt(square) + eps)
