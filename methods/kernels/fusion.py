"""Two ranked lists of a query made one: values of items that stand in both are added."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels import topk

__all__ = ["merge", "stretched"]

_PLACE_BITS = 20


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
    first_values, second_values : (nq, n) float32, n below 2**19
        What an item counts in a list; it counts 0 in one that it is not in.
    first_ids, second_ids : (nq, n) int64
        Below 2**32. No id twice, -1 padded at the end. Of equal sums the smaller id is first.
    """
    nq, width, own = len(first_ids), first_ids.shape[1] + second_ids.shape[1], first_ids.shape[1]
    heaps = np.full((1, nq, width), topk.EMPTY)
    for query in range(nq):
        for place in range(width):
            label = first_ids[query, place] if place < own else second_ids[query, place - own]
            if label >= 0:
                topk.push(heaps[0, query], (label << _PLACE_BITS) | place)
    keys, _ = topk.results(heaps, width)  # of two of an item the first list's is first
    best = np.full((1, nq, k), topk.EMPTY)
    for query in range(nq):
        total, before = 0.0, -1
        for key in keys[query]:
            if key == topk.EMPTY:
                break
            label, place = key >> _PLACE_BITS, key & ((1 << _PLACE_BITS) - 1)
            if label != before:
                _keep(best[0, query], total, before)
                total, before = 0.0, label
            total += first_values[query, place] if place < own else second_values[query, place - own]
        _keep(best[0, query], total, before)
    sorted_keys, ids = topk.results(best, k)
    return topk.scores(sorted_keys), ids


@njit(cache=True, inline="always")
def _keep(heap: np.ndarray, total: float, label: int) -> None:
    if label >= 0:
        topk.push(heap, topk.score_key(total, label))
