"""Work in parts, a thread each: kernels that let go of the interpreter run side by side."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

__all__ = ["count_parts", "in_parts", "read_only"]


def count_parts(n: int, threads: int | None) -> int:
    """Parts that ``n`` items are worked on in: ``threads`` (numba's setting if None), at least one, at most ``n``."""
    return max(1, min(threads or numba.get_num_threads(), n))


def in_parts(work: Callable[[int, int, int], None], n: int, threads: int | None) -> None:
    """``work(part, start, stop)`` on equal ranges of ``n`` items, on ``threads`` threads (numba's setting if None)."""
    parts = count_parts(n, threads)
    edges = [part * n // parts for part in range(parts + 1)]
    if parts == 1:
        work(0, 0, n)
        return
    others = [_pool().submit(work, part, edges[part], edges[part + 1]) for part in range(1, parts)]
    work(0, 0, edges[1])
    for done in others:
        done.result()


@functools.cache
def _pool() -> ThreadPoolExecutor:
    """Kept from call to call: starting a thread takes as long as a scan of some thousand codes."""
    return ThreadPoolExecutor(os.cpu_count(), "kernel")


os.register_at_fork(after_in_child=_pool.cache_clear)  # a child has none of its parent's threads


def read_only(array: np.ndarray) -> np.ndarray:
    """A plain read-only view: one type to compile for, whether an array is in memory or mapped from a file."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view
