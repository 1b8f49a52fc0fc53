"""Two ranked lists of a query made one: values of items that stand in both are added."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["merge", "stretched"]


@njit(cache=True, nogil=True)
def stretched(scores: np.ndarray, ids: np.ndarray, sign: int, least: float, weight: float) -> np.ndarray:
    """Scores (nq, n) of a search, best first, as float32 from 0, the last of a list, to ``weight``, its first.

    Parameters
    ----------
    ids : (nq, n) int64
        -1 where there is no item, at the end.
    sign : int
        -1 where scores are distances, else 1.
    least : float
        Stretched to 0 instead of the last score, where a list is not full; NaN: the last score always is.
    """
    values = np.zeros(scores.shape, np.float32)
    for query in range(len(scores)):
        count = 0
        while count < scores.shape[1] and ids[query, count] >= 0:
            count += 1
        if not count:
            continue
        low = float(sign * scores[query, count - 1])
        if count < scores.shape[1] and not np.isnan(least):
            low = least
        span = float(sign * scores[query, 0]) - low
        for place in range(count):
            share = (float(sign * scores[query, place]) - low) / span if span > 0 else 1.0
            values[query, place] = weight * share
    return values


@njit(cache=True, nogil=True)
def merge(
    first_values: np.ndarray, first_ids: np.ndarray, second_values: np.ndarray, second_ids: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` items of largest sums (nq, k) float32 and their ids (nq, k) int64, -inf and -1 padded.

    Parameters
    ----------
    first_values, second_values : (nq, n) float32
        What an item counts in a list; it counts 0 in one that it is not in.
    first_ids, second_ids : (nq, n) int64
        No id twice, -1 padded at the end. Of equal sums the smaller id is first.
    """
    nq, width = len(first_ids), first_ids.shape[1] + second_ids.shape[1]
    values, ids = np.full((nq, k), np.float32(-np.inf)), np.full((nq, k), -1)
    labels, sums = np.empty(width, np.int64), np.empty(width, np.float32)
    for query in range(nq):
        count = 0
        for place in range(first_ids.shape[1]):
            if first_ids[query, place] >= 0:
                labels[count], sums[count] = first_ids[query, place], first_values[query, place]
                count += 1
        for place in range(second_ids.shape[1]):
            if second_ids[query, place] >= 0:
                labels[count], sums[count] = second_ids[query, place], second_values[query, place]
                count += 1
        order = np.argsort(labels[:count], kind="mergesort")
        items, kept = labels[order], 0
        total = np.empty(count, np.float32)
        for place in range(count):
            if place and items[place] == items[kept - 1]:
                total[kept - 1] += sums[order[place]]
            else:
                items[kept], total[kept] = items[place], sums[order[place]]
                kept += 1
        best = np.argsort(-total[:kept], kind="mergesort")
        for place in range(min(k, kept)):
            values[query, place], ids[query, place] = total[best[place]], items[best[place]]
    return values, ids
