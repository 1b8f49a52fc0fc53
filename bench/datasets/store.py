"""Vectors in memory, in a file of equal rows, and a choice of rows of another store.

A file store reads at positions (never through a mapping of the whole file), so that what a program keeps resident is
the requested block, however large the file is.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import numpy as np

from bench.datasets.base import DatasetError, VectorStore

BLOCK_BYTES = 32 << 20  # of float32: what a pass over a store holds at a time
_SPAN_BYTES = 4 << 20  # the most read at once to pick scattered rows from
_GAP_BYTES = 16 << 10  # rows this near are read together: copying the gap is cheaper than another system call


class ArrayStore:
    """Vectors (n, dim) of any real dtype, held in memory."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    @property
    def shape(self) -> tuple[int, int]:
        return self._array.shape[0], self._array.shape[1]

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows ``start:stop`` (clipped to n) as C-contiguous float32; a read-only view where nothing is converted."""
        return read_only(to_float32(self._array[max(0, start) : max(0, stop)]))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The given rows, in their order, as C-contiguous float32."""
        return to_float32(self._array[check_rows(rows, self.shape[0])])


class RowFile:
    """Vectors (n, dim) in a file in which every row takes the same number of bytes.

    Parameters
    ----------
    path : Path
    offset : int
        Bytes before the first row.
    rows, dim : int
    dtype : numpy dtype
        Of one component, byte order included.
    prefixed : bool
        True where four bytes before each row repeat ``dim`` (``.fvecs`` and its kin); they are checked when read.
    """

    def __init__(self, path: Path, offset: int, rows: int, dim: int, dtype: np.dtype, prefixed: bool = False) -> None:
        self.path, self._offset, self._rows, self._dim = Path(path), offset, rows, dim
        self._dtype, self._prefix = np.dtype(dtype), 4 if prefixed else 0
        self._row_bytes = self._prefix + dim * self._dtype.itemsize

    @property
    def shape(self) -> tuple[int, int]:
        return self._rows, self._dim

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows ``start:stop`` (clipped to n) as fresh C-contiguous float32."""
        start, stop = max(0, start), min(stop, self._rows)
        with self._open() as handle:
            return to_float32(self._stored(handle, start, max(start, stop)))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The given rows, in their order, as fresh C-contiguous float32; near rows are read together."""
        rows = check_rows(rows, self._rows)
        order = np.argsort(rows, kind="stable")
        ascending = rows[order]
        vectors = np.empty((len(rows), self._dim), np.float32)
        with self._open() as handle:
            for first, last in spans(ascending, self._row_bytes):
                begin = ascending[first]
                block = self._stored(handle, int(begin), int(ascending[last - 1]) + 1)
                vectors[order[first:last]] = to_float32(block[ascending[first:last] - begin])
        return vectors

    def _open(self) -> FileIO:
        try:
            return FileIO(self.path, "rb")
        except OSError as error:
            raise DatasetError(f"{self.path} cannot be read ({error.strerror})") from None

    def _stored(self, handle: FileIO, start: int, stop: int) -> np.ndarray:
        """Rows as they are stored, the prefix checked and cut off."""
        raw = np.empty((stop - start, self._row_bytes), np.uint8)
        view, done = raw.ravel().data, 0
        handle.seek(self._offset + start * self._row_bytes)
        while done < raw.nbytes:
            count = handle.readinto(view[done:])
            if not count:
                raise DatasetError(f"{self.path} ends before row {stop - 1}; it became shorter while it was read")
            done += count
        if self._prefix:
            self._check_prefix(raw[:, :4], start)
            raw = np.ascontiguousarray(raw[:, 4:])
        return raw.view(self._dtype)

    def _check_prefix(self, prefix: np.ndarray, start: int) -> None:
        dims = np.ascontiguousarray(prefix).view("<i4").ravel()
        if len(wrong := np.flatnonzero(dims != self._dim)):
            row = int(wrong[0])
            raise DatasetError(
                f"{self.path} is ragged or corrupt: row {start + row} says dimension {dims[row]}, the first says "
                f"{self._dim}; all rows must have one dimension"
            )


class Rows:
    """Some rows of another store, as a store of their own; nothing is copied."""

    def __init__(self, store: VectorStore, rows: np.ndarray) -> None:
        self.store, self.rows = store, check_rows(rows, store.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), self.store.shape[1]

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows ``start:stop`` (clipped to n) as C-contiguous float32."""
        return self.store.take(self.rows[max(0, start) : max(0, stop)])

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The given rows, in their order, as C-contiguous float32."""
        return self.store.take(self.rows[check_rows(rows, len(self.rows))])


class Span:
    """Rows ``start:stop`` of another store, as a store of their own; nothing is copied."""

    def __init__(self, store: VectorStore, start: int, stop: int) -> None:
        self.store, self.start, self.stop = store, start, min(stop, store.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        return self.stop - self.start, self.store.shape[1]

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows ``start:stop`` (clipped to n) as C-contiguous float32."""
        return self.store.read(self.start + max(0, start), min(self.start + max(0, stop), self.stop))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The given rows, in their order, as C-contiguous float32."""
        return self.store.take(check_rows(rows, self.shape[0]) + self.start)


def blocks(store: VectorStore) -> Iterator[tuple[int, np.ndarray]]:
    """``(first row, block)`` over the whole store, 32 MiB of float32 at a time."""
    rows, dim = store.shape
    step = max(1, BLOCK_BYTES // (4 * max(1, dim)))
    for start in range(0, rows, step):
        yield start, store.read(start, start + step)


def spans(ascending: np.ndarray, row_bytes: int) -> Iterator[tuple[int, int]]:
    """Slices ``first:last`` of sorted rows to read in one piece: near each other, and not too long."""
    if not len(ascending):
        return
    far = np.flatnonzero(np.diff(ascending) > max(1, _GAP_BYTES // row_bytes)) + 1
    edges = np.concatenate([[0], far, [len(ascending)]])
    longest = max(1, _SPAN_BYTES // row_bytes)
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        while first < last:
            reach = int(np.searchsorted(ascending[first:last], ascending[first] + longest))
            yield first, first + reach
            first += reach


def check_rows(rows: np.ndarray, count: int) -> np.ndarray:
    """``rows`` as int64; IndexError if one of them is not in ``0 .. count - 1``."""
    rows = np.asarray(rows, np.int64)
    if rows.size and (rows.min() < 0 or rows.max() >= count):
        raise IndexError(f"rows {rows.min()} to {rows.max()} are not all in 0 to {count - 1}")
    return rows


def to_float32(array: np.ndarray) -> np.ndarray:
    """C-contiguous float32; the array itself where it is that already."""
    with np.errstate(over="ignore"):  # what exceeds float32 becomes infinite and is refused with its row
        return np.ascontiguousarray(array, np.float32)


def read_only(array: np.ndarray) -> np.ndarray:
    """A view that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view
