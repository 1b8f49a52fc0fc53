"""What stands on the command line, put as Hydra wants it: flags first, options without dashes."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from bench.config import RunConfig
from bench.errors import UsageError

_SWEEP = ("-m", "--multirun")
_SURE = 0.85  # flags of Hydra (--run, --resolve) are less like an option (rerun, rescore)


def in_order(arguments: Sequence[str]) -> list[str]:
    """The arguments with ``-m`` in front, wherever it stood: behind an option Hydra does not see it.

    Raises
    ------
    UsageError
        For an option that is written as a flag (``--budget 32x``).
    """
    for place, argument in enumerate(arguments):
        if argument.startswith("--"):
            _refuse_dashes(argument, arguments[place + 1 : place + 2])
    flags = [argument for argument in arguments if argument in _SWEEP]
    return [*flags[:1], *(argument for argument in arguments if argument not in _SWEEP)]


def _refuse_dashes(argument: str, following: Sequence[str]) -> None:
    key, equals, value = argument.removeprefix("--").partition("=")
    name, dot, leaf = key.replace("-", "_").partition(".")
    close = difflib.get_close_matches(name, [*RunConfig.__dataclass_fields__, "experiment"], n=1, cutoff=_SURE)
    if close:
        given = value if equals else next(iter(following), "...")
        raise UsageError(f"{argument} is no flag; write {close[0]}{dot}{leaf}={given}")
