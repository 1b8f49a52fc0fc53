"""Errors of the harness that are the user's to mend: printed as one line, exit status 2."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


class UsageError(ValueError):
    """A run cannot work as requested; the message says what would be right."""


def unknown_name(what: str, name: str, known: Sequence[str]) -> str:
    """The message that no ``what`` is called ``name``, with the nearest of ``known``, or all."""
    close = difflib.get_close_matches(name.lower(), known, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"use one of {', '.join(known)}"
    return f"no {what} is called {name!r}; {hint}"
