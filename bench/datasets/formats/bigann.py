"""big-ann-benchmarks' ``.fbin``, ``.u8bin``, ``.i8bin``, ``.ibin``: two uint32 (rows, dimension), then the rows."""

from __future__ import annotations

from pathlib import Path
from typing import IO

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
_MOST_DIM = 1 << 20  # beyond it, a "dimension" is the start of some other file
_OTHER_HEADERS = {
    "two 64-bit numbers": np.dtype("<u8, <u8"),
    "a 64-bit and a 32-bit number": np.dtype("<u8, <u4"),
    "a 32-bit and a 64-bit number": np.dtype("<u4, <u8"),
    "two big-endian 32-bit numbers": np.dtype(">u4, >u4"),
    "two big-endian 64-bit numbers": np.dtype(">u8, >u8"),
}


def open_bigann(path: Path) -> VectorStore:
    """The vectors of ``path``; its size must be what its header promises."""
    dtype, size = _DTYPES[path.suffix.lower()], path.stat().st_size
    if size < _HEADER_BYTES:
        raise DatasetError(f"{path} is truncated: {size} bytes, the header alone has {_HEADER_BYTES}; copy it again")
    with path.open("rb") as handle:
        start = handle.read(2 * _HEADER_BYTES)
    rows, dim = (int(value) for value in np.frombuffer(start[:_HEADER_BYTES], "<u4"))
    expected = _HEADER_BYTES + rows * dim * dtype.itemsize
    if size != expected:
        raise DatasetError(_why(path, size, start, dtype, rows, dim, expected))
    return RowFile(path, _HEADER_BYTES, rows, dim, dtype)


def write_header(handle: IO[bytes], rows: int, dim: int) -> None:
    """Write what a file of ``rows`` vectors begins with; the rows, C-contiguous, are to follow."""
    handle.write(np.array([rows, dim], "<u4").tobytes())


def _why(path: Path, size: int, start: bytes, dtype: np.dtype, rows: int, dim: int, expected: int) -> str:
    """What a file whose size is not ``expected`` is instead, where another header or type explains its size."""
    for what, header in _OTHER_HEADERS.items():
        if len(start) < header.itemsize:
            continue
        n, d = (int(value) for value in np.frombuffer(start, header, 1)[0])
        if n and d and size == header.itemsize + n * d * dtype.itemsize:
            return (
                f"{path} has a header of {what} ({n} x {d}, {header.itemsize} bytes); {path.suffix} has two "
                f"little-endian 32-bit numbers ({_HEADER_BYTES} bytes): write the header again, or save as .npy"
            )
    promised = f"{size} bytes, its header ({rows} x {dim}) promises {expected}"
    if rows and dim and size == _HEADER_BYTES + 2 * rows * dim * 4 and dtype.itemsize == 4:
        return (
            f"{path} is not a {path.suffix} file of vectors: {promised}; twice that is a file of true neighbors (ids, "
            "then distances), or has components of 8 bytes (another component type)"
        )
    width, rest = divmod(size - _HEADER_BYTES, rows * dim) if rows and dim else (0, 1)
    if not rest and width in (1, 2, 4, 8):
        return (
            f"{path} has another component type than {path.suffix}: {promised}, so each component has {width} bytes "
            f"instead of {dtype.itemsize}; name it by its type ({', '.join(SUFFIXES)}), or save as .npy"
        )
    if rows and dim and size > expected:
        return (
            f"{path} has {size - expected} bytes too many: {promised}; cut them off, or write the right number of rows "
            "into the header"
        )
    cut = size < expected and dim <= _MOST_DIM
    state = "truncated" if cut else f"not a {path.suffix} file (or has another component type)"
    right = "copy it again" if cut else "write two little-endian 32-bit numbers (rows, dimension), then the rows"
    return f"{path} is {state}: {promised}; {right}"
