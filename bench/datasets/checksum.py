"""SHA-256 of vectors as they are used. One pass also finds NaN and infinity; passes over files are remembered."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.datasets.base import DatasetError, Relevance, VectorStore
from bench.datasets.cache import cache_dir, written_whole
from bench.datasets.store import BLOCK_BYTES, Rows, blocks
from bench.progress import watched

if TYPE_CHECKING:
    from collections.abc import Iterator

_REMEMBER_BYTES = 64 << 20  # a smaller store is hashed so fast that a cache would not pay
_REPORT_BYTES = 1 << 30  # a longer pass shows its progress


def vectors_digest(store: VectorStore, what: str, identity: str | None = None) -> str:
    """SHA-256 (hex) of shape and float32 values, so that equal vectors in different formats agree.

    Parameters
    ----------
    store : VectorStore (n, dim)
    what : str
        How an error names the vectors: the file, or "queries".
    identity : str, optional
        Identifies the stored bytes without reading them (:func:`file_identity`, and the choice of rows); the
        digest is remembered under it.

    Raises
    ------
    DatasetError
        A row holds NaN or infinity (or a number beyond float32); the message has its number.
    """
    rows, dim = store.shape
    size = 4 * rows * dim
    remembered = None if identity is None or size < _REMEMBER_BYTES else _memory(identity)
    if remembered is not None and (known := _recall(remembered)) is not None:
        return known
    digest = hashlib.sha256(f"{rows} {dim} ".encode())
    for start, block in _watched(store, size, what):
        check_finite(block, start, what, store.rows if isinstance(store, Rows) else None)
        digest.update(_bytes(block, "<f4"))
    if remembered is not None:
        with written_whole(remembered) as handle:
            handle.write(json.dumps({"sha256": digest.hexdigest()}).encode())
    return digest.hexdigest()


def check_finite(block: np.ndarray, start: int, what: str, rows: np.ndarray | None = None) -> None:
    """:class:`DatasetError` with the first row of ``block`` (whose first row is ``start``) that is not finite.

    ``rows`` maps rows to those of the file, where only some of them are used.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(block.sum(dtype=np.float64)):  # a sum is finite only if all of its terms are
            return
    if len(bad := np.flatnonzero(~np.isfinite(block).all(axis=1))):
        row = start + bad[0] if rows is None else rows[start + bad[0]]
        raise DatasetError(
            f"{what} holds NaN or infinity (or exceeds float32) in row {row}; remove or repair such rows"
        )


def file_identity(path: Path, detail: str = "") -> str:
    """Path, size and time of change of a file: what changes when its bytes do."""
    status = path.stat()
    return f"{path.resolve()} {status.st_size} {status.st_mtime_ns} {detail}"


def combined(*digests: str, relevance: Relevance | None) -> str:
    """One checksum of several digests and the judgements."""
    total = hashlib.sha256(" ".join(digests).encode())
    if relevance is not None:
        for array in (relevance.query, relevance.item, relevance.grade):
            total.update(_bytes(array, "<i8"))
    return total.hexdigest()


def _bytes(array: np.ndarray, dtype: str) -> memoryview:
    return np.ascontiguousarray(array, dtype).ravel().view(np.uint8).data


def _watched(store: VectorStore, size: int, what: str) -> Iterator[tuple[int, np.ndarray]]:
    total = -(-size // BLOCK_BYTES)
    return watched(blocks(store), f"checksum of {what}", total, long=size >= _REPORT_BYTES)


def _memory(identity: str) -> Path:
    return cache_dir() / "checksums" / f"{hashlib.sha256(identity.encode()).hexdigest()[:32]}.json"


def _recall(path: Path) -> str | None:
    try:
        return str(json.loads(path.read_bytes())["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
