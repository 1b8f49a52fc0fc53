"""Options of the commands beside ``python -m bench``, whose errors are one line that says what would be right."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from bench.errors import UsageError

__all__ = ["OneLineParser"]

_UNKNOWN = "unrecognized arguments: "
_MISSING = "the following arguments are required: "
_ALIKE = 0.75  # of the letters, at least: less is another word


class OneLineParser(argparse.ArgumentParser):
    """A parser that raises :class:`UsageError`, where argparse prints the usage and exits."""

    _given: Sequence[str] = ()

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """As argparse does; words are kept for :meth:`error`."""
        self._given = sys.argv[1:] if args is None else args
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """What was wrong with the options, and the option that was probably meant."""
        if message.startswith(_UNKNOWN):
            _suggest(message.removeprefix(_UNKNOWN).split(" "), _options(self))
        elif message.startswith(_MISSING):  # perhaps because it was written otherwise
            _suggest(self._given, _options(self))
        raise UsageError(f"{message}; --help names the options")


def _suggest(words: Sequence[str], options: dict[str, bool]) -> None:
    """:class:`UsageError` with what the first wrong word should be, if that can be told."""
    for given in words:
        word, equals, value = given.partition("=")
        option = f"--{word.replace('_', '-')}"
        if equals and option in options:
            right = f"{option} {value or 'VALUE'}" if options[option] else option
            raise UsageError(f"{given} is how parameters are written; write {right}")
        unknown = word.startswith("--") and not any(known.startswith(word) for known in options)
        if unknown and (close := difflib.get_close_matches(word, options, 1, _ALIKE)):
            raise UsageError(f"there is no option {word}; did you mean {close[0]}?")


def _options(parser: argparse.ArgumentParser) -> dict[str, bool]:
    """Long options of a parser and of its commands, and whether each takes a value."""
    options: dict[str, bool] = {}
    for action in parser._actions:
        options |= {option: action.nargs != 0 for option in action.option_strings if option.startswith("--")}
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                options |= _options(command)
    return options
