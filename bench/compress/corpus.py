"""A folder of codes: its files, what is written down about it, and who may write into it.

``corpus.json`` says what the codes were made of and with what, and how far the work is; it is written whole, before and
after every step that a kill could interrupt. ``codes.npy`` and ``ids.npy`` have their names only when they are whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.errors import UsageError
from bench.files import write_whole, writing

FORMAT = "vector-compression-bench corpus 1"
HEAD, CODEC, CODES, IDS, SUMS = "corpus.json", "corpus.codec", "codes.npy", "ids.npy", "SHA256SUMS"
_CHUNK = 1 << 22


@dataclass
class Corpus:
    """Codes in a folder.

    Attributes
    ----------
    folder : Path
    head : dict
        ``format``, ``options`` (method, params, budget, metric, seed, train, ids), ``inputs`` (fingerprints of the
        files whose codes are there), ``trained`` (how many vectors of the first file the codec was fitted on),
        ``reference_error`` and ``work`` (what is not finished, or None).
    """

    folder: Path
    head: dict[str, Any]

    @property
    def codec(self) -> Path:
        return self.folder / CODEC

    @property
    def codes(self) -> Path:
        return self.folder / CODES

    @property
    def ids(self) -> Path:
        return self.folder / IDS

    @property
    def rows(self) -> int:
        """Vectors whose codes are there, those of unfinished work aside."""
        return sum(one["rows"] for one in self.head["inputs"])

    def save(self) -> None:
        """Write down how far the work is."""
        with writing(self.folder / HEAD):
            write_whole(self.folder / HEAD, json.dumps(self.head, indent=1) + "\n")

    def write_sums(self) -> None:
        """Write the checksums of the outputs, as ``sha256sum -c SHA256SUMS`` reads them."""
        files = [file for file in (self.codec, self.codes, self.ids) if file.exists()]
        lines = [f"{_sha256(file)}  {file.name}\n" for file in files]
        with writing(self.folder / SUMS):
            write_whole(self.folder / SUMS, "".join(lines))

    def check_sums(self) -> None:
        """:class:`UsageError` if an output is missing or not as it was written."""
        path = self.folder / SUMS
        try:
            lines = [line.split("  ", 1) for line in path.read_text(encoding="utf-8").splitlines()]
            sums = {name: digest for digest, name in lines}
            changed = [name for name in sums if _sha256(self.folder / Path(name).name) != sums[name]]
        except FileNotFoundError as error:
            raise UsageError(f"{error.filename} is missing; make the folder again") from None
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
        if missing := [name for name in (CODEC, CODES) if name not in sums]:
            raise UsageError(f"{path} lacks {missing[0]}; make the folder again")
        if changed:
            raise UsageError(f"{self.folder / changed[0]} was altered: its SHA-256 is not that of {SUMS}")


def open_corpus(folder: Path) -> Corpus | None:
    """The corpus in ``folder``; None where there is nothing.

    Raises
    ------
    UsageError
        If something else is there.
    """
    if not folder.exists():
        return None
    if not folder.is_dir():
        raise UsageError(f"{folder} is a file; name a folder")
    path = folder / HEAD
    if not path.exists():
        if any(not name.name.startswith(f".{HEAD}.") for name in folder.iterdir()):
            raise UsageError(f"{folder} is not empty and no corpus (it has no {HEAD}); name a new folder")
        return None
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
        if head["format"] != FORMAT:
            raise UsageError(f"{path} is of the format {head['format']!r}, and this version reads {FORMAT!r}")
        corpus = Corpus(folder, head)
        _ = corpus.rows, head["options"]["method"], head["work"]
    except UsageError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is not what bench.compress writes ({error}); name a new folder") from None
    return corpus


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """A folder, made if it is not there, that no other process writes into meanwhile; a kill sets it free."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"another process writes into {folder}; wait for it to end") from None
        yield
    finally:
        os.close(handle)


def mapped(path: Path) -> np.ndarray:
    """The array of a .npy file of ours, read where it lies."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
