"""Codes of a file, block by block into ``codes.npy``, which has its name only when it is whole."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np

from bench.compress.corpus import Corpus, mapped
from bench.compress.source import BLOCK, Source
from bench.errors import UsageError
from bench.files import writing
from bench.progress import Progress
from methods import Codec

_NOTED_S = 5.0  # between two notes of how far the work is: more is lost by no kill
_COPIED = 1 << 24  # bytes of earlier codes at a time


def encode(corpus: Corpus, codec: Codec, source: Source) -> None:
    """Encode what ``corpus.head["work"]`` says is missing, behind the codes that are there."""
    before, total = corpus.rows, corpus.rows + source.rows
    part = corpus.codes.with_name(f"{corpus.codes.name}.part")
    if not part.exists() and _shape(corpus.codes) == (total, codec.code_size):
        return  # it has its name already, and only the note of that is missing
    done = int(corpus.head["work"]["encoded"]) if part.exists() else 0
    with writing(part), part.open("r+b" if part.exists() else "w+b") as file:
        begin = _header(file, (total, codec.code_size))
        if file.seek(0, os.SEEK_END) < begin + (before + done) * codec.code_size or not done:
            done = 0
            file.truncate(begin)
            _copy(corpus.codes, file, begin, before)
        file.truncate(begin + (before + done) * codec.code_size)
        file.seek(0, os.SEEK_END)
        _append(corpus, codec, source, file, done)
        file.flush()
        os.fsync(file.fileno())
    with writing(corpus.codes):
        os.replace(part, corpus.codes)


def _append(corpus: Corpus, codec: Codec, source: Source, file: BinaryIO, done: int) -> None:
    noted, blocks = time.monotonic(), -(-source.rows // BLOCK)
    with Progress("encoding", blocks, unit="block", initial=done // BLOCK, lines=False) as progress:
        for first, block in source.blocks(done):
            file.write(codec.encode(block).data)
            progress.advance()
            if time.monotonic() - noted >= _NOTED_S:
                file.flush()
                os.fsync(file.fileno())  # a note never says more than the disk has
                corpus.head["work"]["encoded"] = first + len(block)
                corpus.save()
                noted = time.monotonic()


def stand(corpus: Corpus, codec: Codec) -> bool:
    """Whether the codes are still those of the finished inputs alone."""
    return _shape(corpus.codes) == (corpus.rows, codec.code_size)


def check_room(folder: Path, size: int) -> None:
    """:class:`UsageError` if the disk has no room for ``size`` bytes in ``folder``, or its nearest parent."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    state = os.statvfs(place)
    free = state.f_bavail * state.f_frsize
    if free < size:
        raise UsageError(f"{folder} has {free / 1e9:.2f} GB of room, and the codes take {size / 1e9:.2f} GB")


def _shape(path: Path) -> tuple[int, ...] | None:
    return mapped(path).shape if path.exists() else None


def _header(file: BinaryIO, shape: tuple[int, int]) -> int:
    """Write the header of a .npy file of codes; bytes that it takes."""
    file.seek(0)
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.tell()


def _copy(codes: Path, file: BinaryIO, begin: int, rows: int) -> None:
    """The first ``rows`` codes of a finished file."""
    file.seek(begin)
    if rows:
        raw = mapped(codes)[:rows].reshape(-1)
        for start in range(0, len(raw), _COPIED):
            file.write(raw[start : start + _COPIED].tobytes())
