"""Parquet: a column of lists, tensors or other rows of numbers, read by row group."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.datasets.base import DatasetError, VectorStore
from bench.datasets.formats.arrow_columns import (
    Column,
    ColumnError,
    Tensors,
    described,
    number_columns,
    read_tensors,
)
from bench.datasets.formats.foreign import listed
from bench.datasets.store import check_rows, to_float32

__all__ = ["ParquetStore", "names_parquet", "open_parquet", "read_sets"]

_LARGE_GROUP = 65_536  # rows of a row group that is not decoded only to know the dimension
_BUFFER = 1 << 20  # bytes of a column read at a time


class ParquetStore:
    """One column; the row group read last is kept, so that blocks within it cost one decoding."""

    def __init__(self, path: Path, column: Column, edges: np.ndarray, dim: int | None = None) -> None:
        self.path, self._column, self._edges = path, column, edges  # row group g has rows edges[g]:edges[g + 1]
        self._kept: tuple[int, np.ndarray] = (-1, np.empty((0, 0), np.float32))
        self._dim = dim
        if edges[-1]:
            first = int(np.flatnonzero(np.diff(edges))[0])
            large = edges[first + 1] > _LARGE_GROUP
            self._dim = (next(self.stream(0, 1))[1] if large else self._group(first)).shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        return int(self._edges[-1]), self._dim or 0

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows ``start:stop`` (clipped to n) as C-contiguous float32."""
        return self.take(np.arange(max(0, start), max(0, min(stop, self.shape[0]))))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The given rows, in their order, as C-contiguous float32; each row group they lie in is decoded once."""
        rows = check_rows(rows, self.shape[0])
        vectors = np.empty((len(rows), self.shape[1]), np.float32)
        groups = np.searchsorted(self._edges, rows, side="right") - 1
        for group in np.unique(groups).tolist():
            here = groups == group
            vectors[here] = self._group(group)[rows[here] - self._edges[group]]
        return vectors

    def stream(self, start: int, size: int) -> Iterator[tuple[int, np.ndarray]]:
        """``(first row, block)`` of ``size`` rows from ``start`` to the end; memory does not grow with row groups."""
        group = int(np.searchsorted(self._edges, start, side="right")) - 1
        first, pieces, waiting = int(self._edges[group]), list[np.ndarray](), 0
        for chunk in _batches(self.path, self._column, range(group, len(self._edges) - 1), size):
            block = self._vectors(_tensors(self.path, self._column, chunk, first), first)
            first += len(chunk)
            pieces.append(block[max(0, start - (first - len(block))) :])
            waiting += len(pieces[-1])
            while waiting >= size or (waiting and first == self.shape[0]):
                rows = np.concatenate(pieces)
                yield first - waiting, rows[:size]
                pieces, waiting = [rows[size:]], max(0, waiting - size)

    def _group(self, group: int) -> np.ndarray:
        if self._kept[0] != group:
            self._kept = (group, self._decode(group))
        return self._kept[1]

    def _decode(self, group: int) -> np.ndarray:
        first, pieces = int(self._edges[group]), []
        for chunk in _chunks(self.path, self._column, group):
            pieces.append(self._vectors(_tensors(self.path, self._column, chunk, first), first))
            first += len(chunk)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _vectors(self, rows: Tensors, first: int) -> np.ndarray:
        """(n, dim) float32 of rows that are one vector each, or the first that is not; axes of length 1 are no axes."""
        lengths = rows.counts * rows.widths
        if len(several := np.flatnonzero((rows.counts != 1) & (rows.widths != 1) & (lengths > 0))):
            row = int(several[0])
            raise DatasetError(
                f"{self.path}: row {first + row} of {self._column.name!r} has {rows.counts[row]} vectors of "
                f"{rows.widths[row]} numbers; a row needs one vector (dataset=ragged reads sets of vectors)"
            )
        dim = int(lengths[0]) if self._dim is None else self._dim
        if not dim:
            raise DatasetError(f"{self.path} is empty: row {first} of {self._column.name!r} has no numbers")
        if len(wrong := np.flatnonzero(lengths != dim)):
            row = int(wrong[0])
            raise DatasetError(
                f"{self.path} is ragged: row {first + row} of {self._column.name!r} has {lengths[row]} numbers, the "
                f"first has {dim}; all rows must have one dimension"
            )
        self._dim = dim
        return to_float32(rows.values.reshape(-1, dim))


def open_parquet(path: Path, column: str | None = None) -> VectorStore:
    """The column ``column`` of ``path``, or its only one of vectors; memory is that of one row group."""
    schema, counts = _opened(path)
    chosen = _choose(path, schema, column)
    return ParquetStore(path, chosen, np.cumsum([0, *counts]))


def names_parquet(path: Path) -> list[str]:
    """Names of the columns; of those with numbers also inside structs."""
    schema, _ = _opened(path)
    return [*schema.names, *(column.name for column in number_columns(schema))]


def read_sets(path: Path, column: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (total, dim) and offsets (n + 1,) int64 of a column of lists of lists or tensors of two axes.

    The vectors are those of the whole file, in the column's own type of numbers; :class:`DatasetError` if a row or
    number is missing, vectors differ in length, or there are none.
    """
    schema, counts = _opened(path)
    chosen = _choose(path, schema, column, sets=True)
    values, sizes, widths, first = [], [], [], 0
    for group in np.flatnonzero(counts).tolist():
        for chunk in _chunks(path, chosen, group):
            rows = _tensors(path, chosen, chunk, first)
            values.append(rows.values)
            sizes.append(rows.counts)
            widths.append(np.where(rows.counts > 0, rows.widths, 0))
            first += len(chunk)
    set_sizes, width = np.concatenate([[0], *sizes]), np.concatenate([np.empty(0, np.int64), *widths])
    given = width[set_sizes[1:] > 0]
    if not len(given) or not given[0]:
        raise DatasetError(f"{path} holds no vectors in column {chosen.name!r}; the least is one vector of one number")
    if (given != given[0]).any():
        raise DatasetError(f"{path} is ragged: vectors of {given.min()} to {given.max()} numbers; all need one length")
    return np.concatenate(values).reshape(-1, int(given[0])), np.cumsum(set_sizes)


