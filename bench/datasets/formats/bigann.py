"""big-ann-benchmarks' ``.fbin``, ``.u8bin``, ``.i8bin``, ``.ibin``: two uint32 (rows, dimension), then the rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets.base import DatasetError, VectorStore
from bench.datasets.store import RowFile

_DTYPES: dict[str, np.dtype] = {
    ".fbin": np.dtype("<f4"),
    ".u8bin": np.dtype("u1"),
    ".i8bin": np.dtype("i1"),
    ".ibin": np.dtype("<i4"),
}
SUFFIXES = tuple(_DTYPES)
_HEADER_BYTES = 8


def open_bigann(path: Path) -> VectorStore:
    """The vectors of ``path``; its size must be what its header promises."""
    dtype, size = _DTYPES[path.suffix.lower()], path.stat().st_size
    if size < _HEADER_BYTES:
        raise DatasetError(f"{path} is truncated: {size} bytes, the header alone has {_HEADER_BYTES}; copy it again")
    with path.open("rb") as handle:
        rows, dim = (int(value) for value in np.frombuffer(handle.read(_HEADER_BYTES), "<u4"))
    expected = _HEADER_BYTES + rows * dim * dtype.itemsize
    if size != expected:
        state = "truncated" if size < expected else f"not a {path.suffix} file (or has another component type)"
        raise DatasetError(f"{path} is {state}: {size} bytes, its header ({rows} x {dim}) promises {expected}")
    return RowFile(path, _HEADER_BYTES, rows, dim, dtype)
