"""Durations, shares and differences as the answer writes them."""

from __future__ import annotations

import math

from bench.report.words import number


def duration(seconds: float) -> str:
    """``310 ms``, ``12 s``, ``35 min``, ``2.1 h``."""
    for value, unit, below in ((1e3 * seconds, "ms", 1e3), (seconds, "s", 120.0), (seconds / 60, "min", 120.0)):
        if float(f"{value:.3g}") < below:
            return f"{value:.3g} {unit}"
    return f"{float(f'{seconds / 3600:.3g}'):,g} h"


def share(value: float) -> str:
    """``17%``, ``0.41%``: two digits, rounded down, so that what is allowed is never more."""
    step = 10.0 ** (math.floor(math.log10(value) + 1e-12) - 1)
    return f"{100 * step * math.floor(value / step + 1e-9):.3g}%"


def change(value: float) -> str:
    """A difference of recalls with its sign: three digits, more where they would show none."""
    if value == 0 or abs(value) >= 5e-4:
        return number(value, "+.3f")
    return f"{value:+.1g}" if abs(value) >= 1e-4 else "less than .0001"
