"""Writing files whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import UsageError


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write ``content`` (text as UTF-8) to ``path``, which keeps what it had until then; raises :class:`OSError`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def write_csv(path: Path, fields: Sequence[str], rows: Iterable[Mapping[str, Any]], ends: str = "\n") -> Path:
    """As :func:`write_whole`: a line of ``fields`` and one a row, where what a row lacks is empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fields, lineterminator=ends)
    writer.writeheader()
    writer.writerows(rows)
    return write_whole(path, text.getvalue())


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what keeps ``path`` from being written into a :class:`UsageError` of one line."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """As :func:`writing`, for what keeps ``path`` from being read: inside of which that is no error of writing."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error


def check_writable(path: Path) -> None:
    """Raise :class:`UsageError` if no file can be written to ``path``: before long work, whose result goes there."""
    with writing(path):
        if path.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        probe = path.with_name(f".{path.name}.{os.getpid()}")
        probe.touch()
        probe.unlink()
