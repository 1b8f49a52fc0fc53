"""Debian packages read where they lie: nothing is installed, run or unpacked to disk."""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Collection, Iterator
from pathlib import Path

from bench.datasets.base import DatasetError


def regular_files(package: Path, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """``(name, content)`` of the regular files ``names`` of a ``.deb``, in the package's order; links are not followed.

    Parameters
    ----------
    package : Path
        A ``.deb`` whose files are compressed by xz.
    names : collection of str
        As the package has them: ``./usr/share/...``.

    Raises
    ------
    DatasetError
        It is no such package, or one of the names is no regular file in it.
    """
    missing = set(names)
    try:
        with tarfile.open(fileobj=io.BytesIO(ar_member(package.read_bytes(), "data.tar.xz")), mode="r|xz") as tar:
            for member in tar:
                if member.isfile() and member.name in missing and (content := tar.extractfile(member)) is not None:
                    missing.remove(member.name)
                    yield member.name, content.read()
                if not missing:
                    return
    except (tarfile.TarError, lzma.LZMAError, EOFError, KeyError, ValueError, OSError) as error:
        raise DatasetError(f"{package} is not the pinned package ({error}); delete it and build again") from None
    raise DatasetError(f"{package} has no regular file {min(missing)}; delete it and build again")


def ar_member(content: bytes, name: str) -> bytes:
    """The member ``name`` of a Unix ``ar`` archive, which is what a Debian package is; KeyError if it is not there."""
    if not content.startswith(b"!<arch>\n"):
        raise ValueError("it is no ar archive")
    start = 8
    while start + 60 <= len(content):
        header = content[start : start + 60]
        size = int(header[48:58])
        if header[:16].decode("ascii").strip().rstrip("/") == name:
            return content[start + 60 : start + 60 + size]
        start += 60 + size + size % 2  # members begin at even offsets
    raise KeyError(name)
