"""A fitted codec in one file: its method, version and parameters, and the arrays of its parts.

The file is of the safetensors format: a JSON header with names, types, shapes and places, then the arrays as they lie
in memory. Nothing is pickled, other programs can read it, and its arrays can be mapped into memory. Under ``codec`` the
header's metadata hold, as JSON, ``format``, ``method``, ``version``, ``params`` and ``sha256``, of all of that and of
every part.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as arrays_of
from safetensors.numpy import save as file_of

from methods.errors import MethodError, SavedCodecError

__all__ = ["FORMAT", "Stored", "load", "save"]

FORMAT = "vector-compression-bench codec 1"
_KIND = FORMAT.rpartition(" ")[0]
_FIELDS = {"format": str, "method": str, "version": str, "params": dict, "sha256": str}
_HEAD = "codec"  # one entry: the order of several would differ from file to file
_LENGTH_BYTES = 8  # of the header's length, with which a file begins
_LONGEST_HEADER = 100_000_000  # as the safetensors format has it


class Stored(Protocol):
    """What is stored of a fitted codec, of whatever track."""

    name: ClassVar[str]
    version: ClassVar[str]

    def params(self) -> dict[str, Any]:
        """The constructor's keywords."""

    def parts(self) -> dict[str, np.ndarray]:
        """The arrays."""


def save(codec: Stored, path: str | Path) -> Path:
    """Write a fitted codec of a registered method into ``path``, whole or not at all.

    Raises
    ------
    MethodError
        The codec is not fitted, its class has no registered name, or the file cannot be written.
    """
    if not codec.name:
        raise SavedCodecError(
            f"{type(codec).__name__} has no name to be found by when loaded; register it with @methods.register"
        )
    parts = {name: np.asarray(array, array.dtype.newbyteorder("="), order="C") for name, array in codec.parts().items()}
    head = {"format": FORMAT, "method": codec.name, "version": codec.version, "params": codec.params()}
    head["sha256"] = _checksum(head, parts)
    try:
        return _write_whole(Path(path).expanduser(), _content(head, parts))
    except OSError as error:
        raise SavedCodecError(f"cannot write {path}: {error.strerror or error}") from None


def load(path: str | Path, class_of: Callable[[str, Mapping[str, Any]], type[Any]]) -> Any:
    """The codec that :func:`save` wrote, fitted; :func:`methods.registry.load` says what can be wrong.

    ``class_of(method, params)`` is the class of codecs of a method with these parameters.
    """
    path = Path(path).expanduser()
    head, parts = _read(path)
    name, version, params = head["method"], head["version"], head["params"]
    cls = class_of(name, params)
    if version != cls.version and version not in cls.reads_versions:
        newer = _number(version) > _number(cls.version)
        advice = "install the version that wrote it" if newer else "fit it again and encode anew"
        raise SavedCodecError(
            f"{path} is of {name}, version {version}, and installed is {cls.version}, whose codes are others; {advice}"
        )
    return _rebuilt(path, cls, params, parts)


def _write_whole(path: Path, content: bytes) -> Path:
    """As ``bench.files.write_whole``, which cannot be imported here, nor this there: it would import every method."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _content(head: dict[str, Any], parts: dict[str, np.ndarray]) -> bytes:
    return file_of(parts, {_HEAD: json.dumps(head)})


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What :func:`save` wrote of a codec, if the file is whole and as it was written."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SavedCodecError(f"{path} cannot be read: {error.strerror or error}") from None
    head = _head(path, content)
    if head["format"] != FORMAT:
        raise SavedCodecError(f"{path} is of the format {head['format']!r}, and this version reads {FORMAT!r}")
    if unlike := [name for name, kind in _FIELDS.items() if not isinstance(head.get(name), kind)]:
        raise SavedCodecError(f"{path} is no whole saved codec: its header has no sound {unlike[0]}")
    try:
        parts = arrays_of(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise SavedCodecError(f"{path} is truncated or was altered: {error}; save the codec again") from None
    if _checksum(head, parts) != head["sha256"]:
        raise SavedCodecError(f"{path} was altered: its checksum is not that of its parts; save the codec again")
    return head, parts


def _head(path: Path, content: bytes) -> dict[str, Any]:
    """The entry ``codec`` of the header of ``content``, which names a format of ours."""
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    try:
        if length > _LONGEST_HEADER:
            raise ValueError
        header = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + length])
        head = json.loads(header["__metadata__"][_HEAD])
        if not head["format"].startswith(_KIND):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SavedCodecError(f"{path} is not a saved codec; codec.save(path) writes one") from None
    return dict(head)


def _checksum(head: Mapping[str, Any], parts: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over everything that is stored but itself, in hexadecimal."""
    described = [[name, str(parts[name].dtype), list(parts[name].shape)] for name in sorted(parts)]
    digest = hashlib.sha256(json.dumps([{**head, "sha256": ""}, described], sort_keys=True).encode())
    for name in sorted(parts):
        digest.update(np.ascontiguousarray(parts[name]).data)
    return digest.hexdigest()


def _rebuilt(path: Path, cls: type[Any], params: dict[str, Any], parts: dict[str, np.ndarray]) -> Any:
    """The fitted codec, whose parts are those of the file: none is missing, and all are taken."""
    try:
        codec = cls.from_parts(params, parts)
        parts, taken = codec.present_parts(parts), codec.parts()
    except KeyError as error:
        raise SavedCodecError(f"{path} lacks the part {error} of {cls.name}; save the codec again") from None
    except MethodError as error:
        raise SavedCodecError(f"{path} does not fit {cls.name}: {error}") from None
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise SavedCodecError(f"{path} has parts that {cls.name} cannot work with: {error}") from None
    if unlike := sorted(name for name in {*parts, *taken} if _form(parts, name) != _form(taken, name)):
        raise SavedCodecError(
            f"{path} has the part {unlike[0]!r} as {_form(parts, unlike[0])}, and {cls.name} takes "
            f"{_form(taken, unlike[0])}; save the codec again"
        )
    return codec


def _form(parts: Mapping[str, np.ndarray], name: str) -> str:
    array = parts.get(name)
    return "nothing" if array is None else f"{array.dtype} {array.shape}"


def _number(version: str) -> list[int]:
    """A version to be compared: "1.10" is newer than "1.9"."""
    return [int(piece) if piece.isdigit() else 0 for piece in version.split(".")]
