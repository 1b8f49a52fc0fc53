"""``python -m bench`` and ``vcbench``: one table of commands; a line of ``key=value`` without a command is a run."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import runpy
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

DISTRIBUTION = "vector-compression-bench"
BAD_INPUT = 2
_HELP, _VERSION = ("help", "--help", "-h"), ("version", "--version", "-V")


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes
    ----------
    about : str
        One line for the list of commands.
    module : str
        Executed with ``python -m``; nothing for runs and sweeps, which :mod:`bench.cli` executes.
    """

    about: str
    module: str = ""


COMMANDS = {
    "run": Command("one method at one budget; the word can be left out: method=opq budget=8x"),
    "sweep": Command("several methods, budgets, data sets, seeds: method=opq,pq budget=8x,16x (also: run -m)"),
    "recommend": Command("which method to take for your own vectors, and what it costs", "bench.recommend"),
    "compress": Command("codes of a file of any size, and what a search of them finds", "bench.compress"),
    "report": Command("tables, figures and a page of what was measured", "bench.report"),
    "gate": Command("measure a baseline again, and fail if it got worse", "bench.gate"),
    "subsample": Command("how few queries and vectors rank methods the same", "bench.subsample"),
    "engines": Command("what databases and libraries offer, and where a method can be had", "bench.engines"),
    "datasets": Command("list, build and describe data sets", "bench.datasets"),
    "methods": Command("list, explain and check methods", "methods"),
}


def main() -> None:
    """Entry of ``python -m bench`` and ``vcbench``; statuses of :func:`bench.cli.main` or of the command."""
    arguments = sys.argv[1:]
    first = arguments[0] if arguments else "help"
    command = COMMANDS.get(first)
    if command is not None and command.module:
        _execute(command.module, arguments[1:])
    elif first in _VERSION or "--version" in arguments:
        print(version())
    elif first in _HELP or any(argument in ("-h", "--help") for argument in arguments):
        print(help_text())
    else:
        _measure(arguments)


def help_text() -> str:
    """The commands, and the options of a run."""
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {command.about}" for name, command in COMMANDS.items())
    options = importlib.resources.files("bench").joinpath("help.txt").read_text(encoding="utf-8")
    return options.replace("COMMANDS", commands, 1).rstrip()


def version() -> str:
    """The distribution and its version; a checkout that was never installed says where it lies."""
    try:
        return f"{DISTRIBUTION} {importlib.metadata.version(DISTRIBUTION)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{DISTRIBUTION}, not installed: {Path(__file__).resolve().parents[1]}"


def _execute(module: str, arguments: Sequence[str]) -> None:
    """``python -m MODULE``, in this process."""
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _measure(arguments: Sequence[str]) -> None:
    from bench import cli  # heavy: other commands start without it
    from bench.errors import UsageError
    from bench.flags import check

    first, *rest = arguments
    options = rest if first in COMMANDS else list(arguments)
    try:
        check(options, COMMANDS)
    except UsageError as error:
        _refuse(str(error))
    sys.argv[1:] = ["-m", *options] if first == "sweep" else options
    cli.main()


def _refuse(message: str) -> NoReturn:
    print(f"bench: {message}", file=sys.stderr)
    sys.exit(BAD_INPUT)
