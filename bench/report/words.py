"""Numbers in words, and what the name of a measure says."""

from __future__ import annotations

from bench.measure.statistics import Interval


def less_is_better(measure: str) -> bool:
    """Of errors, losses and biases; of all else more is."""
    return any(word in measure for word in ("error", "bias", "loss"))


def number(value: float, form: str) -> str:
    """``value`` in a format of floats (``.3f``, ``+.4f``, ``.3g``); what rounds to zero has no minus.

    A difference of -1e-9 is none: ``-0.000`` would say that something fell.
    """
    sign, digits = ("+", form[1:]) if form.startswith("+") else ("", form)
    return format(float(value), f"{sign}z{digits}")


def interval(value: Interval, form: str = ".3f") -> str:
    """``0.943 [0.938, 0.948]``."""
    return f"{number(value.value, form)} \\[{number(value.low, form)}, {number(value.high, form)}]"


def count_bytes(count: float) -> str:
    """``1.5 kB``: three digits and a unit of a power of a thousand."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:  # three digits of more are 1e+03
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def short(value: float) -> str:
    """A tick's label: ``0.2``, ``311``, ``4,980``, ``22.4k``, ``5.74M``."""
    if value >= 10_000:
        return f"{value / 1e6:.3g}M" if value >= 999_500 else f"{value / 1e3:.3g}k"
    return f"{value:,.0f}" if value >= 100 else number(value, ".3g")
