"""Options of the commands beside ``python -m bench``, whose errors are one line that says what would be right."""

from __future__ import annotations

import argparse
import difflib
from typing import NoReturn

from bench.errors import UsageError

__all__ = ["OneLineParser"]

_UNKNOWN = "unrecognized arguments: "


class OneLineParser(argparse.ArgumentParser):
    """A parser that raises :class:`UsageError`, where argparse prints the usage and exits."""

    def error(self, message: str) -> NoReturn:
        """What was wrong with the options, and the option that was probably meant."""
        word, equals, value = message.removeprefix(_UNKNOWN).split(" ")[0].partition("=")
        if message.startswith(_UNKNOWN):
            options = _options(self)
            if equals and f"--{word}" in options:
                raise UsageError(f"{word}={value} is how parameters are written; write --{word} {value}")
            if word.startswith("--") and (close := difflib.get_close_matches(word, options, n=1)):
                raise UsageError(f"there is no option {word}; did you mean {close[0]}?")
        raise UsageError(f"{message}; --help names the options")


def _options(parser: argparse.ArgumentParser) -> list[str]:
    """Long options of a parser and of its commands."""
    options: list[str] = []
    for action in parser._actions:
        options += [option for option in action.option_strings if option.startswith("--")]
        if isinstance(action, argparse._SubParsersAction):
            options += [option for command in action.choices.values() for option in _options(command)]
    return options
