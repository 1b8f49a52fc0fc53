"""What a job does on its node: some runs of a sweep, one after the other, each in a process of its own."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import platform
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bench.config import RunConfig
from bench.datasets.base import DatasetError
from bench.errors import UsageError
from bench.execution import runner
from bench.execution.plan import Plan, prepare
from bench.measure import environment
from methods import MethodError
from methods.kernels.errors import KernelError

ELSEWHERE = "elsewhere"
_OUT_OF_TIME = "met the time limit of its job; raise hydra.launcher.timeout_min"


class _OutOfTime(BaseException):
    """The scheduler is about to end the job at its time limit."""


def text_of(plans: Sequence[Plan]) -> str:
    """A job as :func:`run` takes it."""
    runs = [
        {"config": plan.config.to_dict(), "modules": plan.modules, "key": plan.key, "earlier": plan.earlier}
        for plan in plans
    ]
    return json.dumps({"folder": os.getcwd(), "runs": runs})


def run(text: str, scheduler: str, job: str, memory: float | None = None) -> tuple[str, str]:
    """Execute a job in the folder in which the sweep was started, which has to be there on this node too.

    Parameters
    ----------
    text : str
        Of :func:`text_of`.
    scheduler, job : str
        ``slurm`` and ``12_3``: for the records' environment. Of one such job the scheduler runs one try at a time.
    memory : float or None
        Gigabytes that the scheduler allows; None: what the machine has.

    Returns
    -------
    status, reason : str
        Of the runs that got no record; both empty if all have one. Runs that another process measures are left to it,
        and the status is then :data:`ELSEWHERE`.
    """
    wanted = json.loads(text)
    environment.work_as(scheduler, job)
    where = f"{scheduler} job {job} on {platform.node()}"
    try:
        with _ended_by_signals():
            _go_to(wanted["folder"])
            environment.machine()  # measures its bandwidth: while nothing else of this job runs
            records = [runner.attempt(_plan(one, memory)) for one in wanted["runs"]]
    except _OutOfTime:
        return "timeout", f"{where} {_OUT_OF_TIME}"
    except (UsageError, DatasetError, MethodError, KernelError, OSError) as error:
        return "failed", f"{where}: {' '.join(str(error).split())}"
    return (ELSEWHERE if None in records else ""), ""


def _go_to(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError:
        raise UsageError(
            f"{folder}, where the sweep was started, is not there; start it in a folder that all nodes share"
        ) from None


def _plan(one: dict[str, Any], memory: float | None) -> Plan:
    for module in one["modules"]:
        importlib.import_module(module)
    config = RunConfig.from_dict(one["config"])
    if memory is not None and config.limits.memory_gb is None:
        limits = dataclasses.replace(config.limits, memory_gb=0.9 * memory)
        config = dataclasses.replace(config, limits=limits)
    plan = dataclasses.replace(prepare(config), earlier=one["earlier"])
    if plan.key != one["key"]:
        raise UsageError(
            f"{plan.subject.name} on {plan.dataset.name} is another run than where the sweep was started: give all "
            f"nodes the same version of the program ({sys.prefix}) and the same files of the data set"
        )
    return plan


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Lets a scheduler's signals end a run's process first, so that nobody records them as its method's failure.

    SIGTERM then ends this process without a result: the scheduler knows whether it cancels the job or tries it again.
    """

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number) if number == signal.SIGTERM else _OutOfTime

    try:
        before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGUSR2)}
    except ValueError:  # not the main thread: the scheduler does not signal it
        before = {}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
