"""One run in its own process: limits of time and memory, and any end of it becomes an outcome."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.config import Limits
from bench.execution.turns import Turns
from bench.measure.environment import thread_environment
from bench.measure.memory import peak_memory, resident_memory
from bench.records import Status

JOB_FILE, RESULT_FILE = "job.json", "result.json"
_POLL_S = 0.1


@dataclass(frozen=True)
class Outcome:
    """How a child process ended.

    ``result`` is what it wrote (None if it could not), ``peak_memory_bytes`` the largest resident size that was
    seen from outside.
    """

    status: Status
    reason: str
    result: dict[str, Any] | None
    peak_memory_bytes: int
    seconds: float


def run_isolated(
    job: dict[str, Any], work: Path, limits: Limits, threads: int, turns: Turns | None = None, memory_share: float = 1.0
) -> Outcome:
    """Run ``python -m bench.execution.worker`` on ``job`` and wait.

    Parameters
    ----------
    job : dict
        JSON-able; written into ``work`` for the child.
    work : Path
        Exists; the child writes only there.
    limits : Limits
    threads : int
        Set for every numeric library before the child starts.
    turns : Turns, optional
        Of the runs that go on beside this one. What time it stands still for them counts nowhere.
    memory_share : float
        What it may use of nine tenths of the machine's memory, where ``limits`` has no bound.

    Notes
    -----
    The child imports what this process can: its ``PYTHONPATH`` is this ``sys.path``. It has its own session, so that
    Ctrl-C reaches only this process, which then ends the child; and it asks the kernel to end it should the thread
    that started it die, and with it this process.
    """
    (work / JOB_FILE).write_text(json.dumps(job))
    most = (limits.memory_gb * 1e9) if limits.memory_gb else 0.9 * memory_share * psutil.virtual_memory().total
    turns = Turns() if turns is None else turns
    child = turns.start(lambda link: _child(work, threads, link), work)
    start = time.monotonic()
    peak, stopped = 0, None
    try:
        while stopped is None and not turns.wait(child, _POLL_S):
            peak = max(peak, _peak(child.pid))
            if time.monotonic() - start - turns.still(child) > limits.time_s:
                stopped = Outcome("timeout", f"took more than limits.time_s={limits.time_s:g}", None, peak, 0.0)
            elif resident_memory(child.pid) > most:
                stopped = Outcome("out_of_memory", f"used more than {most / 1e9:.3g} GB of memory", None, peak, 0.0)
    finally:
        seconds = time.monotonic() - start - turns.still(child)
        _kill(child)
        turns.leave(child)
    if stopped is not None:
        return Outcome(stopped.status, stopped.reason, None, peak, seconds)
    return _outcome(child.returncode, work, peak, seconds)


def _child(work: Path, threads: int, link: int) -> subprocess.Popen:
    path = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
    return subprocess.Popen(
        [sys.executable, "-m", "bench.execution.worker", str(work), str(os.getpid()), str(link)],
        env={**os.environ, "PYTHONPATH": path, **thread_environment(threads)},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=(link,),
    )


def _peak(pid: int) -> int:
    try:
        return peak_memory(pid)
    except (OSError, psutil.Error):
        return 0


def _kill(child: subprocess.Popen) -> None:
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _outcome(returncode: int, work: Path, peak: int, seconds: float) -> Outcome:
    if returncode == 0 and (work / RESULT_FILE).exists():
        result = json.loads((work / RESULT_FILE).read_text())
        return Outcome(result["status"], result["reason"], result, max(peak, result.get("peak", 0)), seconds)
    if returncode == -signal.SIGKILL:
        reason = "was killed by the system, most likely for want of memory; set limits.memory_gb or free some"
        return Outcome("out_of_memory", reason, None, peak, seconds)
    if returncode < 0:
        return Outcome("failed", f"crashed with {signal.Signals(-returncode).name}", None, peak, seconds)
    return Outcome("failed", f"ended with exit status {returncode} and no result", None, peak, seconds)
