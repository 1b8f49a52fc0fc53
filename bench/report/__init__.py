"""From records to something that a person reads; ``bench.report.pareto`` is a function for frames of records."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.report.front import pareto

__all__ = ["pareto"]


def __getattr__(name: str) -> Any:
    if name == "pareto":  # when it is used: records know words of this package, and load without the rest
        return importlib.import_module("bench.report.front").pareto
    raise AttributeError(f"module 'bench.report' has no attribute {name!r}")
