"""``python -m bench.subsample RECORDS``: how few queries and vectors give the same ranking of methods, and that subset.

A subset of the queries keeps their true neighbors as hard negatives, and fills up with vectors drawn at random. How
methods rank on it is read from what their runs on the full set returned, without running them again: what a method
returns from a subset is what it returned from the whole, less what is not in the subset.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import records
from bench.datasets import ground_truth
from bench.datasets.base import Dataset, DatasetError
from bench.errors import UsageError
from bench.measure.ranking import kendall_tau
from bench.options import OneLineParser
from bench.records import Record
from bench.report.names import scenario_of, shown_name
from bench.report.per_query import RecallOfQueries
from bench.report.words import number

_TRUTH_K = 100  # hard negatives of a query: its true neighbors
_K = 10  # recall@10 ranks methods
_DRAWS = 20


@dataclass(frozen=True)
class Subset:
    """Rows of the queries and of the base, ascending."""

    queries: np.ndarray
    base: np.ndarray


@dataclass(frozen=True)
class Agreement:
    """How well subsets of one size rank methods as the full set does.

    Attributes
    ----------
    queries, base : int
        Sizes; ``base`` is the mean over draws, as hard negatives may need more than requested.
    tau, tau_low : float
        Kendall's tau of the methods' recall@10 against the full set, averaged over budgets: its mean and its 5th
        percentile over draws.
    """

    queries: int
    base: int
    tau: float
    tau_low: float

    @property
    def cost(self) -> int:
        """Vectors scanned."""
        return self.queries * self.base


@dataclass(frozen=True)
class Runs:
    """What the runs of one data set returned.

    Attributes
    ----------
    tasks : budget in bytes -> ids (methods, nq, 100) that the methods returned
    truth : (nq, 100) int64
    n : int
        Base vectors.
    """

    tasks: dict[int, np.ndarray]
    truth: np.ndarray
    n: int

    @cached_property
    def hits(self) -> dict[int, np.ndarray]:
        """Budget -> (methods, nq, 100) bool: which of the ids returned are true neighbors."""
        truth = self.truth[:, None, :_K]
        return {
            size: np.stack([(returned[:, :, None] == truth).any(axis=2) & (returned >= 0) for returned in ids])
            for size, ids in self.tasks.items()
        }


def read_runs(located: Iterable[tuple[Record, Path | None]]) -> tuple[Runs, Dataset]:
    """The runs that a ranking can be made of: not re-ranked, of one data set, at least three at a budget.

    Raises
    ------
    UsageError
        If they are of several data sets, or too few, or without per-query arrays.
    """
    good = [
        (record, folder)
        for record, folder in located
        if record.status == "ok" and folder is not None and record.config["rescore"] is None and not scenario_of(record)
    ]
    kinds = {record.dataset.checksum for record, _ in good}
    if len(kinds) != 1:
        names = ", ".join(sorted({record.dataset.name for record, _ in good}))
        what = f"are of several data sets or samples ({names})" if kinds else "bring no per-query arrays"
        raise UsageError(f"the records {what}; give a folder of runs of one data set, not a pack")
    dataset = RecallOfQueries.of(good[0][0]).dataset
    if not isinstance(dataset, Dataset):
        raise UsageError(f"{dataset.name} holds sets of vectors; subsets are chosen for data sets of single vectors")
    grouped: dict[int, list[np.ndarray]] = defaultdict(list)
    for record, folder in good:
        if record.method.family != "identity" and folder is not None:
            grouped[record.budget.bytes].append(records.read_queries(folder)["ids"])
    tasks = {size: np.stack(ids) for size, ids in grouped.items() if len(ids) >= 3}
    if not tasks:
        raise UsageError("no budget has three methods to rank; measure more (python -m bench -m method='glob(*)')")
    return Runs(tasks, ground_truth(dataset, _TRUTH_K).ids, dataset.base.shape[0]), dataset


def draw(runs: Runs, queries: int, base: int, rng: np.random.Generator) -> Subset:
    """A subset: random queries, their true neighbors, and random others until there are ``base`` vectors."""
    query_rows = np.sort(rng.choice(len(runs.truth), queries, replace=False))
    kept = np.zeros(runs.n, dtype=bool)
    neighbors = runs.truth[query_rows]
    kept[neighbors[neighbors >= 0]] = True
    others = np.flatnonzero(~kept)
    more = min(len(others), max(0, base - int(kept.sum())))
    kept[rng.choice(others, more, replace=False)] = True
    return Subset(query_rows, np.flatnonzero(kept))


def recalls(runs: Runs, subset: Subset | None = None) -> dict[int, np.ndarray]:
    """Mean recall@10 (methods,) at each budget, on the full set or on a subset.

    A method of whose 100 returned ids fewer than ten are in the subset may find more there than is counted.
    """
    rows = np.arange(len(runs.truth)) if subset is None else subset.queries
    kept = np.ones(runs.n + 1, dtype=bool)
    if subset is not None:
        kept[: runs.n] = False
        kept[subset.base] = True
    kept[runs.n] = False  # where -1 points to
    truth = runs.truth[rows, :_K]
    by_size = {}
    for size, ids in runs.tasks.items():
        means = np.empty(len(ids))
        for i, (returned, hits) in enumerate(zip(ids[:, rows], runs.hits[size][:, rows])):
            present = kept[returned]
            first = present & (np.cumsum(present, axis=1) <= _K)
            means[i] = (hits & first).sum() / (truth >= 0).sum()
        by_size[size] = means
    return by_size


def agreement(runs: Runs, queries: int, base: int, seed: int = 0, draws: int = _DRAWS) -> Agreement:
    """How well random subsets of this size keep the ranking."""
    rng = np.random.default_rng(seed)
    full = recalls(runs)
    taus, sizes = [], []
    for _ in range(draws):
        subset = draw(runs, queries, base, rng)
        part = recalls(runs, subset)
        of_sizes = [kendall_tau(full[size], part[size]) for size in full]
        taus.append(float(np.mean(np.nan_to_num(of_sizes, nan=0.0))))  # a subset on which all are equal ranks nothing
        sizes.append(len(subset.base))
    return Agreement(queries, round(float(np.mean(sizes))), float(np.mean(taus)), float(np.quantile(taus, 0.05)))


def smallest(agreements: Sequence[Agreement], tau: float) -> Agreement | None:
    """The cheapest size whose subsets keep at least ``tau`` on average; None if none does."""
    return min((a for a in agreements if a.tau >= tau), key=lambda a: (a.cost, a.base), default=None)


def main() -> None:
    """Entry of the command."""
    parser = OneLineParser(
        prog="python -m bench.subsample", description=__doc__.partition("\n")[0] if __doc__ else None
    )
    parser.add_argument(
        "records", nargs="+", metavar="RECORDS", help="folder of runs of one data set, with their arrays"
    )
    parser.add_argument("--dataset", help="only runs of this data set")
    parser.add_argument("--queries", default="1000,500,200,100,50", help="numbers to try (default %(default)s)")
    parser.add_argument("--base", default="1,.5,.25,.1", help="shares of the base to try (default %(default)s)")
    parser.add_argument("--tau", type=float, default=0.95, help="agreement to keep (default 0.95)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", metavar="DIR", help="write the smallest such subset as base.npy and queries.npy")
    try:
        _run(parser.parse_args())
    except (UsageError, DatasetError) as error:
        print(f"bench.subsample: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


def _run(options: argparse.Namespace) -> None:
    queries = _numbers(options.queries, "--queries", int)
    shares = _numbers(options.base, "--base", float)
    if not 0 < options.tau <= 1:
        raise UsageError(f"--tau {options.tau:g} is out of range; use a number above 0, at most 1")
    if max(shares) > 1:
        raise UsageError(f"--base {max(shares):g} is more than there is; use shares of at most 1")
    located = [
        (record, folder)
        for record, folder in records.locate(options.records)
        if options.dataset in (None, record.dataset.name, shown_name(record))
    ]
    runs, dataset = read_runs(located)
    sizes = sorted({(min(q, len(runs.truth)), max(1, round(share * runs.n))) for q in queries for share in shares})
    by_subset = {(a.queries, a.base): a for a in (agreement(runs, *size, seed=options.seed) for size in sizes)}
    best = smallest(list(by_subset.values()), options.tau)
    methods = sum(len(ids) for ids in runs.tasks.values())
    print(
        f"{dataset.name}: {methods} runs at {len(runs.tasks)} budgets; {runs.n:,} vectors, {len(runs.truth):,} queries"
    )
    _print(sorted(by_subset.values(), key=lambda a: -a.cost), best)
    if best is None:
        print(f"no subset tried keeps the ranking at tau {options.tau:g}")
        return
    share = best.cost / (runs.n * len(runs.truth))
    print(f"{best.queries:,} queries on {best.base:,} vectors keep it: tau {best.tau:.3f}, {share:.1%} of the scanning")
    if options.write:
        subset = draw(runs, best.queries, best.base, np.random.default_rng(options.seed))
        _write(dataset, subset, Path(options.write))


def _numbers(text: str, name: str, kind: type) -> list:
    try:
        values = [kind(part) for part in text.split(",") if part]
    except ValueError:
        raise UsageError(f"{name} {text} is not a list of numbers; write {name} 1000,100") from None
    if not values or min(values) <= 0:
        raise UsageError(f"{name} {text} is out of range; use numbers above 0")
    return values


def _print(agreements: Sequence[Agreement], best: Agreement | None) -> None:
    table = Table(title="agreement with the full set", title_justify="left")
    for name in ("queries", "vectors", "tau", "5th percentile of tau"):
        table.add_column(name, justify="right")
    for one in agreements:
        style = "bold" if one is best else None
        table.add_row(
            f"{one.queries:,}", f"{one.base:,}", number(one.tau, ".3f"), number(one.tau_low, ".3f"), style=style
        )
    Console().print(table)


def _write(dataset: Dataset, subset: Subset, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "base.npy", dataset.base.take(subset.base))
        np.save(folder / "queries.npy", dataset.queries[subset.queries])
    except OSError as error:
        raise UsageError(f"cannot write {folder}: {error.strerror or error}") from error
    print(
        f"python -m bench dataset=path dataset.base={folder / 'base.npy'} "
        f"dataset.queries={folder / 'queries.npy'} dataset.metric={dataset.metric}"
    )


if __name__ == "__main__":
    main()
