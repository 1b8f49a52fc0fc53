"""Columns of Arrow tables that hold numbers by row: lists, lists of lists, and tensors, read by their storage.

Tensors come as an extension type that pyarrow knows (``arrow.fixed_shape_tensor``), as storage whose field names a type
of another library (ray, Daft, datasets), or as structs of ``data`` and ``shape`` where rows differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.datasets.formats.foreign import listed

__all__ = ["Column", "ColumnError", "Tensors", "described", "number_columns", "read_tensors"]

_EXTENSION_NAME, _EXTENSION_METADATA = b"ARROW:extension:name", b"ARROW:extension:metadata"
_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)


class ColumnError(ValueError):
    """Why a column has no vectors; the message lacks the file's name."""


@dataclass(frozen=True)
class Column:
    """A column of numbers by row.

    Attributes
    ----------
    path : tuple of str
        Its name, after those of the structs that it is inside.
    axes : int
        Of one row as its type says it: 1 for lists of numbers, 2 for lists of lists; axes of length 1 do not count
        where the type gives lengths.
    plain : bool
        Lists of numbers and no more, which cannot be sets of vectors.
    hollow : bool
        Its type says that a row has no numbers.
    """

    path: tuple[str, ...]
    field: pa.Field
    axes: int
    plain: bool = False
    hollow: bool = False

    @property
    def name(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True)
class Tensors:
    """Rows (of some axes) side by side.

    Attributes
    ----------
    values : (total,) numpy array of numbers
    counts, widths : (n,) int64
        Row i is ``counts[i]`` vectors of ``widths[i]`` numbers; a row that is one vector counts 1.
    """

    values: np.ndarray
    counts: np.ndarray
    widths: np.ndarray


def number_columns(schema: pa.Schema) -> list[Column]:
    """All columns with one or more axes of numbers in every row, those inside structs included."""
    return [column for field in schema for column in _columns(field, ())]


def described(schema: pa.Schema) -> str:
    """Names and types of the columns, for messages."""
    return listed(f"{field.name}: {field.type}" for field in schema) or "no columns"


def _columns(field: pa.Field, inside: tuple[str, ...]) -> Iterator[Column]:
    path, kind = (*inside, field.name), _storage(field.type)
    if _is_tensor_struct(kind):
        yield Column(path, field, 1)
    elif pa.types.is_struct(kind):
        for part in kind:
            yield from _columns(part, path)
    elif _is_list(kind):
        axes, leaf, hollow = 0, kind, False
        while _is_list(leaf):
            hollow |= pa.types.is_fixed_size_list(leaf) and leaf.list_size == 0
            axes, leaf = axes + 1, _storage(leaf.value_type)
        if _is_number(leaf):
            shape = _shape(field)
            sides = axes if shape is None else max(1, sum(length != 1 for length in shape))
            yield Column(path, field, sides, (axes if shape is None else len(shape)) == 1, hollow)


def read_tensors(array: pa.Array, field: pa.Field, first: int = 0) -> Tensors:
    """The rows of ``array``, a chunk of the column ``field`` whose first row has the number ``first``.

    Raises
    ------
    ColumnError
        Rows or numbers are missing (null), a row's vectors differ in length, the shape and the numbers differ.
    """
    if array.null_count:
        row = int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0])
        raise ColumnError(f"row {first + row} is empty (null); every row needs a vector")
    shape = _shape(field)
    if isinstance(array, pa.FixedShapeTensorArray) and _permuted(array.type):
        _numbers(array.storage.flatten())  # refuses missing ones
        ordered = array.to_numpy_ndarray()
        return _shaped(ordered.reshape(-1), len(array), ordered.shape[1:])
    array = _stored(array)
    if pa.types.is_struct(array.type):
        return _tensor_structs(array, first)
    counts, widths, values = _unnested(array, first)
    return _shaped(values, len(array), shape) if shape is not None else Tensors(values, counts, widths)


