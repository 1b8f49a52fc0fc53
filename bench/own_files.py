"""What vectors of the user's own are called: by their file, in records, folders and pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bench.file_names import SOURCES, name_of


def is_own(options: Any) -> bool:
    """Whether a run's ``dataset`` options say that it is a file of the user's."""
    return isinstance(options, Mapping) and options.get("name") in SOURCES and bool(options.get("base"))


def shown(name: str, options: Any) -> str:
    """A recorded data set's name; records of earlier versions called every file ``path`` or ``ragged``."""
    if not (is_own(options) and is_earlier(name, options)):
        return name
    from bench import datasets  # heavy, and most records are of no file of the user's

    return name_of(options["base"], datasets.names()) + name.removeprefix(options["name"])


def is_earlier(name: str, options: Mapping[str, Any]) -> bool:
    """Whether a record's name of the user's own file is of the kind that earlier versions gave: ``path+cone.5``."""
    return re.fullmatch(rf"{re.escape(options['name'])}(\+cone[\d.e-]+)?(\+held_out)?", name) is not None


def key_of(name: str, options: Any) -> str:
    """What records of one data set share beside the checksum: the user's own vectors may lie in files of two names."""
    if not is_own(options):
        return name
    cone = re.search(r"\+cone[\d.e-]+(?=$|\+held_out$)", name) if options.get("cone") is not None else None
    held_out = "+held_out" if options.get("train") == "held_out" else ""
    return options["name"] + (cone.group() if cone else "") + held_out


def folder_of(name: str, options: Any, checksum: str) -> str:
    """The folder of a data set's runs: of the user's own, two files of one name are two."""
    return f"{name}-{checksum[:8]}" if is_own(options) and not is_earlier(name, options) else name
