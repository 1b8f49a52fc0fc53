"""The candidate as a pytest-benchmark file, for the tools that read those."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from bench.files import write_whole, writing
from bench.gate.case import Case
from bench.records import Record


def write(path: Path, runs: Sequence[tuple[Record, np.ndarray]]) -> None:
    """Write ``path``: one benchmark a run, its times the single queries', its figures in ``extra_info``.

    Parameters
    ----------
    runs : sequence of (record of status ok, milliseconds (timed,) of its queries)
    """
    environment = runs[0][0].environment if runs else {}
    document = {
        "machine_info": {
            "node": "",
            "processor": environment.get("cpu"),
            "machine": environment.get("platform"),
            "system": environment.get("platform"),
            "release": "",
            "python_implementation": "CPython",
            "python_version": environment.get("python"),
            "cpu": {"brand_raw": environment.get("cpu"), "count": environment.get("cores")},
        },
        "commit_info": {"id": environment.get("git_commit"), "dirty": environment.get("git_dirty")},
        "benchmarks": [_entry(record, milliseconds) for record, milliseconds in runs],
        "datetime": datetime.now(UTC).isoformat(),
        "version": importlib.metadata.version("vector-compression-bench"),
    }
    with writing(path):
        write_whole(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


def _entry(record: Record, milliseconds: np.ndarray) -> dict[str, Any]:
    case = Case.of_record(record)
    return {
        "group": record.dataset.name,
        "name": case.name,
        "fullname": f"bench.gate::{case.dataset}::{case.name}",
        "params": None,
        "param": None,
        "extra_info": {
            "dataset": case.dataset,
            "identity": case.identity,
            "code_bytes": case.code_bytes,
            "parts_bytes": case.parts_bytes,
            "config": case.config,
            **case.measures,
        },
        "options": {"disable_gc": False, "timer": "perf_counter_ns", "min_rounds": len(milliseconds), "warmup": True},
        "stats": _stats(milliseconds / 1e3),
    }


def _stats(seconds: np.ndarray) -> dict[str, Any]:
    """The fields of pytest-benchmark's statistics, in seconds."""
    q1, median, q3 = np.percentile(seconds, [25, 50, 75])
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    mean, deviation = float(seconds.mean()), float(seconds.std(ddof=1)) if len(seconds) > 1 else 0.0
    beyond = int((np.abs(seconds - mean) > deviation).sum())
    outside = int(((seconds < low) | (seconds > high)).sum())
    return {
        "min": float(seconds.min()),
        "max": float(seconds.max()),
        "mean": mean,
        "stddev": deviation,
        "rounds": len(seconds),
        "median": float(median),
        "iqr": float(q3 - q1),
        "q1": float(q1),
        "q3": float(q3),
        "iqr_outliers": outside,
        "stddev_outliers": beyond,
        "outliers": f"{beyond};{outside}",
        "ld15iqr": float(seconds[seconds >= low].min()),
        "hd15iqr": float(seconds[seconds <= high].max()),
        "ops": 1.0 / mean,
        "total": float(seconds.sum()),
        "iterations": 1,
    }