def _opened(path: Path) -> tuple[pa.Schema, list[int]]:
    """The schema, and the rows of each row group."""
    try:
        with pq.ParquetFile(path) as file:
            counts = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
            number_columns(file.schema_arrow)  # decodes every name
            return file.schema_arrow, counts
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} {_why_not(path, error)}; copy it again") from None


def _why_not(path: Path, error: Exception) -> str:
    """What is wrong with a file that has no readable schema."""
    with path.open("rb") as handle:
        start = handle.read(4)
        handle.seek(max(0, path.stat().st_size - 4))
        framed = start == handle.read(4) == b"PAR1"
    return f"is corrupt, pyarrow says {_reason(error)!r}" if framed else "is not a Parquet file, or truncated"


def _reason(error: Exception) -> str:
    """What pyarrow says, in one line."""
    return " ".join(str(error).split())[:200]


def _chunks(path: Path, column: Column, group: int) -> list[pa.Array]:
    try:
        with pq.ParquetFile(path) as file:
            rows = file.metadata.row_group(group).num_rows
            values = file.read_row_group(group, columns=[column.name]).column(column.path[0])
    except (pa.ArrowException, OSError, UnicodeDecodeError, KeyError) as error:
        raise DatasetError(
            f"{path} is corrupt in row group {group}, pyarrow {pa.__version__} says {_reason(error)!r}; copy it again, "
            "or try a newer pyarrow"
        ) from None
    if len(values) != rows:
        raise DatasetError(f"{path} is corrupt: row group {group} has {len(values)} rows of {rows}; copy it again")
    for name in column.path[1:]:
        values = pc.struct_field(values, name)
    return values.chunks


def _batches(path: Path, column: Column, groups: range, size: int) -> Iterator[pa.Array]:
    """As :func:`_chunks` for several groups, ``size`` rows at most at a time, read page by page."""
    try:
        # Threads, or a buffer before, would read a row group whole.
        with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
            names = [column.name]
            for batch in file.iter_batches(size, row_groups=list(groups), columns=names, use_threads=False):
                values = batch.column(batch.schema.get_field_index(column.path[0]))
                for name in column.path[1:]:
                    values = pc.struct_field(values, name)
                yield values
    except (pa.ArrowException, OSError, UnicodeDecodeError, KeyError) as error:
        raise DatasetError(
            f"{path} is corrupt, pyarrow {pa.__version__} says {_reason(error)!r}; copy it again or try another pyarrow"
        ) from None


def _tensors(path: Path, column: Column, chunk: pa.Array, first: int) -> Tensors:
    try:
        return read_tensors(chunk, column.field, first)
    except ColumnError as error:
        raise DatasetError(f"{path}: column {column.name!r}: {error}; repair or remove such rows") from None


def _choose(path: Path, schema: pa.Schema, name: str | None, sets: bool = False) -> Column:
    """The column called ``name``, or the only one whose rows are vectors (or sets of them), or else the only one."""
    columns = [column for column in number_columns(schema) if not (sets and column.plain)]
    kind = "of lists of numbers" if sets else "of numbers"
    known = f"columns with lists {kind}: {listed(column.name for column in columns) or 'none'}"
    if name is not None:
        for column in columns:
            if column.name == name:
                return _alone(path, schema, columns, column)
        if name in schema.names:
            raise DatasetError(f"{path}: column {name!r} is {schema.field(name).type}, no list {kind}; {known}")
        raise DatasetError(f"{path} has no column {name!r}; {known}")
    fitting = [column for column in columns if (column.axes > 1) == sets] or columns
    if not fitting:
        unit = "set as one list of vectors" if sets else "vector as one list"
        raise DatasetError(
            f"{path} has 0 candidate columns ({known}; it has {described(schema)}); rows must be of numbers: write "
            f"each {unit}"
        )
    if len({column.name for column in fitting}) > 1:
        raise DatasetError(f"{path} has {len(fitting)} candidate columns; name one by column=... ({known})")
    return _alone(path, schema, columns, fitting[0])


def _alone(path: Path, schema: pa.Schema, columns: list[Column], chosen: Column) -> Column:
    """``chosen`` if no other column has its name, which is all that a reader can choose by."""
    same = [column for column in columns if column.name == chosen.name]
    if len(same) > 1 or schema.names.count(chosen.path[0]) > 1:
        raise DatasetError(f"{path} has several columns called {listed([chosen.name])}; give each a name of its own")
    if chosen.hollow:
        raise DatasetError(f"{path} is empty: column {listed([chosen.name])} has vectors of 0 numbers")
    return chosen
