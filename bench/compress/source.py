"""The file of vectors that is compressed: read in blocks, and recognized again when work goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets import formats
from bench.datasets.base import VectorStore
from bench.datasets.distances import known_metric
from bench.errors import UsageError
from bench.files import reading
from methods import Metric

BLOCK = 16_384  # vectors at a time, which codecs divide evenly: codes do not depend on where work was interrupted
_FIRST_ROWS = 256  # vectors that the file is recognized by


@dataclass(frozen=True)
class Source:
    """Vectors of a file.

    Attributes
    ----------
    path : Path
    store : VectorStore (n, dim)
    metric : Metric
        What the file says (ann-benchmarks), or cosine.
    """

    path: Path
    store: VectorStore
    metric: Metric

    @property
    def rows(self) -> int:
        return self.store.shape[0]

    @property
    def dim(self) -> int:
        return self.store.shape[1]

    def blocks(self, start: int = 0) -> Iterator[tuple[int, np.ndarray]]:
        """``(first row, block)`` from row ``start`` to the end; blocks of :data:`BLOCK` vectors, all finite."""
        yield from self._read(start, BLOCK)

    def check_finite(self) -> None:
        """:class:`UsageError` with the number of the first vector that is not finite; reads all of the file."""
        for _ in self._read(0, BLOCK):
            pass

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The given rows, ascending, all finite, in float32; a format without access by row is read from its start."""
        if not hasattr(self.store, "stream"):
            with reading(self.path):
                vectors = self.store.take(rows)
            self._check_finite(vectors, rows)
        else:
            vectors, end = np.empty((len(rows), self.dim), np.float32), int(rows.max(initial=-1))
            for first, block in self._read(0, BLOCK):
                low, high = np.searchsorted(rows, [first, first + len(block)])
                vectors[low:high] = block[rows[low:high] - first]
                if first + len(block) > end:
                    break
        return vectors

    def fingerprint(self) -> dict[str, Any]:
        """What the file is recognized by: name, size, time of change, shape, and a digest of its first vectors."""
        stat = self.path.stat()
        _, first = next(self._read(0, _FIRST_ROWS))
        digest = hashlib.sha256(np.ascontiguousarray(first, "<f4").data).hexdigest()
        return {
            "name": self.path.name,
            "bytes": stat.st_size,
            "mtime_ns": stat.st_mtime_ns,
            "rows": self.rows,
            "dim": self.dim,
            "first_rows": digest,
        }

    def _read(self, start: int, size: int) -> Iterator[tuple[int, np.ndarray]]:
        store = self.store
        in_steps = ((first, store.read(first, first + size)) for first in range(start, self.rows, size))
        with reading(self.path):  # or whoever writes what is read would name the file that they write
            for first, block in store.stream(start, size) if hasattr(store, "stream") else in_steps:
                self._check_finite(block, np.arange(first, first + len(block)))
                yield first, block

    def _check_finite(self, vectors: np.ndarray, rows: np.ndarray) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            finite = bool(np.isfinite(vectors.sum(dtype=np.float64)))  # is finite only if all its terms are
        if not finite and len(bad := np.flatnonzero(~np.isfinite(vectors).all(axis=1))):
            raise UsageError(
                f"{self.path} has NaN or infinity (or more than float32 holds) in row {rows[bad[0]]}; "
                "remove or repair such rows"
            )


def open_source(file: str, column: str | None = None, part: str = "train") -> Source:
    """The vectors of ``file``; errors are those of :func:`bench.datasets.formats.open_vectors`."""
    path = formats.existing_file(file)
    store = formats.open_vectors(path, part=part, column=column)
    distance = None
    if path.suffix.lower() in formats.HDF5_SUFFIXES:
        distance = formats.read_hdf5(path, column).distance
    return Source(path, store, (distance and known_metric(distance)) or Metric.COSINE)


def same_file(stored: dict[str, Any], now: dict[str, Any], *, moved: bool = False) -> str:
    """Nothing if both fingerprints are of one file, else what differs; ``moved`` allows a copy of another time."""
    names = {"rows": "number of vectors", "dim": "dimension", "first_rows": "first vectors"}
    if not moved:
        names |= {"bytes": "size", "mtime_ns": "time of change"}
    return next((what for key, what in names.items() if stored.get(key) != now[key]), "")
