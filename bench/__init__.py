"""The harness: measures recall, latency and memory of compression methods under a byte budget; knows none by name.

record = bench.run(method="opq", budget="32x", dataset={"name": "path", "base": "my.npy"})
records = bench.sweep(method=["opq", "rabitq"], budget=["16x", "32x"])

frame = bench.load_records("results")
front = bench.report.pareto(frame, x="bytes", y="recall@10")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench import report
    from bench.api import run, sweep
    from bench.errors import UsageError
    from bench.records import Record
    from bench.records.frame import load_records, to_frame

__all__ = ["Record", "UsageError", "load_records", "report", "run", "sweep", "to_frame"]

_PLACES = {  # imported when first used: to read records takes neither compiled code nor torch
    "Record": "bench.records",
    "UsageError": "bench.errors",
    "load_records": "bench.records.frame",
    "run": "bench.api",
    "sweep": "bench.api",
    "to_frame": "bench.records.frame",
}


def __getattr__(name: str) -> Any:
    if name == "report":
        return importlib.import_module("bench.report")
    if name in _PLACES:
        return getattr(importlib.import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