def _unnested(array: pa.Array, first: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors in each row, numbers in each vector, all numbers."""
    if array.null_count:
        raise ColumnError("some of its rows hold empty (null) vectors")
    lengths = pc.list_value_length(array).to_numpy(zero_copy_only=False).astype(np.int64)
    inner = _stored(array.flatten())
    if not _is_list(inner.type):
        return np.ones(len(array), np.int64), lengths, _numbers(inner)
    counts, widths, values = _unnested(inner, 0)
    edges = np.concatenate([[0], np.cumsum(lengths)])
    begin = np.minimum(edges[:-1], max(0, len(widths) - 1))  # a row without vectors has no width of its own
    width = np.where(lengths > 0, widths[begin], 0) if len(widths) else np.zeros(len(array), np.int64)
    if len(bad := np.flatnonzero(widths != np.repeat(width, lengths))):
        row = int(np.searchsorted(edges, bad[0], side="right")) - 1
        raise ColumnError(
            f"row {first + row} is ragged: it has vectors of {width[row]} and of {widths[bad[0]]} numbers"
        )
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return offsets[edges[1:]] - offsets[edges[:-1]], width, values


def _tensor_structs(array: pa.Array, first: int) -> Tensors:
    data, shapes = (_stored(pc.struct_field(array, name)) for name in ("data", "shape"))
    _, lengths, values = _unnested(data, first)
    _, axes, sides = _unnested(shapes, first)
    if len(axes) and (axes.min() < 1 or (axes != axes[0]).any()):
        raise ColumnError(f"its tensors have {axes.min()} to {axes.max()} axes; all need the same number")
    sides = sides.astype(np.int64).reshape(len(array), -1 if len(array) else 1)
    counts, widths = sides[:, :-1].prod(axis=1), sides[:, -1]
    if len(bad := np.flatnonzero((counts * widths != lengths) | (sides < 0).any(axis=1))):
        row = int(bad[0])
        raise ColumnError(f"row {first + row} has {lengths[row]} numbers but the shape {sides[row].tolist()}")
    return Tensors(values, counts, widths)


def _shaped(values: np.ndarray, rows: int, shape: tuple[int, ...]) -> Tensors:
    """Rows of one shape that the column's type gives."""
    count, width = int(np.prod(shape[:-1])), int(shape[-1]) if shape else 1
    if rows * count * width != len(values):
        raise ColumnError(f"its type says tensors of shape {list(shape)}, but {rows} rows have {len(values)} numbers")
    return Tensors(values, np.full(rows, count, np.int64), np.full(rows, width, np.int64))


def _numbers(array: pa.Array) -> np.ndarray:
    if array.null_count:
        raise ColumnError("its vectors have missing numbers (null)")
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array.to_numpy(zero_copy_only=False)


def _stored(array: pa.Array) -> pa.Array:
    while isinstance(array, pa.ExtensionArray):
        array = array.storage
    return array


def _storage(kind: pa.DataType) -> pa.DataType:
    while isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    return kind


def _is_list(kind: pa.DataType) -> bool:
    return any(test(kind) for test in _LISTS)


def _is_number(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _is_tensor_struct(kind: pa.DataType) -> bool:
    """Structs of ``data`` (numbers) and ``shape`` (integers), as ray and Daft store tensors of different shapes."""
    if not pa.types.is_struct(kind) or {field.name for field in kind} != {"data", "shape"}:
        return False
    data, shape = (_storage(kind.field(name).type) for name in ("data", "shape"))
    lists = _is_list(data) and _is_list(shape)
    return lists and _is_number(data.value_type) and pa.types.is_integer(shape.value_type)


def _permuted(kind: pa.DataType) -> bool:
    order = kind.permutation
    return order is not None and list(order) != sorted(order)


def _shape(field: pa.Field) -> tuple[int, ...] | None:
    """The shape of a row where the column's type or its field's metadata gives it."""
    if isinstance(field.type, pa.FixedShapeTensorType):
        return tuple(field.type.shape)
    metadata = field.metadata or {}
    if _EXTENSION_NAME not in metadata:
        return None
    try:
        return _first_shape(json.loads(metadata.get(_EXTENSION_METADATA, b"null")))
    except (ValueError, RecursionError):
        return None


def _first_shape(said: Any) -> tuple[int, ...] | None:
    """The first list of whole numbers in JSON of any nesting: every library wraps the shape in another way."""
    if isinstance(said, dict):
        said = [said["shape"]] if "shape" in said else list(said.values())
    if not isinstance(said, list):
        return None
    if said and all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in said):
        return tuple(said)
    return next((shape for shape in map(_first_shape, said) if shape is not None), None)
