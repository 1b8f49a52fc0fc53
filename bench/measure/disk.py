"""Searches that read a mapped file: with none of its pages in memory before each query, and what was read from disk."""

from __future__ import annotations

import ctypes
import mmap
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure.latency import AnySearcher, percentiles
from methods.mapped import mapping_of

MOST_COLD = 200  # queries
_MOST_COLD_S = 10.0
_STILL_CACHED = 0.02  # share of its pages from which on a file counts as in memory
_IO = Path("/proc/self/io")


@dataclass(frozen=True)
class ColdPass:
    """Queries, one by one, each with none of the files' pages in memory.

    Attributes
    ----------
    milliseconds : (timed,) float64
    bytes_read : float
        A query, that the system read from the disk: whole pages.
    not_measured : str
        Why there are no times; empty if there are.
    """

    milliseconds: np.ndarray = field(default_factory=lambda: np.empty(0))
    bytes_read: float = 0.0
    not_measured: str = ""

    def percentiles(self) -> dict[str, float] | None:
        """As of a warm pass; None if nothing was timed."""
        return percentiles(self.milliseconds) if len(self.milliseconds) else None


def time_cold_queries(
    searcher: AnySearcher, queries: Any, k: int, mapped: Sequence[np.memmap], max_seconds: float
) -> ColdPass:
    """Time a search for each of the first queries by itself, after the files' pages were dropped from memory.

    Parameters
    ----------
    searcher : Searcher or SetSearcher
        Reads from ``mapped``.
    queries : (nq, dim) floating, or sets of vectors
        At most :data:`MOST_COLD` are timed.
    k : int
    mapped : sequence of np.memmap
        The files.
    max_seconds : float
        Stops after as long, or ten seconds.
    """
    mappings = [mapping for array in mapped if (mapping := mapping_of(array)) is not None]
    if len(mappings) < len(mapped) or not hasattr(mmap, "MADV_DONTNEED"):
        return ColdPass(not_measured="this system cannot drop a file from memory")
    if bytes_from_disk() is None:
        return ColdPass(not_measured="this system does not count what is read from disk")
    elapsed: list[float] = []
    total, end = 0, time.perf_counter() + min(max_seconds, _MOST_COLD_S)
    for i in range(min(MOST_COLD, len(queries))):
        for mapping in mappings:
            mapping.madvise(mmap.MADV_DONTNEED)  # pages in use by this process are not dropped
        for array in mapped:
            if reason := drop_from_memory(Path(str(array.filename))):
                return ColdPass(not_measured=reason)
        before, start = bytes_from_disk(), time.perf_counter_ns()
        searcher.search(queries[i : i + 1], k)
        elapsed.append((time.perf_counter_ns() - start) / 1e6)
        if (read := (bytes_from_disk() or 0) - (before or 0)) <= 0:
            return ColdPass(not_measured="the system counted nothing read from a disk")
        total += read
        if time.perf_counter() > end:
            break
    return ColdPass(np.array(elapsed), total / max(1, len(elapsed)))


def bytes_from_disk() -> int | None:
    """Bytes that this process has had read from disks, read ahead included; None where the system does not count."""
    try:
        return next(int(line[12:]) for line in _IO.read_text().splitlines() if line.startswith("read_bytes: "))
    except (OSError, StopIteration):
        return None


def drop_from_memory(file: Path) -> str:
    """Ask the system to forget a file's pages; why they are still in memory, if they are."""
    if not hasattr(os, "posix_fadvise"):
        return "this system cannot drop a file from memory"
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # a page that is not written yet stays
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        cached = share_in_memory(file)
    except (OSError, AttributeError):
        return "this system does not say what of a file is in memory"
    finally:
        os.close(descriptor)
    return "the file system keeps the file in memory" if cached > _STILL_CACHED else ""


def share_in_memory(file: Path) -> float:
    """Of a file's pages, as the system's ``mincore`` says; reads none. OSError or AttributeError where it does not."""
    mapped = np.memmap(file, np.uint8, "r")
    resident = np.zeros(-(-mapped.size // mmap.PAGESIZE), np.uint8)
    where, size = ctypes.c_void_p(mapped.ctypes.data), ctypes.c_size_t(mapped.size)
    if ctypes.CDLL(None).mincore(where, size, ctypes.c_void_p(resident.ctypes.data)):
        raise OSError(f"nothing is known of {file}")
    return float(np.mean(resident & 1))
