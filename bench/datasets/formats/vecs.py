"""TEXMEX's ``.fvecs``, ``.bvecs`` and ``.ivecs``: each row is its dimension (int32) and then its components."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets.base import DatasetError, VectorStore
from bench.datasets.store import RowFile

_DTYPES: dict[str, np.dtype] = {".fvecs": np.dtype("<f4"), ".bvecs": np.dtype("u1"), ".ivecs": np.dtype("<i4")}
SUFFIXES = tuple(_DTYPES)
_MOST_DIM = 1 << 20  # beyond it, a "dimension" is the start of some other file


def open_vecs(path: Path) -> VectorStore:
    """The vectors of ``path``; the dimension of every row is checked when it is read."""
    dtype, size = _DTYPES[path.suffix.lower()], path.stat().st_size
    if size == 0:
        raise DatasetError(f"{path} is empty; it needs at least one vector")
    if size < 4:
        raise DatasetError(f"{path} is truncated: {size} bytes are less than one dimension; copy it again")
    with path.open("rb") as handle:
        dim = int(np.frombuffer(handle.read(4), "<i4")[0])
    if not 0 < dim <= _MOST_DIM:
        raise DatasetError(
            f"{path} is not a {path.suffix} file: its first row says dimension {dim}; each row is its dimension as a "
            "little-endian 32-bit number, then the components"
        )
    row_bytes = 4 + dim * dtype.itemsize
    if size % row_bytes:
        fitting = [width for width in (1, 2, 4, 8) if size % (4 + dim * width) == 0]
        other = f"; components of {' or '.join(map(str, fitting))} bytes would fit" if fitting else ""
        raise DatasetError(
            f"{path} is truncated, ragged or not {path.suffix}: {size} bytes are no whole number of rows of dimension "
            f"{dim} ({row_bytes} bytes each){other}; name it by its type ({', '.join(SUFFIXES)}) or copy it again"
        )
    return RowFile(path, 0, size // row_bytes, dim, dtype, prefixed=True)
