"""Files of sets of vectors: ``.npz``, a folder of ``.npy`` (memory-mapped), Parquet (lists of lists)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets.base import DatasetError
from bench.datasets.formats import PARQUET_SUFFIXES, expanded
from bench.datasets.formats.foreign import explained, listed
from bench.datasets.formats.npy import load_array
from bench.datasets.formats.npz import opened_npz, read_array
from methods import MethodError
from methods.multivector import Ragged

__all__ = ["is_parquet", "open_sets", "save_npz"]

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
    path = expanded(path)
    if not path.exists():
        raise DatasetError(f"{path} does not exist; {_HOW}")
    if path.is_dir():
        arrays = _mapped(path, part)
    elif path.suffix.lower() not in (".npz", *PARQUET_SUFFIXES):
        raise DatasetError(f"{path} is no file of sets; {_HOW}")
    else:
        with explained(path):
            arrays = _unzipped(path) if path.suffix.lower() == ".npz" else _columns(path, column)
    vectors, offsets = arrays
    if vectors.dtype.kind in "fiu" and vectors.dtype not in (np.float32, np.float16):
        with np.errstate(over="ignore"):  # what becomes infinite is refused with its place
            vectors = vectors.astype(np.float16 if vectors.dtype.kind == "f" and vectors.itemsize == 2 else np.float32)
    try:
        sets = Ragged(vectors, offsets, str(path))
    except MethodError as error:
        raise DatasetError(str(error)) from None
    if not sets.dim:
        raise DatasetError(f"{path} holds vectors of 0 numbers; the least is one vector of one number")
    if not len(sets):
        raise DatasetError(f"{path} holds no sets; it needs at least one")
    return sets


def is_parquet(path: str | Path) -> bool:
    """Whether the suffix says so: only such files of sets have columns."""
    return Path(path).suffix.lower() in PARQUET_SUFFIXES


def save_npz(path: str | Path, sets: Ragged) -> None:
    """Write ``sets`` as a ``.npz`` that :func:`open_sets` reads."""
    np.savez(path, vectors=sets.vectors, offsets=sets.offsets)


def _mapped(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    names = (f"{part}.npy", f"{part}_offsets.npy") if part else (f"{_VECTORS}.npy", f"{_OFFSETS}.npy")
    arrays = []
    for name, memory_map in zip(names, (True, False)):
        if not (folder / name).is_file():
            raise DatasetError(f"{folder} lacks {name}; {_HOW}")
        with explained(folder / name):
            arrays.append(load_array(folder / name, memory_map))
    return arrays[0], arrays[1]


def _unzipped(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with opened_npz(path) as archive:
        if missing := {_VECTORS, _OFFSETS} - {*archive.files}:
            raise DatasetError(f"{path} lacks the array {min(missing)!r}, it holds {listed(archive.files)}; {_HOW}")
        return read_array(path, archive, _VECTORS), read_array(path, archive, _OFFSETS)


def _columns(path: Path, column: str | None) -> tuple[np.ndarray, np.ndarray]:
    from bench.datasets.formats.parquet import read_sets

    return read_sets(path, column)
