"""The ``k`` smallest keys of a scan, kept in a binary heap; equal keys are ordered by the smaller id."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["push", "sort_heap"]


@njit(cache=True, inline="always")
def _worse(key_a: float | np.floating, id_a: int, key_b: float | np.floating, id_b: int) -> bool:
    """Whether candidate ``a`` ranks after candidate ``b``."""
    return bool(key_a > key_b or (key_a == key_b and id_a > id_b))


@njit(cache=True)
def _sift_down(keys: np.ndarray, ids: np.ndarray, size: int) -> None:
    """Restore the heap (the worst on top) among the first ``size`` entries after its top was replaced."""
    at, key, label = 0, keys[0], ids[0]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and _worse(keys[child + 1], ids[child + 1], keys[child], ids[child]):
            child += 1
        if not _worse(keys[child], ids[child], key, label):
            break
        keys[at], ids[at] = keys[child], ids[child]
        at = child
    keys[at], ids[at] = key, label


@njit(cache=True)
def push(keys: np.ndarray, ids: np.ndarray, key: float | np.floating, label: int) -> None:
    """Replace the worst of the heap by a better candidate; fill ``keys`` with inf before the first."""
    keys[0], ids[0] = key, label
    _sift_down(keys, ids, len(keys))


@njit(cache=True)
def sort_heap(keys: np.ndarray, ids: np.ndarray) -> None:
    """Sort a heap in place, smallest key first."""
    for size in range(len(keys) - 1, 0, -1):
        keys[0], keys[size] = keys[size], keys[0]
        ids[0], ids[size] = ids[size], ids[0]
        _sift_down(keys, ids, size)
