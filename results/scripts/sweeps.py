"""Makes ``sweeps.md``: what the published sweeps consist of, on which machine, and how long their runs took.

    python results/scripts/sweeps.py

It is made from the packed records in ``results/published``; ``make publish`` runs it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench import records
from bench.records import Record

PUBLISHED = Path(__file__).parents[1] / "published"
DATASETS = (
    "squad-sentences",
    "squad-sentences-layer4",
    "squad-sentences-cone",
    "glove-100",
    "glove-100-ip",
    "fashion-mnist",
    "squad-sentences-wordllama",
    "photo-sift",
    "squad-tokens-128",
)
SLOWEST = 5
COLUMNS = (
    "data set",
    "vectors",
    "methods",
    "measured",
    "skipped",
    "failed",
    "machine",
    "minutes of a seed",
    "slowest: minutes (of which training)",
)
HEAD = """# The published sweeps

Made by `python results/scripts/sweeps.py` from the records here. A run has a process of its own and one thread;
minutes are those of all processes of the first seed, one after another, start-up included. A code that is the largest
of its method serves all budgets above it and is measured once.

"""
SEEDS = """
## Seeds

With how many seeds a method was measured, at the budget that it has fewest at; those that are left out have one.

| data set | seeds | methods |
|---|---|---|
"""


def distinct(runs: Iterable[Record]) -> list[Record]:
    """One record for each code that was measured."""
    codes = {json.dumps([r.method.name, r.method.params, r.config["seed"]], sort_keys=True): r for r in runs}
    return list(codes.values())


def minutes(runs: Iterable[Record], phase: str = "process") -> float:
    """Minutes of all runs together in one phase."""
    return sum(record.seconds.get(phase, 0.0) for record in runs) / 60


def sweep_line(runs: Sequence[Record]) -> str:
    """The line of one data set in the first table."""
    status = Counter(record.status for record in runs)
    good = [record for record in runs if record.status == "ok"]
    first = distinct(record for record in good if record.config["seed"] == 0)
    by_method: dict[str, list[Record]] = defaultdict(list)
    for record in first:
        by_method[record.method.name].append(record)
    slowest = sorted(by_method.items(), key=lambda item: -minutes(item[1]))[:SLOWEST]
    data, machines = good[0].dataset, {_machine(record) for record in good}
    cells = [
        f"`{data.name}` ({data.metric})",
        f"{data.n:,} x {data.dim}",
        str(len({record.method.name for record in good})),
        str(status["ok"]),
        str(status["skipped"]),
        str(len(runs) - status["ok"] - status["skipped"]),
        "; ".join(sorted(machines)),
        f"{minutes(first):.0f}",
        ", ".join(f"`{name}` {minutes(its_runs):.1f} ({minutes(its_runs, 'fit'):.1f})" for name, its_runs in slowest),
    ]
    return f"| {' | '.join(cells)} |"


def _machine(record: Record) -> str:
    flags = [flag for flag in record.environment["cpu_flags"] if flag in ("avx2", "avx512_vnni")]
    return f"{record.environment['cores']} cores, {flags[-1] if flags else 'no AVX2'}"


def seed_lines(runs: Sequence[Record]) -> list[str]:
    """Methods of one data set that have more than one seed, a line for each number of seeds."""
    seeds: dict[tuple[str, str], set[int]] = defaultdict(set)
    for record in runs:
        if record.status == "ok":
            seeds[record.method.name, str(record.budget.requested)].add(record.config["seed"])
    fewest: dict[str, int] = {}
    for (method, _), known in seeds.items():
        fewest[method] = min(fewest.get(method, len(known)), len(known))
    groups: dict[int, list[str]] = defaultdict(list)
    for method, count in sorted(fewest.items()):
        if count > 1:
            groups[count].append(f"`{method}`")
    name = runs[0].dataset.name
    return [f"| `{name}` | {count} | {', '.join(groups[count])} |" for count in sorted(groups, reverse=True)]


def main() -> None:
    by_dataset = {name: [record for record, _ in records.locate([PUBLISHED / f"{name}.parquet"])] for name in DATASETS}
    lines = [sweep_line(each) for each in by_dataset.values()]
    seeds = [line for each in by_dataset.values() for line in seed_lines(each)]
    table = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS), *lines]
    (PUBLISHED / "sweeps.md").write_text(HEAD + "\n".join(table) + "\n" + SEEDS + "\n".join(seeds) + "\n")


if __name__ == "__main__":
    main()
