"""NumPy's ``.npy``: one two-dimensional array, read in place."""

from __future__ import annotations

import math
import tokenize
import warnings
from pathlib import Path
from typing import IO

import numpy as np

from bench.datasets.base import DatasetError, VectorStore
from bench.datasets.store import ArrayStore, RowFile


def open_npy(path: Path) -> VectorStore:
    """The array (n, dim) of real numbers in ``path``; one stored in Fortran order is read into memory."""
    shape, fortran, dtype, offset = _header_of(path)
    check_array(path, shape, dtype)
    _check_whole(path, shape, dtype, offset)
    rows, dim = shape
    if fortran:
        return ArrayStore(np.load(path, allow_pickle=False))
    return RowFile(path, offset, rows, dim, dtype)


def read_header(handle: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, Fortran order and dtype; leaves ``handle`` at the first byte of data. ValueError if there is no header."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # headers of Python 2 have integers such as 57L
            version = np.lib.format.read_magic(handle)  # type: ignore[arg-type]
            if version == (1, 0):
                return np.lib.format.read_array_header_1_0(handle)  # type: ignore[arg-type]
            return np.lib.format.read_array_header_2_0(handle)  # type: ignore[arg-type]
    except (EOFError, SyntaxError, TypeError, RecursionError, MemoryError, tokenize.TokenError) as error:
        raise ValueError(f"no header of numpy's: {error}") from None


def load_array(path: Path, memory_map: bool = False) -> np.ndarray:
    """The array of a .npy file, of any number of axes; :class:`DatasetError` if it is truncated or not of numbers."""
    shape, _, dtype, offset = _header_of(path)
    if dtype.hasobject:
        raise DatasetError(f"{path} holds Python objects, which are never unpickled; save an array of numbers")
    if min(shape, default=0) < 0:
        raise DatasetError(f"{path} is corrupt: its header promises the shape {shape}; write it with numpy.save")
    _check_whole(path, shape, dtype, offset)
    return np.load(path, mmap_mode="r" if memory_map and 0 not in shape else None, allow_pickle=False)


def _header_of(path: Path) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """As :func:`read_header`, and the position of the first byte of data."""
    with path.open("rb") as handle:
        try:
            return *read_header(handle), handle.tell()
        except ValueError:
            raise DatasetError(f"{path} is not a .npy file (bad header); write it with numpy.save") from None


def _check_whole(path: Path, shape: tuple[int, ...], dtype: np.dtype, offset: int) -> None:
    expected, size = offset + math.prod(shape) * dtype.itemsize, path.stat().st_size
    if size < expected:
        raise DatasetError(f"{path} is truncated: {size} bytes, its header promises {expected}; copy it again")


def check_array(what: Path | str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse what is not a two-dimensional array of real numbers."""
    if dtype.hasobject:
        raise DatasetError(f"{what} holds Python objects, which are never unpickled; save a float32 array (n, dim)")
    if dtype == np.dtype("V2"):
        raise DatasetError(f"{what} has components of 2 bytes without a type, as bfloat16 is saved; save it as float32")
    if dtype.kind not in "fiu":
        raise DatasetError(f"{what} has dtype {dtype}; save it as float32 (or another real number type)")
    if len(shape) != 2:
        raise DatasetError(f"{what} has shape {shape}; vectors are an array of two axes (n, dim)")
    if min(shape) < 0:
        raise DatasetError(f"{what} is corrupt: its header promises the shape {shape}; write it with numpy.save")
