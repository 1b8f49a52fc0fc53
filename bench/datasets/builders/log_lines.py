"""The bytes of a log, unpacked, with every line's fields counted: pandas would fill up a line that lacks some."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

__all__ = ["COMPRESSED", "CountedLines"]

_OPEN: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
COMPRESSED = tuple(_OPEN)
_READ = 1 << 20  # bytes at a time
_LONGEST = 16 << 20  # bytes of a line, far more than any log has
_NEWLINE, _RETURN = 10, 13


class CountedLines(io.RawIOBase):
    """A file to read from, which raises ValueError at a line that has fewer than ``fields`` fields; blank ones pass.

    Parameters
    ----------
    path : Path
        Plain, or compressed with a suffix of :data:`COMPRESSED`.
    separator : str
        One ASCII character. Lines may hold more of them: in quotes, or to be refused by whoever reads.
    fields : int
    """

    def __init__(self, path: Path, separator: str, fields: int) -> None:
        self._file = cast(IO[bytes], _OPEN.get(path.suffix.lower(), open)(path, "rb"))
        self._separator, self._fields = ord(separator), fields
        self._lines, self._begun = 0, b""  # whole lines so far, and what there is of the next

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes, as :class:`io.RawIOBase` has it; all lines that end in them are counted."""
        block = self._file.read(min(len(buffer), _READ))
        self._count(self._begun + (block or b"\n"))
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def _count(self, text: bytes) -> None:
        symbols = np.frombuffer(text, np.uint8)
        ends = np.flatnonzero(symbols == _NEWLINE)
        if not len(ends):
            if len(text) > _LONGEST:
                raise ValueError(f"line {self._lines + 1} has more than {_LONGEST} bytes")
            self._begun = text
            return
        begins = np.concatenate([[0], ends[:-1] + 1])
        separators = np.flatnonzero(symbols == self._separator)
        counts = np.searchsorted(separators, ends) - np.searchsorted(separators, begins)
        blank = (ends == begins) | ((ends == begins + 1) & (symbols[begins] == _RETURN))
        if len(short := np.flatnonzero((counts < self._fields - 1) & ~blank)):
            line = int(short[0])
            raise ValueError(
                f"line {self._lines + line + 1} has {counts[line] + 1} columns, fewer than the {self._fields}; is it "
                "cut off?"
            )
        self._lines += len(ends)
        self._begun = text[ends[-1] + 1 :]
