"""Parquet: a column of lists (fixed-size or not) of numbers, read by row group."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.datasets.base import DatasetError, VectorStore
from bench.datasets.store import check_rows, to_float32

_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


class ParquetStore:
    """One list column; the row group read last is kept, so that blocks within it cost one decoding."""

    def __init__(self, path: Path, column: str, edges: np.ndarray, dim: int | None = None) -> None:
        self.path, self._column, self._edges = path, column, edges  # row group g has rows edges[g]:edges[g + 1]
        self._kept: tuple[int, np.ndarray] = (-1, np.empty((0, 0), np.float32))
        self._dim = dim
        if edges[-1]:
            self._dim = self._group(int(np.flatnonzero(np.diff(edges))[0])).shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        return int(self._edges[-1]), self._dim or 0

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows ``start:stop`` (clipped to n) as C-contiguous float32."""
        return self.take(np.arange(max(0, start), max(0, min(stop, self.shape[0]))))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The given rows, in their order, as C-contiguous float32; each row group they lie in is decoded once."""
        rows = check_rows(rows, self.shape[0])
        found = np.empty((len(rows), self.shape[1]), np.float32)
        groups = np.searchsorted(self._edges, rows, side="right") - 1
        for group in np.unique(groups).tolist():
            here = groups == group
            found[here] = self._group(group)[rows[here] - self._edges[group]]
        return found

    def _group(self, group: int) -> np.ndarray:
        if self._kept[0] != group:
            self._kept = (group, self._decode(group))
        return self._kept[1]

    def _decode(self, group: int) -> np.ndarray:
        try:
            with pq.ParquetFile(self.path) as file:
                column = pa.concat_arrays(file.read_row_group(group, columns=[self._column]).column(0).chunks)
        except (pa.ArrowException, OSError):
            raise DatasetError(f"{self.path} is corrupt in row group {group}; copy it again") from None
        first = int(self._edges[group])
        if column.null_count:
            raise DatasetError(f"{self.path}: column {self._column!r} has empty (null) rows; every row needs a vector")
        lengths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
        dim = self._dim or int(lengths[0])
        if len(wrong := np.flatnonzero(lengths != dim)):
            row = int(wrong[0])
            raise DatasetError(
                f"{self.path} is ragged: row {first + row} of {self._column!r} has {lengths[row]} numbers, the first "
                f"has {dim}; all rows must have one dimension"
            )
        values = column.flatten()
        if values.null_count:
            raise DatasetError(f"{self.path}: vectors of column {self._column!r} have missing numbers; repair them")
        return to_float32(values.to_numpy(zero_copy_only=False).reshape(-1, dim))


def open_parquet(path: Path, column: str | None = None) -> VectorStore:
    """The list column ``column`` of ``path``, or its only one; memory is that of one row group."""
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            counts = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
    except (pa.ArrowException, OSError):
        raise DatasetError(f"{path} is not a Parquet file, or truncated; copy it again") from None
    return ParquetStore(path, _choose(path, schema, column), np.cumsum([0, *counts]))


def _choose(path: Path, schema: pa.Schema, column: str | None) -> str:
    lists = [field.name for field in schema if any(test(field.type) for test in _LISTS) and _is_numeric(field.type)]
    known = f"columns with lists of numbers: {', '.join(lists) or 'none'}"
    if column is not None:
        if column not in schema.names:
            raise DatasetError(f"{path} has no column {column!r}; {known}")
        if column not in lists:
            raise DatasetError(f"{path}: column {column!r} is {schema.field(column).type}, no list of numbers; {known}")
        return column
    if len(lists) != 1:
        raise DatasetError(f"{path} has {len(lists)} candidate columns; name one by column=... ({known})")
    return lists[0]


def _is_numeric(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)
