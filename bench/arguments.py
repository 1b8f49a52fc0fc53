"""Options put as Hydra reads them: those of the command line (flags first, no dashes) and those given from Python."""

from __future__ import annotations

import numbers
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, Quote, QuotedString
from hydra.errors import HydraException
from omegaconf import OmegaConf

from bench import named_files
from bench.errors import UsageError

_SWEEP = ("-m", "--multirun")
_GROUPS = ("method", "engine", "index", "dataset", "scenario", "limits")  # options that have options of their own
_PATTERNS = ("glob(", "range(", "choice(")  # what stands for several values
# A value that Hydra reads as text without quotes, and a shell as one word: a name, or a file's path.
_PLAIN = re.compile(r"'((?:[A-Za-z_/]|\.\.?/)[\w./-]*)'")
_READ_OTHERWISE = {"true", "false", "null", "nan", "inf"}


def in_order(arguments: Sequence[str]) -> list[str]:
    """The arguments with ``-m`` in front, wherever it stood: behind an option Hydra does not see it.

    An experiment that is a sweep is given the flag too.
    """
    flags = [argument for argument in arguments if argument in _SWEEP]
    if not any(argument.startswith(("-", "hydra.mode=")) for argument in arguments) and _names_sweep(arguments):
        flags = ["--multirun"]  # Hydra finds out by composing one run, which an option of some methods alone prevents
    others = [argument for argument in arguments if argument not in _SWEEP]
    return [flags[0], *for_sweep(others)] if flags else others


def is_sweep(arguments: Sequence[str]) -> bool:
    """Whether arguments that are :func:`in_order` are those of a sweep."""
    return bool(arguments) and arguments[0] in _SWEEP


def for_sweep(overrides: Sequence[str]) -> list[str]:
    """Overrides of a sweep, so that options of several methods (or data sets) hold for each of them.

    Hydra applies what is no list to its defaults first, and the default method may lack an option that the swept ones
    have. ``method.center=offset`` becomes a list of one value, which is applied to each run alone.
    """
    parser = OverridesParser.create()
    parsed = [_parsed(parser, override) for override in overrides]
    swept = {each.key_or_group for each in parsed if each is not None and each.is_sweep_override()}
    return [
        f"{each.key_or_group}=choice({override.partition('=')[2]})"
        if each is not None
        and each.type is OverrideType.CHANGE
        and not each.is_sweep_override()
        and each.key_or_group.partition(".")[0] in swept.intersection(_GROUPS)
        else override
        for each, override in zip(parsed, overrides)
    ]


def _parsed(parser: OverridesParser, override: str) -> Override | None:
    """None for a flag, or for what Hydra refuses later."""
    try:
        return parser.parse_override(override)
    except HydraException:
        return None


def _names_sweep(arguments: Sequence[str]) -> bool:
    """Whether an experiment of ours is among them that is a sweep."""
    names = [argument.partition("=")[2] for argument in arguments if argument.startswith("experiment=")]
    files = [resources.files("conf").joinpath("experiment", f"{name}.yaml") for name in names if name.isidentifier()]
    return any(OmegaConf.select(OmegaConf.create(file.read_text()), "hydra.mode") for file in files if file.is_file())


def overrides_of(options: Mapping[str, Any], several: bool = False) -> list[str]:
    """Options from Python as Hydra reads them.

    Parameters
    ----------
    options : mapping
        Keys of the command line, dotted ones too, to values. ``method``, ``dataset``, ``scenario`` and ``limits`` may
        be mappings: ``{"name": "pq", "bits": 4}`` is ``method=pq method.bits=4``.
    several : bool
        Lists are values of a sweep: each is measured.
    """
    overrides = []
    for key, value in options.items():
        if isinstance(value, Mapping) and key in _GROUPS:
            if "name" in value:
                overrides.append(_override(key, value["name"], several))
            overrides += _nested(key, {name: given for name, given in value.items() if name != "name"}, several)
        elif key == "dataset" and (files := _named_files(value, several)):
            overrides += named_files.overrides_of(files)
        else:
            overrides.append(_override(key, value, several))
    return overrides


def shell_word(override: str) -> str:
    """An override as a shell takes it, with quotes only where they are needed."""
    key, _, value = override.partition("=")
    plain = _PLAIN.fullmatch(value)
    if plain is not None and plain[1].lower() not in _READ_OTHERWISE:
        return f"{key}={plain[1]}"
    if re.fullmatch(r"'[0-9]+(?:\.[0-9]+)?(?:x|B|bit)'", value):  # a budget
        return f"{key}={value[1:-1]}"
    return shlex.quote(override.replace("${", "\\${"))  # no interpolation is meant


def _named_files(value: Any, several: bool) -> list[str]:
    """The user's files that stand where names of data sets do."""
    given = list(value) if several and isinstance(value, (list, tuple)) else [value]
    paths = [os.fspath(one) for one in given if isinstance(one, (str, os.PathLike))]
    return paths if len(paths) == len(given) and all(map(named_files.is_file, paths)) else []


def _nested(group: str, options: Mapping[str, Any], several: bool) -> Iterator[str]:
    for name, value in options.items():
        if isinstance(value, Mapping):  # of an inner codec or an old encoder's data: what it takes is checked later
            yield from (f"++{override}" for override in _nested(f"{group}.{name}", value, several))
        else:
            yield _override(f"{group}.{name}", value, several)


def _override(key: str, value: Any, several: bool) -> str:
    if several and isinstance(value, (list, tuple, range)):
        if not value:
            raise UsageError(f"{key} is an empty list; give at least one value, or leave it out")
        return f"{key}={','.join(_literal(key, one) for one in value)}"
    if not several and isinstance(value, (list, tuple)) and key in ("budget", "seed", *_GROUPS):
        raise UsageError(f"{key} is a list; bench.sweep measures each of its values")
    if several and isinstance(value, str) and value.startswith(_PATTERNS):
        return f"{key}={value}"
    return f"{key}={_literal(key, value)}"


def _literal(key: str, value: Any) -> str:
    """A value in the grammar of Hydra's command line."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, numbers.Integral):
        return f"{int(value)}B" if key == "budget" else str(int(value))
    if isinstance(value, numbers.Real):
        return repr(float(value))
    if isinstance(value, (str, os.PathLike)):
        return QuotedString(text=os.fspath(value), quote=Quote.single).with_quotes()
    if isinstance(value, (list, tuple)):
        return f"[{','.join(_literal(key, one) for one in value)}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}:{_literal(key, one)}" for name, one in value.items()) + "}"
    kind = type(value).__name__
    raise UsageError(f"{key} is a {kind}, which is no value of an option; use text, numbers, truth values or None")
