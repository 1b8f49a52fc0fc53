"""How fast this machine reads memory: the limit of every scan of codes."""

from __future__ import annotations

import functools
import time

import numpy as np

__all__ = ["read_bandwidth"]

_BYTES = 1 << 28  # far beyond any cache
_PASSES = 7


@functools.cache
def read_bandwidth(nbytes: int = _BYTES) -> float:
    """Bytes a second that one thread reads: the median of seven passes over a large array, measured once a process.

    Parameters
    ----------
    nbytes : int
        Size of the array; it should be several times the last-level cache.

    Notes
    -----
    A pass is NumPy's maximum over bytes: it keeps up with memory as a compiled loop of ours did (13.4 and 12.8 GB/s
    side by side), and needs no compiler at the start of a run.
    """
    words = np.ones(nbytes, np.uint8)
    words.max()
    seconds = []
    for _ in range(_PASSES):
        start = time.perf_counter()
        words.max()
        seconds.append(time.perf_counter() - start)
    return nbytes / float(np.median(seconds))
