"""What vectors of the user's own are called: by their file, in records, folders and pages."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

SOURCES = ("path", "ragged")  # data sets that are a file of the user's
_UNFIT = re.compile(r"[^\w.+-]+")  # for a name of a folder, or a cell of a Markdown table


def name_of(file: str | Path, taken: Collection[str] | None = None) -> str:
    """A data set's name from its file: ``vectors`` for ``some/vectors.npy``.

    Parameters
    ----------
    file : str or Path
        Or the folder that holds it.
    taken : collection of str
        Names that mean something else: a file called like one of them keeps its ending. Those of all data sets if None.
    """
    if taken is None:
        from bench import datasets  # it imports this module

        taken = datasets.names()
    path = Path(file)
    stem, name = (_UNFIT.sub("_", text).strip("_") for text in (path.stem, path.name))
    return (name if stem in taken else stem) or "vectors"


def is_own(options: Any) -> bool:
    """Whether a run's ``dataset`` options say that it is a file of the user's."""
    return isinstance(options, Mapping) and options.get("name") in SOURCES and bool(options.get("base"))


def shown(name: str, options: Any) -> str:
    """A recorded data set's name; records of earlier versions called every file ``path`` or ``ragged``."""
    if not (is_own(options) and is_earlier(name, options)):
        return name
    return name_of(options["base"]) + name.removeprefix(options["name"])


def is_earlier(name: str, options: Mapping[str, Any]) -> bool:
    """Whether a record's name of the user's own file is of the kind that earlier versions gave: ``path+cone.5``."""
    return re.fullmatch(rf"{re.escape(options['name'])}(\+cone[\d.e-]+)?", name) is not None


def key_of(name: str, options: Any) -> str:
    """What records of one data set share beside the checksum: the user's own vectors may lie in files of two names."""
    if not is_own(options):
        return name
    cone = re.search(r"\+cone[\d.e-]+$", name) if options.get("cone") is not None else None
    return options["name"] + (cone.group() if cone else "")


def folder_of(name: str, options: Any, checksum: str) -> str:
    """The folder of a data set's runs: of the user's own, two files of one name are two."""
    return f"{name}-{checksum[:8]}" if is_own(options) and not is_earlier(name, options) else name
