"""A sweep: runs one after another, each in its own process; failures become records, finished runs are skipped."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from tqdm import tqdm

from bench import runner
from bench.plan import Plan
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

    One after another, because runs that share the machine spoil each other's latencies.
    """
    sweep = Sweep()
    SWEEPS.append(sweep)
    fitting: list[Plan] = []
    wrong: list[Plan] = []
    for plan in tqdm(plans, desc="prepare", total=total, unit="run", file=sys.stderr, disable=None, leave=False):
        (wrong if isinstance(plan.infeasible, WrongTrack) else fitting).append(plan)
    if not fitting and wrong and wrong[0].infeasible is not None:
        raise wrong[0].infeasible
    sweep.left_out = sorted({str(plan.config.method["name"]) for plan in wrong})
    bar = tqdm(fitting, desc="sweep", unit="run", file=sys.stderr, disable=None)
    for plan in bar:
        bar.set_postfix_str(f"{plan.config.method['name']} {plan.config.budget}")
        record = runner.finished(plan)
        sweep.reused += record is not None
        sweep.records.append(record or runner.execute(plan))
    return sweep
