"""How fast this machine reads memory: the limit of every scan of codes."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

__all__ = ["read_bandwidth"]

_BYTES = 1 << 28  # far beyond any cache
_PASSES = 7


@functools.cache
def read_bandwidth(nbytes: int = _BYTES, threads: int = 1) -> float:
    """Bytes a second that threads read: the median of seven passes over a large array, measured once a process.

    Parameters
    ----------
    nbytes : int
        Size of the array; it should be several times the last-level cache.
    threads : int
        That read at the same time, each an equal part of the array.

    Notes
    -----
    A pass is NumPy's maximum over bytes: it keeps up with memory as a compiled loop of ours did (13.4 and 12.8 GB/s
    side by side), and needs no compiler at the start of a run.
    """
    parts = np.array_split(np.ones(nbytes, np.uint8), threads)
    if threads == 1:
        return nbytes / _seconds(parts[0].max)
    with ThreadPoolExecutor(threads) as pool:
        return nbytes / _seconds(lambda: list(pool.map(np.max, parts)))


def _seconds(read: Callable[[], object]) -> float:
    """Of a pass; the first one, which brings the array in, does not count."""
    read()
    seconds = []
    for _ in range(_PASSES):
        start = time.perf_counter()
        read()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))
