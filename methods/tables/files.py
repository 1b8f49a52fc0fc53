"""Arrays in one file with next to no overhead: a JSON line of names, dtypes and shapes, then the bytes in order.

A ``.npz`` spends some 250 bytes on each array, which is a tenth of a small table.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from methods.errors import MethodError


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write ``arrays`` (little-endian, C order) into ``path``."""
    stored = {name: np.asarray(array, array.dtype.newbyteorder("<"), order="C") for name, array in arrays.items()}
    head = {name: [array.dtype.str, list(array.shape)] for name, array in stored.items()}
    with path.open("wb") as file:
        file.write(json.dumps(head, separators=(",", ":")).encode() + b"\n")
        for array in stored.values():
            file.write(array.tobytes())


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """What :func:`write_arrays` wrote; nothing is unpickled."""
    try:
        with path.open("rb") as file:
            head = json.loads(file.readline())
            arrays = {}
            for name, (dtype, shape) in head.items():
                kind = np.dtype(dtype)
                if kind.hasobject:
                    raise ValueError(f"{name} is of objects")
                size = kind.itemsize * int(np.prod(shape))
                arrays[name] = np.frombuffer(file.read(size), kind).reshape(shape)
            return arrays
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise MethodError(f"{path} is not a saved table: {error}") from error
