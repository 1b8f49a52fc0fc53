"""ann-benchmarks' HDF5: ``train`` is the base, ``test`` the queries, with ``neighbors`` and a ``distance``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from bench.datasets.base import DatasetError, VectorStore
from bench.datasets.formats.npy import check_array
from bench.datasets.store import RowFile, check_rows, spans, to_float32
from methods import Metric

_METRICS = {
    "angular": Metric.COSINE,
    "cosine": Metric.COSINE,
    "euclidean": Metric.L2,
    "l2": Metric.L2,
    "dot": Metric.IP,
    "ip": Metric.IP,
}
_LAYOUT = "the ann-benchmarks layout is train (n, dim), test (nq, dim), neighbors (nq, k)"


@dataclass(frozen=True)
class Hdf5File:
    """What an ann-benchmarks file holds; all but ``base`` may be missing.

    ``neighbours`` is (nq, k) int64, checked to be rows of the base.
    """

    base: VectorStore
    queries: VectorStore | None
    neighbours: np.ndarray | None
    metric: Metric | None


class Hdf5Store:
    """A two-dimensional array of an HDF5 file that is chunked or compressed; opened for every read."""

    def __init__(self, path: Path, name: str, shape: tuple[int, int]) -> None:
        self.path, self._name, self._shape = path, name, shape

    @property
    def shape(self) -> tuple[int, int]:
        return self._shape

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows ``start:stop`` (clipped to n) as fresh C-contiguous float32."""
        with h5py.File(self.path, "r") as file:
            return self._rows(file[self._name], max(0, start), max(0, stop))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The given rows, in their order, as fresh C-contiguous float32."""
        rows = check_rows(rows, self._shape[0])
        order = np.argsort(rows, kind="stable")
        ascending = rows[order]
        found = np.empty((len(rows), self._shape[1]), np.float32)
        with h5py.File(self.path, "r") as file:
            for first, last in spans(ascending, 4 * self._shape[1]):
                begin = ascending[first]
                block = self._rows(file[self._name], int(begin), int(ascending[last - 1]) + 1)
                found[order[first:last]] = block[ascending[first:last] - begin]
        return found

    def _rows(self, array: h5py.Dataset, start: int, stop: int) -> np.ndarray:
        try:
            return to_float32(array[start:stop])
        except OSError:
            raise DatasetError(
                f"{self.path} is corrupt in rows {start} to {stop} of {self._name}; copy it again"
            ) from None


def open_hdf5(path: Path, part: str = "train") -> VectorStore:
    """The array ``part`` (``train`` or ``test``); rows are read in place where HDF5 keeps them in one piece."""
    with _opened(path) as file:
        return _vectors(path, file, part)


def read_hdf5(path: Path) -> Hdf5File:
    """Everything that the benchmark uses of an ann-benchmarks file."""
    with _opened(path) as file:
        base = _vectors(path, file, "train")
        queries = _vectors(path, file, "test") if "test" in file else None
        neighbours = _neighbours(path, file, base.shape[0], queries)
        return Hdf5File(base, queries, neighbours, _metric(path, file))


def _opened(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        state = "truncated" if "truncated" in str(error) else "not an HDF5 file, or corrupt"
        raise DatasetError(f"{path} is {state}; copy it again") from None


def _vectors(path: Path, file: h5py.File, name: str) -> VectorStore:
    array = file.get(name)
    if not isinstance(array, h5py.Dataset):
        raise DatasetError(f"{path} holds {', '.join(file) or 'nothing'} but no array {name!r}; {_LAYOUT}")
    check_array(f"{path} ({name})", array.shape, array.dtype)
    rows, dim = array.shape
    offset = array.id.get_offset()
    if offset is not None and rows and dim and not array.external:
        return RowFile(path, offset, rows, dim, array.dtype)
    return Hdf5Store(path, name, (rows, dim))


def _neighbours(path: Path, file: h5py.File, items: int, queries: VectorStore | None) -> np.ndarray | None:
    if "neighbors" not in file or queries is None:
        return None
    array = file["neighbors"]
    if not isinstance(array, h5py.Dataset) or array.ndim != 2 or array.dtype.kind not in "iu":
        raise DatasetError(f"{path}: neighbors is no integer array of two axes; {_LAYOUT}")
    ids = np.asarray(array[:], np.int64)
    if len(ids) != queries.shape[0]:
        raise DatasetError(
            f"{path} has neighbors for {len(ids)} queries but {queries.shape[0]} queries in test; {_LAYOUT}"
        )
    wrong = np.argwhere((ids < 0) | (ids >= items))
    if len(wrong):
        query, rank = wrong[0]
        raise DatasetError(
            f"{path}: neighbors[{query}, {rank}] is {ids[query, rank]}, which is no row of train (0 to {items - 1}); "
            "repair or delete neighbors"
        )
    return ids


def _metric(path: Path, file: h5py.File) -> Metric | None:
    named = file.attrs.get("distance")
    if named is None:
        return None
    text = named.decode() if isinstance(named, bytes) else str(named)
    if text.lower() not in _METRICS:
        raise DatasetError(f"{path} has distance {text!r}; supported are {', '.join(_METRICS)}")
    return _METRICS[text.lower()]
