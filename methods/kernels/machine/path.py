"""A kernel's path as a compile-time value: each path is a numba type of its own.

A jitted function that takes a :class:`Path` is compiled once a path, with the path in its signature: the choice is
part of the function's identity, in memory and in numba's cache on disk. So is a digest of this package's sources,
because numba's cache looks for changes only in the file of the outermost function, not in what that calls.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from numba.core import types
from numba.extending import NativeValue, models, register_model, typeof_impl, unbox

from methods.kernels.machine.cpu import best_path

__all__ = ["Path", "PathType", "choose"]


_SOURCES = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(FilePath(__file__).parents[1].rglob("*.py"))))


@dataclass(frozen=True)
class Path:
    """The name of a path (``portable``, ``avx2``, ``avx512``), for jitted functions to be specialized by."""

    name: str


class PathType(types.Type):
    """The numba type of a :class:`Path` of this name."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(name=f"Path({path}, {_SOURCES.hexdigest()[:12]})")


register_model(PathType)(models.OpaqueModel)


@typeof_impl.register(Path)
def _typeof(value: Path, _context: Any) -> PathType:
    return _type_of(value.name)


@functools.cache
def _type_of(name: str) -> PathType:
    """One object a path: to make one takes a tenth of a short search."""
    return PathType(name)


@unbox(PathType)
def _unbox(_type: PathType, _object: Any, context: Any) -> NativeValue:
    return NativeValue(context.context.get_dummy_value())


def choose(path: str | None = None) -> Path:
    """The requested path, else that of ``BENCH_KERNELS``, else the fastest that this CPU supports."""
    return Path(best_path(path))
