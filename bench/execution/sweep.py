"""A sweep: many runs, each in its own process; failures become records, finished runs are skipped."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Protocol

from bench.errors import UsageError
from bench.execution import claims, runner
from bench.execution.naming import names_of, outcome_of
from bench.execution.plan import Plan
from bench.execution.turns import Turns
from bench.measure import environment
from bench.progress import Progress, watched
from bench.records import Record
from methods.errors import WrongTrack


@dataclass
class Sweep:
    """What a sweep did.

    Attributes
    ----------
    records : list of Record
        In order.
    reused : int
        How many of them had been measured before.
    left_out : list of str
        Methods of another track than the data set, which a sweep over all methods names too: they are not run.
    """

    records: list[Record] = field(default_factory=list)
    reused: int = 0
    left_out: list[str] = field(default_factory=list)


Done = dict[int, Record]  # place of a run among the plans -> its record

SWEEPS: list[Sweep] = []  # Hydra returns nothing of a sweep that it ran; the command line reads it here


class Execute(Protocol):
    """How the runs of a sweep are executed: by processes of this machine, or by jobs of a cluster."""

    def __call__(self, plans: list[Plan], rows: list[list[int]], done: Done, progress: Progress) -> None:
        """Put the record of each run into ``done``, and tell ``progress`` of it.

        ``rows`` are places in ``plans``. Runs of one row lead to the very same codec and follow each other: the first
        is measured and the others take its record.
        """


def run(plans: Iterable[Plan], total: int | None = None, execute: Execute | None = None) -> Sweep:
    """Execute ``plans`` (``total`` of them); all are prepared first, so that a mistake in one shows before long work.

    Without ``execute`` this machine does: as many go on side by side as their ``jobs`` say; see
    :mod:`bench.execution.turns` for how their latencies stay true. What another process measures meanwhile, another
    sweep into the same folder, comes last.
    """
    sweep = Sweep()
    SWEEPS.append(sweep)
    fitting: list[Plan] = []
    wrong: list[Plan] = []
    for plan in watched(plans, "prepare", total, unit="run"):
        (wrong if isinstance(plan.infeasible, WrongTrack) else fitting).append(plan)
    if not fitting and wrong and wrong[0].infeasible is not None:
        raise wrong[0].infeasible
    if not fitting:
        raise UsageError("a pattern matches nothing, so that there is no run; `python -m bench methods` lists methods")
    sweep.left_out = sorted({plan.subject.name for plan in wrong})
    done: Done = {}
    rows: dict[str, list[int]] = {}
    for i, plan in enumerate(fitting):
        if (record := runner.finished(plan)) is not None:
            done[i] = record
        else:
            rows.setdefault(_codec(plan), []).append(i)
    sweep.reused = len(done)
    with Progress("sweep", len(fitting), initial=len(done)) as progress:
        if rows:
            (execute or _execute_here)(fitting, [*rows.values()], done, progress)
    runner.clear_up(fitting)
    sweep.records = [done[i] for i in range(len(fitting))]
    return sweep


def one_for_each_dataset(plans: Iterable[Plan]) -> list[Plan]:
    """The first run of each data set and metric that can be measured: whose exact neighbors are those of the others."""
    first: dict[tuple[str, str], Plan] = {}
    for plan in plans:
        if plan.infeasible is None:
            first.setdefault((plan.dataset.checksum, str(plan.dataset.metric)), plan)
    return [*first.values()]


def _execute_here(plans: list[Plan], rows: list[list[int]], done: Done, progress: Progress) -> None:
    environment.machine()  # measures its bandwidth: while nothing else runs
    for plan in watched(one_for_each_dataset(plans), "exact neighbors", unit="data set"):
        runner.find_truth(plan)
    turns, names = Turns(), names_of(plans)
    elsewhere: list[list[int]] = []

    def execute(row: list[int], waits: bool) -> None:
        for place, i in enumerate(row):
            if not waits and claims.holder(plans[i].folder) is not None:
                elsewhere.append(row[place:])
                return
            progress.begin(names[i], functools.partial(runner.stage_of, plans[i]))
            done[i] = runner.execute(plans[i], turns)
            progress.end(names[i], outcome_of(done[i]))

    with ThreadPoolExecutor(max(plans[i].config.jobs for row in rows for i in row)) as pool:
        try:
            for todo, waits in ((rows, False), (elsewhere, True)):
                for future in as_completed([pool.submit(execute, row, waits) for row in todo]):
                    future.result()
        except BaseException:
            turns.interrupt()
            pool.shutdown(cancel_futures=True)
            raise


def _codec(plan: Plan) -> str:
    """Equal for runs that differ in the budget alone and lead to the same codec."""
    return json.dumps([plan.key_at(0), plan.code_size, plan.params], default=str)
