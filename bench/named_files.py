"""A file where the name of a data set stands: ``dataset=my.npy`` is ``dataset=path dataset.base=my.npy``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString

from bench.datasets.formats import SUFFIXES
from bench.errors import UsageError

_PATTERNS = ("glob(", "range(", "choice(", "[", "{")


def is_file(name: str) -> bool:
    """Whether what stands for a data set's name is a file of vectors, be it there or not."""
    there = ("/" in name or "." in name) and Path(name).expanduser().is_file()
    return name.lower().endswith(SUFFIXES) or there


def overrides_of(files: Sequence[str]) -> list[str]:
    """The options that measure on files; several are values of a sweep."""
    quoted = [QuotedString(text=file, quote=Quote.single).with_quotes() for file in files]
    return ["dataset=path", f"dataset.base={','.join(quoted)}"]


def named(arguments: Sequence[str]) -> list[str]:
    """Arguments in which ``dataset=FILE`` is replaced by the options that mean it.

    Raises
    ------
    UsageError
        Files and names of data sets in one list, or a file beside ``dataset.base``.
    """
    replaced: list[str] = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        files = _files(value) if key == "dataset" else []
        if files and any(other.startswith("dataset.base=") for other in arguments):
            raise UsageError(f"{argument} and dataset.base= name two files; leave one out")
        replaced += overrides_of(files) if files else [argument]
    return replaced


def _files(value: str) -> list[str]:
    """The files that a value names; none if it names data sets."""
    plain = value.strip("'\"")
    if value.startswith(_PATTERNS):
        return []
    if (Path(plain).is_file() and is_file(plain)) or "," not in plain:
        return [plain] if is_file(plain) else []
    parts = plain.split(",")
    files = [part for part in parts if is_file(part)]
    if files and len(files) < len(parts):
        raise UsageError(f"dataset={value} mixes files and names of data sets; sweep over one kind at a time")
    return files
