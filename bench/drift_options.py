"""What ``scenario=drift`` takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import UsageError

DRIFT = "drift"
CLUSTERS, ROWS, RANDOM = "clusters", "rows", "random"
ORDERS = (CLUSTERS, ROWS, RANDOM)  # or a .npy file with a number for each vector
DEFAULTS: dict[str, Any] = {"order": CLUSTERS, "clusters": 10, "fit": 0.2, "steps": 5, "delete": 0.0, "seed": 0}
_LEAST = {"clusters": 2, "steps": 1, "seed": 0}


def check_drift(options: Mapping[str, Any], rescore: str | None) -> None:
    """Raise :class:`UsageError` for an option that no run can work with; reads no vectors."""
    if rescore is not None:
        raise UsageError(f"scenario=drift measures what codes alone keep; leave out rescore={rescore}")
    if missing := [name for name in DEFAULTS if name not in options]:
        raise UsageError(f"scenario.{missing[0]} is not given; use scenario=drift for its defaults")
    for name, least in _LEAST.items():
        value = options[name]
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise UsageError(f"scenario.{name}={value} is out of range; use an integer of at least {least}")
    if not _is_number(options["fit"]) or not 0 < options["fit"] < 1:
        raise UsageError(f"scenario.fit={options['fit']} is out of range; use a share of the vectors between 0 and 1")
    if not _is_number(options["delete"]) or not 0 <= options["delete"] < 1:
        raise UsageError(f"scenario.delete={options['delete']} is out of range; use a share from 0 to below 1")
    order = options["order"]
    if order not in ORDERS and not str(order).endswith(".npy"):
        raise UsageError(f"scenario.order={order} is unknown; use one of {', '.join(ORDERS)}, or a FILE.npy of numbers")
    if order not in ORDERS and not Path(order).expanduser().is_file():
        raise UsageError(f"scenario.order={order} does not exist; give a .npy file with a number for each vector")


def first_rows(options: Mapping[str, Any], rows: int) -> int:
    """How many of ``rows`` vectors are there when the codec is fitted."""
    return max(1, round(options["fit"] * rows))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
