"""Files of sets of vectors: ``.npz``, a folder of ``.npy`` (memory-mapped), Parquet (lists of lists)."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from bench.datasets.base import DatasetError
from bench.datasets.formats import PARQUET_SUFFIXES
from methods import MethodError
from methods.multivector import Ragged

__all__ = ["open_sets", "save_npz"]

_HOW = "give a .npz or a folder of .npy with 'vectors' (total, dim) and 'offsets' (n + 1,), or a .parquet"
_VECTORS, _OFFSETS = "vectors", "offsets"


def open_sets(path: str | Path, part: str = "", column: str | None = None) -> Ragged:
    """The sets in ``path``.

    Parameters
    ----------
    path : str or Path
        ``.npz`` with ``vectors`` and ``offsets``; a folder of ``vectors.npy`` and ``offsets.npy`` (read in place); or
        Parquet with a column of lists of lists of numbers, all of one width.
    part : str
        In a folder of several, the prefix: ``base`` stands for ``base.npy`` and ``base_offsets.npy``.
    column : str, optional
        The column of a Parquet file; needed only if several could be meant.

    Raises
    ------
    DatasetError
        In one line: no such file, missing arrays, offsets out of order, an empty set, a wrong type.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise DatasetError(f"{path} does not exist; {_HOW}")
    if path.is_dir():
        arrays = _mapped(path, part)
    elif path.suffix.lower() == ".npz":
        arrays = _unzipped(path)
    elif path.suffix.lower() in PARQUET_SUFFIXES:
        arrays = _columns(path, column)
    else:
        raise DatasetError(f"{path} is no file of sets; {_HOW}")
    vectors, offsets = arrays
    if vectors.dtype.kind in "iu" or vectors.dtype == np.float64:
        with np.errstate(over="ignore"):  # what becomes infinite is refused with its place
            vectors = vectors.astype(np.float32)
    try:
        found = Ragged(vectors, offsets, str(path))
    except MethodError as error:
        raise DatasetError(str(error)) from None
    if not len(found):
        raise DatasetError(f"{path} holds no sets; it needs at least one")
    return found


def save_npz(path: str | Path, sets: Ragged) -> None:
    """Write ``sets`` as a ``.npz`` that :func:`open_sets` reads."""
    np.savez(path, vectors=sets.vectors, offsets=sets.offsets)


def _mapped(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    names = (f"{part}.npy", f"{part}_offsets.npy") if part else (f"{_VECTORS}.npy", f"{_OFFSETS}.npy")
    try:
        vectors = np.load(folder / names[0], mmap_mode="r", allow_pickle=False)
        return vectors, np.load(folder / names[1], allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise DatasetError(f"{folder} lacks a whole {names[0]} or {names[1]}; {_HOW}") from None


def _unzipped(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays[_VECTORS], arrays[_OFFSETS]
    except KeyError:
        raise DatasetError(f"{path} lacks the array 'vectors' or 'offsets'; {_HOW}") from None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, TypeError, AttributeError, ValueError):
        raise DatasetError(f"{path} is not a whole .npz of numbers; write it with numpy.savez") from None


def _columns(path: Path, column: str | None) -> tuple[np.ndarray, np.ndarray]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError):
        raise DatasetError(f"{path} is not a Parquet file, or truncated; copy it again") from None
    nested = [field.name for field in table.schema if _is_list(field.type) and _is_list(field.type.value_type)]
    if column is None and len(nested) == 1:
        column = nested[0]
    if column not in nested:
        known = ", ".join(nested) or "none"
        raise DatasetError(f"{path}: name the column of lists of lists by column=...; there are: {known}")
    sets = table.column(column).combine_chunks()
    vectors = sets.flatten()
    values = vectors.flatten()
    if sets.null_count or vectors.null_count or values.null_count:
        raise DatasetError(f"{path}: column {column!r} has missing entries; repair or remove these rows")
    if not pa.types.is_floating(values.type) and not pa.types.is_integer(values.type):
        raise DatasetError(f"{path}: column {column!r} has lists of lists of {values.type}; they must be of numbers")
    widths = np.asarray(vectors.value_lengths())
    if not len(widths) or not widths[0]:
        raise DatasetError(f"{path} holds no vectors in column {column!r}; the least is one vector of one number")
    if len(widths) and (widths != widths[0]).any():
        raise DatasetError(
            f"{path} is ragged: vectors of {widths.min()} to {widths.max()} numbers; all need one length"
        )
    offsets = np.concatenate([[0], np.cumsum(np.asarray(sets.value_lengths(), np.int64))])
    rows = np.asarray(values).reshape(len(vectors), -1)
    return rows if rows.dtype.kind == "f" else rows.astype(np.float32), offsets


def _is_list(kind: object) -> bool:
    import pyarrow as pa

    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
