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
    if vectors.dtype.kind in "fiu" and vectors.dtype not in (np.float32, np.float16):
        with np.errstate(over="ignore"):  # what becomes infinite is refused with its place
            vectors = vectors.astype(np.float16 if vectors.dtype.kind == "f" and vectors.itemsize == 2 else np.float32)
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
    from bench.datasets.formats.parquet import read_sets

    return read_sets(path, column)
