"""Rows of a memory-mapped file that are read from disk together.

A page that is not in memory is read when it is touched, and the system then reads its neighbors too (128 KB on many
systems, megabytes on some), for most files are read from one end to the other. Candidates lie scattered: their pages
are named before they are touched, so that the disk reads these alone, and many at once instead of one after the other.
"""

from __future__ import annotations

import mmap

import numpy as np

__all__ = ["MappedRows", "mapping_of"]

_WILL_NEED = getattr(mmap, "MADV_WILLNEED", None)  # None where the system has no such advice


def mapping_of(array: np.ndarray) -> mmap.mmap | None:
    """The mapped file in which an array lies; None for an array in memory."""
    base = array
    while isinstance(base, np.ndarray):
        base = base.base  # type: ignore[assignment]
    if isinstance(base, memoryview):
        base = base.obj  # type: ignore[assignment]
    return base if isinstance(base, mmap.mmap) else None


class MappedRows:
    """Where the rows of an array lie in its mapped file; without effect for an array in memory.

    Parameters
    ----------
    rows : (n, ...)
        Named ahead only if they are C-contiguous.

    Attributes
    ----------
    row_bytes : int
        Of one row.
    """

    def __init__(self, rows: np.ndarray) -> None:
        self.row_bytes = rows[:1].nbytes if len(rows) else 0
        readable = len(rows) and rows.flags.c_contiguous and _WILL_NEED is not None
        self._mapping = mapping_of(rows) if readable else None
        if self._mapping is not None:
            self._start = rows.ctypes.data - np.frombuffer(self._mapping, np.uint8).ctypes.data

    def will_read(self, first: np.ndarray, after: np.ndarray) -> None:
        """Ask for the rows from ``first`` (m,) up to those before ``after`` (m,); a microsecond for each pair."""
        if self._mapping is None or _WILL_NEED is None:
            return
        begin = self._start + first * self.row_bytes
        begin -= begin % mmap.PAGESIZE
        length = self._start + after * self.row_bytes - begin
        for at, count in zip(begin.tolist(), length.tolist()):
            self._mapping.madvise(_WILL_NEED, at, count)
