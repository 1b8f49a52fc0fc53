"""ann-benchmarks' HDF5: ``train`` is the base, ``test`` the queries, with ``neighbors`` and a ``distance``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from bench.datasets.base import DatasetError, VectorStore
from bench.datasets.formats.foreign import listed
from bench.datasets.formats.hdf5_storage import check_stored, dtype_of, is_plain, leads_somewhere
from bench.datasets.formats.npy import check_array
from bench.datasets.store import RowFile, check_rows, spans, to_float32

_NOT_VECTORS = ("neighbors", "distances", "knns", "dists")  # of two axes too
_PARTS = ("train", "test")
_LAYOUT = "the ann-benchmarks layout is train (n, dim), test (nq, dim), neighbors (nq, k)"


@dataclass(frozen=True)
class Hdf5File:
    """Contents of an ann-benchmarks file; all but ``base`` are optional.

    Attributes
    ----------
    neighbors : (nq, k) int64 or None
        Rows of the base, -1 where there are fewer.
    distance : str or None
        The file's name for its metric.
    """

    base: VectorStore
    queries: VectorStore | None
    neighbors: np.ndarray | None
    distance: str | None


class Hdf5Store:
    """A two-dimensional array of an HDF5 file that is chunked or compressed; opened for every read."""

    def __init__(self, path: Path, name: str, shape: tuple[int, int]) -> None:
        self.path, self._name, self._shape = path, name, shape

    @property
    def shape(self) -> tuple[int, int]:
        return self._shape

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows ``start:stop`` (clipped to n) as fresh C-contiguous float32."""
        with _opened(self.path) as file:
            return self._rows(file[self._name], max(0, start), max(0, stop))

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The given rows, in their order, as fresh C-contiguous float32."""
        rows = check_rows(rows, self._shape[0])
        order = np.argsort(rows, kind="stable")
        ascending = rows[order]
        vectors = np.empty((len(rows), self._shape[1]), np.float32)
        with _opened(self.path) as file:
            for first, last in spans(ascending, 4 * self._shape[1]):
                begin = ascending[first]
                block = self._rows(file[self._name], int(begin), int(ascending[last - 1]) + 1)
                vectors[order[first:last]] = block[ascending[first:last] - begin]
        return vectors

    def _rows(self, array: h5py.Dataset, start: int, stop: int) -> np.ndarray:
        try:
            return to_float32(array[start:stop])
        except OSError:
            raise DatasetError(
                f"{self.path} is corrupt in rows {start} to {stop} of {self._name}; copy it again"
            ) from None


def open_hdf5(path: Path, part: str = "train", name: str | None = None) -> VectorStore:
    """The array ``name``, or ``part`` (``train`` or ``test``), or the only array that can be vectors.

    Rows are read in place where HDF5 keeps them in one piece.
    """
    with _opened(path) as file:
        return _vectors(path, file, _choose(path, file, part) if name is None else name)


def names_hdf5(path: Path) -> list[str]:
    """Names of all arrays and groups, as paths."""
    with _opened(path) as file:
        names: list[str] = []
        file.visit(names.append)
        return [name for name in names if isinstance(name, str)]  # without names that are not UTF-8


def read_hdf5(path: Path, name: str | None = None) -> Hdf5File:
    """Everything that the benchmark uses of an ann-benchmarks file; ``name`` chooses another array as base."""
    with _opened(path) as file:
        chosen = _choose(path, file, "train") if name is None else name
        base = _vectors(path, file, chosen)
        queries = _vectors(path, file, "test") if "test" in file and chosen.strip("/") != "test" else None
        if queries is not None and 0 in queries.shape:
            raise DatasetError(f"{path} has no queries: test has the shape {queries.shape}; fill or delete it")
        neighbors = _neighbors(path, file, base.shape[0], queries) if chosen.strip("/") == "train" else None
        return Hdf5File(base, queries, neighbors, _distance(file))


def _choose(path: Path, file: h5py.File, part: str) -> str:
    """``part`` if there is such an array, or the only one that can be vectors."""
    if part in file:
        return part
    fitting = _matrices(file)
    if len(fitting) == 1 and fitting[0] not in _PARTS:
        return fitting[0]
    raise DatasetError(
        f"{path} {_held(file)} no array {part!r}; name one of two axes by column=..., or rename it ({_LAYOUT})"
    )


def _held(file: h5py.File) -> str:
    contents = listed(_matrices(file) or file)
    return f"holds {contents} but" if contents else "is empty: it holds"


def _matrices(file: h5py.File) -> list[str]:
    """Names of the arrays that can be vectors, those in groups included."""
    names: list[str] = []

    def see(name: str | bytes, item: object) -> None:
        if isinstance(name, str) and isinstance(item, h5py.Dataset) and len(item.shape or ()) == 2:
            dtype = dtype_of(item)
            if dtype is not None and dtype.kind in "fiu":
                names.append(name)

    file.visititems(see)
    return [name for name in names if name.rpartition("/")[2] not in _NOT_VECTORS]


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """The opened file; errors of h5py inside the block become a :class:`DatasetError`."""
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        state = "truncated" if "truncated" in str(error) else "not an HDF5 file, or corrupt"
        raise DatasetError(f"{path} is {state}; copy it again") from None
    with file:
        try:
            yield file
        except (OSError, RuntimeError, KeyError) as error:
            reason = " ".join(str(error).strip("'").split())
            raise DatasetError(f"{path} is corrupt, h5py says {reason!r}; copy it again") from None


def _vectors(path: Path, file: h5py.File, name: str) -> VectorStore:
    array = _array(path, file, name)
    rows, dim = array.shape
    check_stored(path, array, name)
    offset = array.id.get_offset()
    # An offset is relative to the file of the array itself.
    linked = Path(array.file.filename).resolve() != path.resolve()
    if offset is not None and rows and dim and not array.external and not linked and is_plain(array):
        return RowFile(path, offset, rows, dim, array.dtype)
    return Hdf5Store(path, name, (rows, dim))


def _array(path: Path, file: h5py.File, name: str) -> h5py.Dataset:
    """The array ``name``, which has two axes of numbers."""
    array = file.get(name) if leads_somewhere(path, file, name) else None
    if not isinstance(array, h5py.Dataset):
        raise DatasetError(f"{path} {_held(file)} no array {name!r}; {_LAYOUT}, or name an array by column=...")
    what, dtype = f"{path} ({name})", dtype_of(array)
    if dtype is None:
        raise DatasetError(f"{what} has a type of numbers that NumPy lacks; save it as float32")
    if dtype.hasobject:
        raise DatasetError(f"{what} holds texts, references or rows of different lengths; save it as float32 (n, dim)")
    if array.shape is None:
        raise DatasetError(f"{what} is empty: it was stored without a shape; it needs at least one vector")
    check_array(what, array.shape, dtype)
    return array


def _neighbors(path: Path, file: h5py.File, items: int, queries: VectorStore | None) -> np.ndarray | None:
    if "neighbors" not in file or queries is None:
        return None
    array = file["neighbors"]
    kind = dtype_of(array) if isinstance(array, h5py.Dataset) else None
    if kind is None or kind.kind not in "fiu" or len(array.shape or ()) != 2:
        raise DatasetError(f"{path}: neighbors is no integer array of two axes; {_LAYOUT}")
    stored = array[:]
    ids = _as_ids(stored)
    if ids is None:
        raise DatasetError(f"{path}: neighbors is no integer array, but has fractions; {_LAYOUT}")
    if len(ids) != queries.shape[0]:
        raise DatasetError(
            f"{path} has neighbors for {len(ids)} queries but {queries.shape[0]} queries in test; {_LAYOUT}"
        )
    wrong = np.argwhere((ids < -1) | (ids >= items))
    if len(wrong):
        query, rank = wrong[0]
        raise DatasetError(
            f"{path}: neighbors[{query}, {rank}] is {stored[query, rank]}, which is no row of train "
            f"(0 to {items - 1}), nor -1 for none; repair or delete neighbors"
        )
    return ids if (ids >= 0).any() else None


def _as_ids(stored: np.ndarray) -> np.ndarray | None:
    """Ids as int64, -1 for none (stored as -1, as its unsigned equivalent or as NaN); None if there are fractions."""
    if stored.dtype.kind == "f":
        filled = np.where(np.isnan(stored), -1, stored)
        return (
            filled.astype(np.int64) if (np.abs(filled) < 2**53).all() and (filled == np.floor(filled)).all() else None
        )
    ids = stored.astype(np.int64)
    return np.where(stored == np.iinfo(stored.dtype).max, -1, ids) if stored.dtype.kind == "u" else ids


def _distance(file: h5py.File) -> str | None:
    """The attribute ``distance``, or ``metric``; text in whatever form HDF5 keeps it."""
    for name in ("distance", "metric"):
        try:
            said = file.attrs.get(name)
        except (TypeError, OSError, UnicodeDecodeError):  # not a type of text
            continue
        if isinstance(said, np.ndarray) and said.size == 1:
            said = said.reshape(-1)[0]
        if isinstance(said, bytes):
            said = said.decode("utf-8", "replace")
        if isinstance(said, str) and said.strip("\0 "):
            return said.strip("\0 ")
    return None
