"""Options of these commands, whose errors are one line."""

from __future__ import annotations

import argparse
from typing import NoReturn

from bench.errors import UsageError

__all__ = ["OneLineParser"]


class OneLineParser(argparse.ArgumentParser):
    """A parser that raises :class:`UsageError`, where argparse prints the usage and exits."""

    def error(self, message: str) -> NoReturn:
        """What was wrong with the options."""
        raise UsageError(f"{message}; --help names the options")
