"""Vector files. :func:`open_vectors` picks the reader by the file's suffix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bench.datasets.base import DatasetError, VectorStore
from bench.datasets.formats.bigann import SUFFIXES as _BIGANN
from bench.datasets.formats.bigann import open_bigann
from bench.datasets.formats.foreign import explained, how_to_convert
from bench.datasets.formats.npy import open_npy
from bench.datasets.formats.npz import names_npz, open_npz
from bench.datasets.formats.vecs import SUFFIXES as _VECS
from bench.datasets.formats.vecs import open_vecs

__all__ = [
    "HDF5_SUFFIXES",
    "PARQUET_SUFFIXES",
    "SUFFIXES",
    "existing_file",
    "expanded",
    "has_column",
    "has_names",
    "open_vectors",
    "read_hdf5",
]

if TYPE_CHECKING:
    from bench.datasets.formats.hdf5 import Hdf5File

HDF5_SUFFIXES, PARQUET_SUFFIXES = (".hdf5", ".h5"), (".parquet", ".pq")
_READERS: dict[str, Callable[[Path], VectorStore]] = {
    ".npy": open_npy,
    **dict.fromkeys(_VECS, open_vecs),
    **dict.fromkeys(_BIGANN, open_bigann),
}
_NPZ = ".npz"
_NAMED = (_NPZ, *HDF5_SUFFIXES, *PARQUET_SUFFIXES)  # formats whose files hold several named arrays
SUFFIXES = (".npy", _NPZ, *(suffix for suffix in _READERS if suffix != ".npy"), *HDF5_SUFFIXES, *PARQUET_SUFFIXES)


def open_vectors(path: str | Path, *, part: str = "train", column: str | None = None) -> VectorStore:
    """The vectors (n, dim) of a file, n >= 1, read in blocks where the format allows it.

    Parameters
    ----------
    path : str or Path
        A file with one of the known suffixes.
    part : {"train", "test"}
        The array of an ann-benchmarks HDF5 file; other formats hold one.
    column : str, optional
        The column of a Parquet file, or the array of an .npz or HDF5 file; needed only if the file holds several.

    Raises
    ------
    DatasetError
        No such file, unknown suffix, or a file that is truncated, corrupt, empty, ragged or not numeric.
    """
    path = existing_file(path)
    suffix = path.suffix.lower()
    if column is not None and suffix in _READERS:
        raise DatasetError(f"{path} has no columns; column={column} is for Parquet files, .npz and HDF5")
    if suffix not in SUFFIXES:
        how = how_to_convert(suffix)
        known = f"readable are {', '.join(SUFFIXES)}" + ("" if how is None else f"; {how}")
        raise DatasetError(f"{path} has {f'the unknown suffix {suffix!r}' if suffix else 'no suffix'}; {known}")
    with explained(path):
        store = _opened(path, suffix, part, column)
    if 0 in store.shape:
        raise DatasetError(f"{path} is empty: its shape is {store.shape}; it needs at least one vector")
    return store


def _opened(path: Path, suffix: str, part: str, column: str | None) -> VectorStore:
    try:
        if suffix in HDF5_SUFFIXES:
            return _open_hdf5(path, part, column)
        if suffix in PARQUET_SUFFIXES:
            return _open_parquet(path, column)
        return open_npz(path, column) if suffix == _NPZ else _READERS[suffix](path)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror or error})") from None


def has_names(path: str | Path) -> bool:
    """Whether the file's format has columns or arrays with names, to be chosen by ``column``."""
    return Path(path).suffix.lower() in _NAMED


def has_column(path: str | Path, column: str | None) -> bool:
    """Whether the file has a column or array called ``column``; errors are those of :func:`open_vectors`."""
    return column is not None and has_names(path) and column in _names(existing_file(path))


def _names(path: Path) -> list[str]:
    suffix = path.suffix.lower()
    with explained(path):
        if suffix == _NPZ:
            return names_npz(path)
        if suffix in HDF5_SUFFIXES:
            from bench.datasets.formats.hdf5 import names_hdf5

            return names_hdf5(path)
        from bench.datasets.formats.parquet import names_parquet

        return names_parquet(path)


def read_hdf5(path: Path, column: str | None = None) -> Hdf5File:
    """Base, queries, neighbors and metric of an ann-benchmarks file; h5py is imported only here."""
    from bench.datasets.formats.hdf5 import read_hdf5

    with explained(path):
        return read_hdf5(path, column)


def _open_hdf5(path: Path, part: str, column: str | None) -> VectorStore:
    from bench.datasets.formats.hdf5 import open_hdf5

    return open_hdf5(path, part, column)


def _open_parquet(path: Path, column: str | None) -> VectorStore:
    from bench.datasets.formats.parquet import open_parquet

    return open_parquet(path, column)


def existing_file(path: str | Path) -> Path:
    """``path`` if it is a file, a :class:`DatasetError` otherwise."""
    path = expanded(path)
    if path.is_dir():
        raise DatasetError(f"{path} is a folder; name a file ({', '.join(SUFFIXES)})")
    if not path.is_file():
        raise DatasetError(f"{path} does not exist; name a file ({', '.join(SUFFIXES)})")
    return path


def expanded(path: str | Path) -> Path:
    """``path`` with ``~`` replaced; :class:`DatasetError` if the system does not accept it."""
    try:
        full_path = Path(path).expanduser()
        full_path.exists()
    except (OSError, RuntimeError) as error:  # too long, not permitted, a home that nobody has
        shown = str(path) if len(str(path)) < 200 else f"{str(path)[:200]}..."
        reason = getattr(error, "strerror", None) or "no such user"
        raise DatasetError(f"{shown} cannot be looked up ({reason}); name a file") from None
    return full_path
