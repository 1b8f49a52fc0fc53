"""How fast this machine reads memory: the limit of every scan of codes."""

from __future__ import annotations

import functools
import time

import numpy as np
from numba import njit, prange

__all__ = ["read_bandwidth"]

_BYTES = 1 << 28  # far beyond any cache
_PART = 1 << 16  # words that a thread reads at a time


@njit(cache=True)
def _sum(words: np.ndarray) -> np.uint64:
    total = np.uint64(0)
    for place in range(len(words)):
        total += words[place]
    return total


@njit(cache=True, parallel=True)
def _sum_parallel(words: np.ndarray) -> np.uint64:
    total = np.uint64(0)
    for part in prange(len(words) // _PART):
        total += _sum(words[part * _PART : (part + 1) * _PART])
    return total


@functools.cache
def read_bandwidth(threads: int = 1, nbytes: int = _BYTES) -> float:
    """Bytes a second read by the sum of a large array: the median of seven passes, measured once a process.

    Parameters
    ----------
    threads : int
        1, or more for numba's present number of threads.
    nbytes : int
        Size of the array; it should be several times the last-level cache.
    """
    words = np.ones(max(1, nbytes // (8 * _PART)) * _PART, np.uint64)
    read = _sum if threads == 1 else _sum_parallel
    read(words)
    seconds = []
    for _ in range(7):
        start = time.perf_counter()
        read(words)
        seconds.append(time.perf_counter() - start)
    return words.nbytes / float(np.median(seconds))
