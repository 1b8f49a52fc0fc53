"""The cache directory, and files that appear in it whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import platformdirs

from bench.datasets.base import DatasetError

_APPLICATION = "vector-compression-bench"


def cache_dir() -> Path:
    """Where downloads, built data sets and ground truths are kept: ``BENCH_CACHE``, or the user's cache directory."""
    chosen = os.environ.get("BENCH_CACHE", "").strip()
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir(_APPLICATION))


def writable_folder(path: Path) -> Path:
    """``path``, made if needed; a :class:`DatasetError` if that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from None
    return path


def cannot_write(path: Path, error: OSError) -> DatasetError:
    """The error that says what to do when the cache cannot be written."""
    reason = error.strerror or type(error).__name__
    return DatasetError(f"cannot write {path} ({reason}); free space there or set BENCH_CACHE to another folder")


@contextmanager
def written_whole(path: Path) -> Iterator[IO[Any]]:
    """A binary file that gets the name ``path`` when the block ends well, and leaves nothing when it does not.

    Raises
    ------
    DatasetError
        The folder cannot be made or written (no permission, no space).
    """
    writable_folder(path.parent)
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise cannot_write(path.parent, error) from None
    try:
        with os.fdopen(descriptor, "wb") as handle:
            yield handle
        os.replace(name, path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        Path(name).unlink(missing_ok=True)
