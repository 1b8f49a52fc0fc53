"""Runs that are measured in the process that starts them: a tenth of the time, where isolation is not tested.

A program that a test starts does so after ``import runs_here; runs_here.use()``; this folder is on its path. A command
does by ``python -m runs_here MODULE ARGUMENT...``.
"""

from __future__ import annotations

import json
import runpy
import sys
import time
from pathlib import Path
from typing import Any

import numba

from bench.config import Limits
from bench.execution import isolate, runner, worker


def run_here(
    job: dict[str, Any], work: Path, limits: Limits, threads: int, turns: Any = None, memory_share: float = 1.0
) -> isolate.Outcome:
    """As :func:`bench.execution.isolate.run_isolated`, without limits."""
    (work / isolate.JOB_FILE).write_text(json.dumps(job))
    start, before = time.monotonic(), numba.get_num_threads()
    numba.set_num_threads(threads)  # which the run's own process has from its environment
    try:
        result = json.loads(json.dumps(worker.work(work)))
    finally:
        numba.set_num_threads(before)
    seconds = time.monotonic() - start
    return isolate.Outcome(result["status"], result["reason"], result, result.get("peak", 0), seconds)


def use() -> None:
    """From now on, in this process."""
    runner.run_isolated = run_here


if __name__ == "__main__":
    use()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
