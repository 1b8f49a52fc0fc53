"""Numbers in words."""

from __future__ import annotations

from bench.measure.statistics import Interval


def interval(value: Interval, form: str = ".3f") -> str:
    """``0.943 [0.938, 0.948]``."""
    return f"{value.value:{form}} \\[{value.low:{form}}, {value.high:{form}}]"


def count_bytes(count: float) -> str:
    """``1.5 kB``: three digits and a unit of a power of a thousand."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def short(value: float) -> str:
    """A tick's label: ``0.2``, ``311``, ``4,980``, ``22.4k``, ``5.74M``."""
    if value >= 10_000:
        return f"{value / 1e6:.3g}M" if value >= 999_500 else f"{value / 1e3:.3g}k"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
