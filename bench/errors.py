"""Errors of the harness that are the user's to mend: printed as one line, exit status 2."""

from __future__ import annotations


class UsageError(ValueError):
    """A run cannot work as requested; the message says what would be right."""
