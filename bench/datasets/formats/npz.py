"""NumPy's ``.npz``: read into memory, since its arrays may be compressed."""

from __future__ import annotations

import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import DatasetError, VectorStore
from bench.datasets.formats.foreign import listed
from bench.datasets.formats.npy import check_array, read_header
from bench.datasets.store import ArrayStore

_NAMES = ("base", "vectors")
_SPARSE = {"data", "indices", "indptr", "shape"}  # as scipy.sparse.save_npz calls its arrays
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError, OSError, EOFError, TypeError),
    *(AttributeError, SyntaxError, RuntimeError),  # the last of zipfile, for encryption and unknown compression
)


def open_npz(path: Path, name: str | None = None) -> VectorStore:
    """The array ``name``, or that called ``base`` or ``vectors``, or the only one of two axes; held in memory."""
    with opened_npz(path) as arrays:
        chosen = _choose(path, list(arrays.files), name)
        array = read_array(path, arrays, chosen)
    check_array(f"{path} ({chosen})", array.shape, array.dtype)
    return ArrayStore(array)


def names_npz(path: Path) -> list[str]:
    """Names of the arrays."""
    with opened_npz(path) as arrays:
        return list(arrays.files)


def read_array(path: Path, arrays: Any, name: str) -> np.ndarray:
    """The array ``name`` of an open archive; refused before it takes memory that it cannot fill."""
    member = name if name in arrays.zip.namelist() else f"{name}.npy"
    try:
        with arrays.zip.open(member) as handle:
            shape, _, dtype = read_header(handle)
            begin = handle.tell()
    except ValueError:
        raise DatasetError(f"{path}: {member} is no array; write the archive with numpy.savez") from None
    size, promised = arrays.zip.getinfo(member).file_size, begin + math.prod(shape) * dtype.itemsize
    if not dtype.hasobject and not begin <= promised <= size:
        raise DatasetError(f"{path} is corrupt: {member} has {size} bytes of {promised}; copy it again")
    return arrays[name]


@contextmanager
def opened_npz(path: Path) -> Iterator[Any]:
    """The archive; what goes wrong with it inside the block becomes a :class:`DatasetError`."""
    with path.open("rb") as handle:
        if handle.read(2) != b"PK":  # NumPy would take it for a pickle
            raise DatasetError(f"{path} is not a .npz file (an archive begins with PK); write it with numpy.savez")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except DatasetError:
        raise
    except _BROKEN:
        raise DatasetError(f"{path} is not a whole .npz file; write it with numpy.savez") from None
    except ValueError as error:
        reason = "holds Python objects" if "allow_pickle" in str(error) else "is corrupt"
        raise DatasetError(f"{path} {reason}; write numeric arrays with numpy.savez") from None


def _choose(path: Path, names: list[str], wanted: str | None) -> str:
    contents = listed(names) or "no arrays"
    if wanted is not None:
        if wanted not in names:
            raise DatasetError(f"{path} has no array {wanted!r}; it holds {contents}")
        return wanted
    for name in _NAMES:
        if name in names:
            return name
    if {*names} >= _SPARSE:
        raise DatasetError(
            f"{path} holds a sparse matrix ({contents}); write it dense: numpy.save(file, matrix.toarray())"
        )
    fitting = names if len(names) == 1 else _matrices(path, names)
    if len(fitting) != 1:
        raise DatasetError(f"{path} holds {contents}; call the array 'base', save it alone, or name it by column=...")
    return fitting[0]


def _matrices(path: Path, names: list[str]) -> list[str]:
    """Those of two axes of numbers: ids and labels beside the vectors have one."""
    matrices = []
    with zipfile.ZipFile(path) as archive:
        for name in names:
            try:
                with archive.open(name if name in archive.namelist() else f"{name}.npy") as handle:
                    shape, _, dtype = read_header(handle)
            except (ValueError, EOFError):  # some other file in the archive
                continue
            if len(shape) == 2 and dtype.kind in "fiu":
                matrices.append(name)
    return matrices
