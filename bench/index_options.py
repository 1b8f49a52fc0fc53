"""What ``index=ivf`` takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.errors import UsageError

FLAT, IVF = "flat", "ivf"
INDEXES: dict[str, dict[str, Any]] = {
    FLAT: {},
    IVF: {"lists": "auto", "probes": "auto", "residual": False, "ids": "packed", "budget": "code"},
}
_CHOICES: dict[str, tuple[Any, ...]] = {
    "residual": (True, False),
    "ids": ("packed", "int32", "int64", "none"),
    "budget": ("code", "all"),
}


def check_index(options: Mapping[str, Any], engine: bool, scenario: str) -> None:
    """Raise :class:`UsageError` for an option that no run can work with."""
    name = options["name"]
    if name not in INDEXES:
        raise UsageError(f"index={name} is unknown; use one of {', '.join(INDEXES)}")
    if engine or scenario != "none":
        raise UsageError(
            f"index={name} is for methods, which it searches; leave out {'engine' if engine else 'scenario'}="
        )
    if missing := sorted(set(INDEXES[name]) - set(options)):
        raise UsageError(f"index.{missing[0]} is not given; use index={name} for its defaults")
    for key, choices in _CHOICES.items():
        if options[key] not in choices:
            raise UsageError(
                f"index.{key}={options[key]} is unknown; use one of {', '.join(map(str, choices)).lower()}"
            )
    if options["lists"] != "auto" and not _count(options["lists"]):
        raise UsageError(f"index.lists={options['lists']} is out of range; use an integer of at least 1, or auto")
    probes = options["probes"]
    if probes != "auto" and not (isinstance(probes, list) and probes and all(map(_count, probes))):
        raise UsageError(f"index.probes={probes} is no list of numbers of at least 1; use auto, or [1,4,16]")


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
