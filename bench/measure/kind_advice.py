"""What a kind of vectors means for the choice of a code: whether it has to be centered, rotated, or to hold lengths.

Which methods lose recall there, the methods say themselves (``kind_exceptions``).
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.measure.kinds import Kind
from methods import registry

__all__ = ["NOTHING_NEEDED", "advice_of", "losing"]

NOTHING_NEEDED = "no centering, rotation or offset is needed: any code serves"
_SHOWN = 8  # methods that are named

_ALONG = "common direction"
_MEANS = {
    _ALONG: "the mean has to be kept apart: a method that does so, or center=offset for one that does not",
    "queries apart": "no code of signs about the mean: queries are all to one side of it",
    "rogue dimensions": "a rotation, or bits by variance along principal axes, before levels or bits of each dimension",
    "heavy tails": "a rotation, which makes values nearly normal, before levels or bits of each dimension",
    "low rank": "bits by variance along principal axes; no equal bits, and no whitening, which makes them equal",
    "lengths vary": "a code that holds a length or a factor beside the direction",
    "one row too long": "no range from the least to the greatest value, which this one row would set; or mend the row",
    "duplicates": "equal vectors get equal codes, whatever the method",
    "few training vectors": "what learns little or nothing from vectors, or takes variances from some it holds out",
}
_BY_DISTANCE = "codes of distances need no centering; ranges are best taken about the mean"


def advice_of(kinds: Sequence[Kind], metric: str, names: bool = True) -> list[str]:
    """A line for every kind that matters for a code under ``metric``; with the ``names`` of methods that lose there."""
    return [line for kind in kinds if (line := _line(kind.name, metric, names))]


def losing(kind: str, metric: str) -> list[str]:
    """Dense methods that declare to lose recall on a kind under a metric, by name."""
    declared = {kind, f"{kind}, {metric}"}
    return [name for name in registry.names() if declared & set(registry.get(name).kind_exceptions)]


def _line(kind: str, metric: str, names: bool) -> str:
    if kind not in _MEANS:
        return ""
    if kind == _ALONG and metric == "l2":
        return f"{kind}: {_BY_DISTANCE}"
    lost = losing(kind, metric) if names else []
    more = f" and {len(lost) - _SHOWN} more" if lost[_SHOWN:] else ""
    listed = f"; recall is lost by {', '.join(lost[:_SHOWN])}{more}" if lost else ""
    return f"{kind}: {_MEANS[kind]}{listed}"
