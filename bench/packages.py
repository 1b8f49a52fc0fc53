"""Installed packages whose methods could not be loaded: said once, and all other methods work."""

from __future__ import annotations

import sys

from methods import registry

_said: set[str] = set()


def say_left_out(command: str = "bench") -> None:
    """A line on stderr for each method that was left out, once in a process."""
    for line in registry.left_out():
        if line not in _said:
            _said.add(line)
            print(f"{command}: {line}", file=sys.stderr)
