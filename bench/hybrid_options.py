"""What ``scenario=hybrid`` takes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from bench.errors import UsageError

HYBRID = "hybrid"
LINEAR, RRF = "linear", "rrf"
FUSIONS = (LINEAR, RRF)
DEFAULTS: dict[str, Any] = {
    "postings": 32,
    "bits": 4,
    "fusion": LINEAR,
    "candidates": 100,
    "tuned": 0.2,
    "k1": 1.2,
    "b": 0.75,
    "seed": 0,
}
_MOST_BITS = 8


def check_hybrid(options: Mapping[str, Any], rescore: str | None) -> None:
    """Raise :class:`UsageError` for an option that no run can work with; reads no texts."""
    if rescore is not None:
        raise UsageError(f"scenario=hybrid fuses what codes and postings find; leave out rescore={rescore}")
    if missing := [name for name in DEFAULTS if name not in options]:
        raise UsageError(f"scenario.{missing[0]} is not given; use scenario=hybrid for its defaults")
    if options["fusion"] not in FUSIONS:
        raise UsageError(f"scenario.fusion={options['fusion']} is unknown; use {' or '.join(FUSIONS)}")
    for name, least, most in (("bits", 1, _MOST_BITS), ("candidates", 100, 10_000), ("seed", 0, 2**32 - 1)):
        value = options[name]
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise UsageError(f"scenario.{name}={value} is out of range; use an integer from {least} to {most:,}")
    for name, right, fits in (
        ("postings", "bytes a document, above 0", lambda value: 0 < value < math.inf),
        ("tuned", "a share of the queries above 0 and below 1", lambda value: 0 < value < 1),
        ("k1", "a number above 0", lambda value: 0 < value < math.inf),
        ("b", "a number from 0 to 1", lambda value: 0 <= value <= 1),
    ):
        value = options[name]
        if not isinstance(value, int | float) or isinstance(value, bool) or not fits(value):
            raise UsageError(f"scenario.{name}={value} is out of range; use {right}")


def code_bytes_left(options: Mapping[str, Any], budget: int) -> int:
    """Bytes of a document that the postings leave to its code, if they take all that they may."""
    return budget - math.ceil(options["postings"])
