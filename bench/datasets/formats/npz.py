"""NumPy's ``.npz``: read into memory, since its arrays may be compressed."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from bench.datasets.base import DatasetError, VectorStore
from bench.datasets.formats.npy import check_array
from bench.datasets.store import ArrayStore

_NAMES = ("base", "vectors")


def open_npz(path: Path) -> VectorStore:
    """The array called ``base`` or ``vectors``, or the only one; the whole array is held in memory."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            name = _choose(path, list(arrays.files))
            array = arrays[name]
    except DatasetError:
        raise
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, TypeError, AttributeError):
        raise DatasetError(f"{path} is not a whole .npz file; write it with numpy.savez") from None
    except ValueError as error:
        reason = "holds Python objects" if "allow_pickle" in str(error) else "is corrupt"
        raise DatasetError(f"{path} {reason}; write numeric arrays with numpy.savez") from None
    check_array(f"{path} ({name})", array.shape, array.dtype)
    return ArrayStore(array)


def _choose(path: Path, names: list[str]) -> str:
    for name in _NAMES:
        if name in names:
            return name
    if len(names) != 1:
        held = ", ".join(names) or "no arrays"
        raise DatasetError(f"{path} holds {held}; call the array 'base', or save it alone")
    return names[0]
