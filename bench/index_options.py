"""What ``index=ivf`` and ``index=hnsw`` take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.errors import UsageError

FLAT, IVF, HNSW = "flat", "ivf", "hnsw"
INDEXES: dict[str, dict[str, Any]] = {
    FLAT: {},
    IVF: {"lists": "auto", "probes": "auto", "residual": False, "ids": "packed", "budget": "code"},
    HNSW: {"links": 16, "build_ef": 100, "ef": "auto"},
}
_LINKS = (2, 512)
_CHOICES: dict[str, tuple[Any, ...]] = {
    "residual": (True, False),
    "ids": ("packed", "int32", "int64", "elias_fano", "none"),
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
    for key in INDEXES[name]:
        _check_option(key, options[key])


def _check_option(key: str, value: Any) -> None:
    if key in _CHOICES and value not in _CHOICES[key]:
        raise UsageError(f"index.{key}={value} is unknown; use one of {', '.join(map(str, _CHOICES[key])).lower()}")
    if key == "lists" and value != "auto" and not _count(value):
        raise UsageError(f"index.lists={value} is out of range; use an integer of at least 1, or auto")
    if key == "links" and not (_count(value) and _LINKS[0] <= value <= _LINKS[1]):
        raise UsageError(f"index.links={value} is out of range; use an integer from {_LINKS[0]} to {_LINKS[1]}")
    if key == "build_ef" and not _count(value):
        raise UsageError(f"index.build_ef={value} is out of range; use an integer of at least 1")
    if (
        key in ("probes", "ef")
        and value != "auto"
        and not (isinstance(value, list) and value and all(map(_count, value)))
    ):
        raise UsageError(f"index.{key}={value} is no list of numbers of at least 1; use auto, or [1,4,16]")


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
