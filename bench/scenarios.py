"""What scenarios there are, their options, and how one is called beside its data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import drift_options, hybrid_options, layers_options
from bench.drift_options import DRIFT, ORDERS
from bench.hybrid_options import HYBRID
from bench.layers_options import LAYERS

NONE, UPGRADE = "none", "upgrade"
OPTIONS: dict[str, Mapping[str, Any]] = {  # of each scenario that has any, with their defaults
    DRIFT: drift_options.DEFAULTS,
    HYBRID: hybrid_options.DEFAULTS,
    LAYERS: layers_options.DEFAULTS,
}
TRAIN_QUERIES = "train queries"
SCENARIOS = (NONE, UPGRADE, *OPTIONS)


def check(options: Mapping[str, Any], rescore: str | None) -> None:
    """Raise :class:`bench.errors.UsageError` for an option that no run can work with."""
    if options["name"] == DRIFT:
        drift_options.check_drift(options, rescore)
    if options["name"] == HYBRID:
        hybrid_options.check_hybrid(options, rescore)
    if options["name"] == LAYERS:
        layers_options.check_layers(options, rescore)


def described(scenario: Mapping[str, Any] | None, uses_queries: bool = False) -> str:
    """A scenario in words, which a table has beside the data set: ``drift order=random``; empty for ``none``.

    A file with an order is called by its name alone. ``train queries`` is said of a method that learned from these: it
    competes with others that did, and not with methods that saw none.
    """
    words = [_options_in_words(scenario), TRAIN_QUERIES if uses_queries else ""]
    return ", ".join(filter(None, words))


def _options_in_words(scenario: Mapping[str, Any] | None) -> str:
    name = (scenario or {}).get("name") or NONE
    if scenario is None or name == NONE:
        return ""
    defaults = OPTIONS.get(name, {})
    options = {**defaults, **scenario}
    if name == DRIFT and options["order"] not in ORDERS:
        options["order"] = Path(str(options["order"])).name
    return " ".join([str(name), *(f"{key}={options[key]}" for key in defaults if options[key] != defaults[key])])
