"""A sweep as jobs of a cluster, whose records come back through the folder of results that all machines share.

A job executes runs as this machine would (:func:`bench.execution.runner.attempt`); this process submits jobs, shows
progress and collects records. A job that is lost becomes records of failed runs, which the same command, started again,
measures; what the scheduler itself repeats is no loss.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bench.cluster import job
from bench.config import RunConfig
from bench.errors import UsageError
from bench.execution import claims, runner, sweep
from bench.execution.naming import names_of, outcome_of
from bench.execution.plan import Plan
from bench.progress import Progress
from bench.records import FAILURES, Record, Status

_POLL_S = 1.0
_LOOK_S = 0.01  # at least, for each row: to look at many runs a second is a burden to a file server
_LATE_S = 90.0  # a network file system may show a new file so much later


@dataclass(frozen=True)
class End:
    """How a job ended: both empty if it did its work, else what its unrecorded runs are recorded as."""

    status: str = ""
    reason: str = ""


class Job(Protocol):
    """A job that was submitted.

    Attributes
    ----------
    name : str
        With that of its scheduler, as claims have it: ``slurm 12_3``.
    """

    name: str

    def ended(self) -> End | None:
        """None while it waits or runs."""


class Cluster(Protocol):
    """A scheduler of jobs."""

    name: str

    def submit(self, texts: Sequence[str], config: RunConfig) -> Sequence[Job]:
        """A job for each text of :func:`bench.cluster.job.text_of`; of their runs, ``config`` may take longest."""

    def close(self) -> None:
        """End what still waits or runs."""


def through(cluster: Cluster) -> sweep.Execute:
    """What executes a sweep on ``cluster``."""
    return functools.partial(_execute, cluster)


@dataclass
class _Row:
    """Runs of one codec, in order, and the job that executes them."""

    places: list[int]
    job: Job | None = None
    ended: End | None = None
    since: float = 0.0  # when it ended
    begun: set[int] = field(default_factory=set)


def _execute(cluster: Cluster, plans: list[Plan], rows: list[list[int]], done: sweep.Done, progress: Progress) -> None:
    try:
        _check([plans[i] for row in rows for i in row], cluster.name)
        _Sweep(cluster, plans, done, progress).execute([_Row(row) for row in rows])
    finally:
        cluster.close()


def _check(plans: Sequence[Plan], name: str) -> None:
    for config in (plan.config for plan in plans):
        if config.jobs > 1:
            raise UsageError(f"jobs={config.jobs} is for sweeps on one machine; {name} decides how many run at once")
        if config.is_sharded:
            raise UsageError("engine=ray gives the cluster to one run at a time; leave out hydra/launcher=")


class _Sweep:
    def __init__(self, cluster: Cluster, plans: list[Plan], done: sweep.Done, progress: Progress) -> None:
        self.cluster, self.plans, self.done, self.progress = cluster, plans, done, progress
        self.names = names_of(plans)

    def execute(self, rows: list[_Row]) -> None:
        for i in (i for row in rows for i in row.places if self.plans[i].infeasible is not None):
            self.progress.begin(self.names[i])
            self._finish(i, runner.execute(self.plans[i]))  # needs no node
        self._submit([row for row in rows if self._left(row)])
        while rows := [row for row in rows if self._left(row)]:
            for row in rows:
                self._collect(row)
                self._look_at_job(row)
            self._submit([row for row in rows if row.job is None])
            time.sleep(max(_POLL_S, _LOOK_S * len(rows)))

    def _left(self, row: _Row) -> list[int]:
        return [i for i in row.places if i not in self.done]

    def _submit(self, rows: Sequence[_Row]) -> None:
        if not rows:
            return
        todo = [[self.plans[i] for i in self._left(row)] for row in rows]
        configs = [plan.config for plans in todo for plan in plans]
        longest = max(configs, key=lambda config: (config.limits.time_s, config.threads))
        for row, submitted in zip(rows, self.cluster.submit([job.text_of(plans) for plans in todo], longest)):
            row.job, row.ended = submitted, None

    def _collect(self, row: _Row) -> None:
        """Take the records that are there, and show which run has begun."""
        for i in self._left(row):
            plan = self.plans[i]
            if (record := runner.finished(plan) or plan.measured_meanwhile()) is not None:
                self._finish(i, record)
            elif i not in row.begun and claims.holder(plan.folder) is not None:
                row.begun.add(i)
                self.progress.begin(self.names[i], functools.partial(runner.stage_of, plan))
                return

    def _look_at_job(self, row: _Row) -> None:
        """Once the job has ended: what has no record is lost, unless another process measures it."""
        if row.ended is None and row.job is not None:
            row.ended, row.since = row.job.ended(), time.monotonic()
        if row.job is None or row.ended is None:
            return
        left = self._left(row)
        for i in left:
            claims.forget(self.plans[i].folder, row.job.name)
        if any(claims.holder(self.plans[i].folder) is not None for i in left):
            row.since = time.monotonic()
        elif row.ended.status == job.ELSEWHERE:
            row.job = None  # who measured it has ended: a new job sees what came of it
        elif row.ended.status:
            self._fail(left, row.ended)
        elif time.monotonic() - row.since > _LATE_S:
            reason = f"its {self.cluster.name} job left no record; results= has to be a folder that all nodes share"
            self._fail(left, End("failed", reason))

    def _fail(self, left: Sequence[int], end: End) -> None:
        status: Status = next((known for known in FAILURES if known == end.status), "failed")
        for i in left:
            if (record := runner.fail(self.plans[i], status, end.reason)) is not None:
                self._finish(i, record)

    def _finish(self, i: int, record: Record) -> None:
        self.done[i] = record
        self.progress.end(self.names[i], outcome_of(record))
