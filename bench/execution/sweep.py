"""A sweep: many runs, each in its own process; failures become records, finished runs are skipped."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from bench.errors import UsageError
from bench.execution import runner
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


SWEEPS: list[Sweep] = []  # Hydra returns nothing of a sweep that it ran; the command line reads it here


def run(plans: Iterable[Plan], total: int | None = None) -> Sweep:
    """Execute ``plans`` (``total`` of them); all are prepared first, so that a mistake in one shows before long work.

    As many go on side by side as their ``jobs`` say; see :mod:`bench.execution.turns` for how their latencies stay
    true.
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
    records_by_plan: dict[int, Record] = {}
    todo: list[int] = []
    for i, plan in enumerate(fitting):
        if (record := runner.finished(plan)) is not None:
            records_by_plan[i] = record
        else:
            todo.append(i)
    sweep.reused = len(records_by_plan)
    with Progress("sweep", len(fitting), initial=len(records_by_plan)) as progress:
        _execute(fitting, todo, records_by_plan, progress)
    sweep.records = [records_by_plan[i] for i in range(len(fitting))]
    return sweep


def _execute(plans: list[Plan], todo: list[int], records_by_plan: dict[int, Record], progress: Progress) -> None:
    """Put the records of the plans ``todo`` into ``records_by_plan``.

    Those that lead to the very same codec follow each other: the first is measured and the others take what it found.
    """
    if not todo:
        return
    environment.machine()  # measures its bandwidth: while nothing else runs
    searched = {(plan.dataset.checksum, plan.dataset.metric): plan for plan in plans if plan.infeasible is None}
    for plan in watched(searched.values(), "exact neighbors", unit="data set"):
        runner.find_truth(plan)
    rows: dict[str, list[int]] = {}
    for i in todo:
        rows.setdefault(_codec(plans[i]), []).append(i)
    turns, names = Turns(), names_of(plans)

    def execute(row: list[int]) -> None:
        for i in row:
            progress.begin(names[i], functools.partial(runner.stage_of, plans[i]))
            records_by_plan[i] = runner.execute(plans[i], turns)
            progress.end(names[i], outcome_of(records_by_plan[i]))

    with ThreadPoolExecutor(max(plans[i].config.jobs for i in todo)) as pool:
        try:
            for future in as_completed([pool.submit(execute, row) for row in rows.values()]):
                future.result()
        except BaseException:
            turns.interrupt()
            pool.shutdown(cancel_futures=True)
            raise


def _codec(plan: Plan) -> str:
    """Equal for runs that differ in the budget alone and lead to the same codec."""
    return json.dumps([plan.key_at(0), plan.code_size, plan.params], default=str)
