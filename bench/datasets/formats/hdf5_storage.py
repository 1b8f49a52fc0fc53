"""How an HDF5 file keeps an array: what h5py would read as zeros, or as other numbers, is noticed here.

HDF5 fills with zeros what a missing or short file beside it should hold, and says nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np

from bench.datasets.base import DatasetError

__all__ = ["check_stored", "dtype_of", "is_plain", "leads_somewhere"]


def dtype_of(array: h5py.Dataset) -> np.dtype | None:
    """NumPy's type of the components; None if it has none, as for times and integers of three bytes."""
    try:
        return array.dtype
    except TypeError:
        return None


def is_plain(array: h5py.Dataset) -> bool:
    """Whether the bytes in the file are those of NumPy's type.

    h5py converts others when it reads, such as bfloat16 or integers in some of a word's bits.
    """
    stored = array.id.get_type()
    if isinstance(stored, h5py.h5t.TypeEnumID):
        stored = stored.get_super()
    return stored == h5py.h5t.py_create(array.dtype)


def leads_somewhere(path: Path, file: h5py.File, name: str) -> bool:
    """Whether there is something called ``name``; :class:`DatasetError` for a link that leads nowhere."""
    link = None
    try:
        link = file.get(name, getlink=True)
        if not isinstance(link, (h5py.SoftLink, h5py.ExternalLink)):
            return link is not None
        if name in file and file.get(name) is not None:
            return True
    except (KeyError, ValueError):
        return name in file
    except (OSError, RuntimeError):
        if link is None:  # the file itself, or what h5py cannot look up
            return False
    other = f"{link.path} of {link.filename}" if isinstance(link, h5py.ExternalLink) else str(link.path)
    raise DatasetError(f"{path}: {name} is a link to {other}, which is not there; copy that too, or store the array")


def check_stored(path: Path, array: h5py.Dataset, name: str) -> None:
    """Refuse an array whose filter is not installed, or parts of which lie in files that are missing or too short."""
    plist = array.id.get_create_plist()
    for index in range(plist.get_nfilters()):
        number, _, _, said = plist.get_filter(index)
        if not h5py.h5z.filter_avail(number):
            called = said.decode("utf-8", "replace").strip("\0 ") or "without a name"
            raise DatasetError(
                f"{path} ({name}) is compressed by the filter {number} ({called}), which is not installed here; "
                "write it with compression='gzip', or install hdf5plugin and read it there"
            )
    for file, begin, size in array.external or ():
        if "HDF5_EXTFILE_PREFIX" not in os.environ:
            _check_raw(path, name, file, begin, size)
    if array.is_virtual and "HDF5_VDS_PREFIX" not in os.environ:
        for source in array.virtual_sources():
            _check_source(path, array, name, source.file_name, source.dset_name)


def _check_raw(path: Path, name: str, file: str, begin: int, size: int) -> None:
    raw = Path(file)
    if not raw.is_file():
        raise DatasetError(f"{path} ({name}) has its numbers in {file}, which is not there; copy that too")
    if size != h5py.h5f.UNLIMITED and raw.stat().st_size < begin + size:
        raise DatasetError(
            f"{path} ({name}) has its numbers in {file}, which is truncated: {raw.stat().st_size} bytes of "
            f"{begin + size}; copy it again"
        )


def _check_source(path: Path, array: h5py.Dataset, name: str, file: str, inside: str) -> None:
    if "%" in file or "%" in inside:  # a pattern of many files, of which any number may exist
        return
    places = [path] if file == "." else [Path(array.file.filename).resolve().parent / file, Path(file)]
    there = [place for place in places if place.is_file()]
    try:
        with h5py.File(there[0], "r") as source:
            if inside in source:
                return
    except (IndexError, OSError, RuntimeError):
        pass
    raise DatasetError(f"{path} ({name}) is put together of others, but {inside} of {file} is not there; copy it too")
