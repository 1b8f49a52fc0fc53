"""What ``scenario=layers`` takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.errors import UsageError

LAYERS = "layers"
DEFAULTS: dict[str, Any] = {"layers": None}


def check_layers(options: Mapping[str, Any], rescore: str | None) -> None:
    """Raise :class:`UsageError` for an option that no run can work with; reads no vectors."""
    if rescore is not None:
        raise UsageError(f"scenario=layers measures what codes alone keep; leave out rescore={rescore}")
    chosen = options.get("layers")
    if chosen is None:
        return
    numbers = chosen if isinstance(chosen, list | tuple) else [chosen]
    if not numbers or not all(isinstance(each, int) and not isinstance(each, bool) and each >= 1 for each in numbers):
        raise UsageError(f"scenario.layers={chosen} is out of range; use numbers of layers, as [2, 3], or null for all")
