"""A sweep: runs one after another, each in its own process; failures become records, finished runs are skipped."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field

from tqdm import tqdm

from bench import runner
from bench.plan import Plan
from bench.records import Record


@dataclass
class Sweep:
    """What a sweep did: its records in order, and how many of them had been measured before."""

    records: list[Record] = field(default_factory=list)
    reused: int = 0


SWEEPS: list[Sweep] = []  # Hydra returns nothing of a sweep that it ran; the command line reads it here


def run(plans: Iterable[Plan]) -> Sweep:
    """Execute ``plans``; all are prepared first, so that a mistake in one shows before long work.

    One after another, because runs that share the machine spoil each other's latencies.
    """
    sweep = Sweep()
    SWEEPS.append(sweep)
    bar = tqdm(list(plans), desc="sweep", unit="run", file=sys.stderr, disable=None)
    for plan in bar:
        bar.set_postfix_str(f"{plan.config.method['name']} {plan.config.budget}")
        record = runner.finished(plan)
        sweep.reused += record is not None
        sweep.records.append(record or runner.execute(plan))
    return sweep
