"""Makes ``kinds.md`` and a table in ``docs/embeddings.md``: the recall that each method loses on each kind of vectors.

    python results/scripts/kinds.py --measure              # kinds.csv: hours; continues where it stopped
    python results/scripts/kinds.py --measure pq bebr      # only these methods
    python results/scripts/kinds.py                        # the pages, from kinds.csv

The kinds (``methods/checks/kinds.py``) are made from the first 6,000 sentences of ``squad-sentences-mini``, on which
every method is fitted at 96 and 48 bytes and which 400 questions search. Plain vectors are also searched with codecs
that were fitted on the first 100, 300 and 1,500 sentences alone. A line of ``kinds.csv`` is a method, its version, a
kind, a metric and a budget. Its ``hits`` has one digit for every question: how many of the ten true neighbors were
retrieved (``a`` is ten). So methods can be compared question by question.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from quotes import ROOT, put, share
from tqdm import tqdm

from bench import datasets
from bench.files import write_whole
from bench.measure.statistics import against_best
from methods import Codec, Metric, registry
from methods.checks.kinds import KINDS
from methods.checks.recalls import Recalls, measure, near_rows
from methods.checks.robustness import is_more_than_allowed
from methods.errors import BudgetError, UnsupportedMetric

PUBLISHED = Path(__file__).parents[1] / "published"
TABLE = PUBLISHED / "kinds.csv"
PLAIN = "plain"
BASE, QUERIES, BUDGETS = 6000, 400, (96, 48)
FEW = {f"{count:,} training vectors": count for count in (100, 300, 1500)}
FIELDS = ("method", "version", "kind", "metric", "budget", "code_bytes", "codec_bytes", "recall", "decoded", "hits")
VECTOR_BYTES = 4 * BASE * 384  # of the uncompressed vectors


@dataclass(frozen=True)
class Cell:
    """One line of ``kinds.csv``; the results are empty where the method has no code of this size or not this metric."""

    method: str
    version: str
    kind: str
    metric: str
    budget: int
    code_bytes: str = ""
    codec_bytes: str = ""
    recall: str = ""
    decoded: str = ""
    hits: str = ""

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        return self.method, self.version, self.kind, self.metric, self.budget

    @property
    def saves_bytes(self) -> bool:
        """Whether the codec takes fewer bytes than the vectors: a larger one can contain its training vectors."""
        return int(self.codec_bytes or 0) < VECTOR_BYTES

    @property
    def recalls(self) -> np.ndarray:
        """Recall@10 of each query."""
        return np.array([int(digit, 11) for digit in self.hits]) / 10


def columns() -> list[tuple[str, Metric]]:
    """Kinds and metrics that are measured, plain vectors first."""
    shown = [(kind.name, metric) for kind in KINDS.values() for metric in kind.shown_by]
    return [*((PLAIN, metric) for metric in Metric), *shown, *((few, Metric.COSINE) for few in FEW)]


def base_of(kind: str) -> str:
    """The kind with the same base, on which a codec is fitted."""
    return KINDS[kind].of or kind if kind in KINDS else kind


def compared_with(kind: str) -> str:
    """The kind with which the recall of this one is compared."""
    return KINDS[kind].of or PLAIN if kind in KINDS else PLAIN


# --- measuring ------------------------------------------------------------------------------------------------------


def measure_missing(methods: list[str], budgets: tuple[int, ...]) -> int:
    """Append the cells that ``kinds.csv`` lacks; 1 if a method failed, else 0."""
    known, failed = {cell.key for cell in read(TABLE)}, 0
    wanted = [
        Cell(name, registry.get(name).version, kind, str(metric), budget)
        for name in methods
        for budget in budgets
        for kind, metric in columns()
        if metric in registry.get(name).metrics
    ]
    missing = [cell for cell in wanted if cell.key not in known]
    data = datasets.load("squad-sentences-mini", max_queries=QUERIES)
    vectors = Vectors(data.base.read(0, BASE), np.asarray(data.queries))
    with TABLE.open("a", newline="") as file, tqdm(total=len(missing), file=sys.stderr) as progress:
        writer = csv.writer(file, lineterminator="\n")
        if not file.tell():
            writer.writerow(FIELDS)
        for group in fitted_together(missing):
            progress.set_description(f"{group[0].method} {group[0].budget} B, {group[0].kind}")
            try:
                cells = measured(group, vectors)
            except Exception as error:  # the other methods are measured all the same
                tqdm.write(f"{group[0]}: {type(error).__name__}: {error}", file=sys.stderr)
                failed = 1
            else:
                writer.writerows([getattr(cell, field) for field in FIELDS] for cell in cells)
                file.flush()
            progress.update(len(group))
    return failed


class Vectors:
    """Base, queries and true neighbors of every kind; the neighbors are computed once."""

    def __init__(self, base: np.ndarray, queries: np.ndarray) -> None:
        self._plain = base, queries
        self._near: dict[tuple[str, Metric], np.ndarray] = {}

    def of(self, kind: str) -> tuple[np.ndarray, np.ndarray]:
        return KINDS[kind].make(*self._plain) if kind in KINDS else self._plain

    def near(self, kind: str, metric: Metric) -> np.ndarray:
        if (kind, metric) not in self._near:
            self._near[kind, metric] = near_rows(*self.of(kind), metric)
        return self._near[kind, metric]


def fitted_together(cells: list[Cell]) -> Iterator[list[Cell]]:
    """Cells that share one fitted codec, a group each, in the order of their first cells."""
    groups: dict[tuple, list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.method, cell.budget, base_of(cell.kind), cell.metric), []).append(cell)
    yield from groups.values()


def measured(group: list[Cell], vectors: Vectors) -> list[Cell]:
    """The cells of one codec with their results; as they were if the method has no such code or metric."""
    first, metric = group[0], Metric(group[0].metric)
    base = vectors.of(base_of(first.kind))[0]
    try:
        codec = registry.for_budget(first.method, base.shape[1], first.budget, metric)
        codec.fit(base[: FEW.get(first.kind)], seed=0)
    except (BudgetError, UnsupportedMetric):
        return group
    codes = codec.encode(base)
    return [
        filled(cell, codec, measure(codec, codes, vectors.of(cell.kind)[1], vectors.near(cell.kind, metric)))
        for cell in group
    ]


def filled(cell: Cell, codec: Codec, recalls: Recalls) -> Cell:
    """``cell`` with its results."""
    return replace(
        cell,
        code_bytes=str(codec.code_size),
        codec_bytes=str(sum(part.nbytes for part in codec.parts().values())),
        recall=f"{recalls.search.mean():.4f}",
        decoded="" if recalls.decoded is None else f"{recalls.decoded.mean():.4f}",
        hits="".join("0123456789a"[round(10 * share)] for share in recalls.search),
    )


def read(table: Path) -> list[Cell]:
    """The lines of a table; an incomplete last line is removed from the file."""
    if not table.exists():
        return []
    text = table.read_text()
    if not text.endswith("\n"):
        write_whole(table, text := text[: text.rfind("\n") + 1])
    return [Cell(**{**line, "budget": int(line["budget"])}) for line in csv.DictReader(text.splitlines())]


# --- the pages ------------------------------------------------------------------------------------------------------

HEAD = f"""# What every kind of vectors costs

Recall@10 of {QUERIES} questions among {BASE:,} sentences of `squad-sentences-mini`, fitted on them, one seed, on the
vectors as they are ("plain"), on each kind that is made from them, and on plain ones by codecs that were fitted on the
first 100, 300 or 1,500 alone; [docs/embeddings.md](../../docs/embeddings.md)
says what the kinds are. Bold: the first of its column; "=": not distinguishable from it (paired test, Holm, 5%).
"!": more than .03 below the same method on plain vectors (where only queries differ: on the kind with the same base),
by more than two standard errors of the paired difference. "-": no code so small, no such metric, or not measured.
In brackets, and never first: codecs of more bytes than the {VECTOR_BYTES / 1e6:.1f} MB of the vectors, which can hold
these. Made by `python results/scripts/kinds.py`.
"""
TRAINING = "few training vectors"
GROUPS = ("common direction", "lengths", "values", TRAINING)
QUOTED = ("rq_trellis", "trellis", "transform_coding", "bebr", "saq", "opq", "pq")
Table = dict[tuple[str, str, str, int], Cell]


def current(cells: Sequence[Cell]) -> Table:
    """The measured cells by method, kind, metric and budget, without those of earlier versions."""
    versions = {name: registry.get(name).version for name in registry.names()}
    return {
        (cell.method, cell.kind, cell.metric, cell.budget): cell
        for cell in cells
        if cell.hits and versions.get(cell.method) == cell.version
    }


def whole_page(table: Table) -> str:
    """``kinds.md``."""
    lines = [HEAD]
    for budget in BUDGETS:
        for group in GROUPS:
            shown = [column for column in columns() if group_of(column[0]) == group]
            lines += [f"## {budget} bytes: {group}", ""]
            lines += table_of(table, budget, [*((PLAIN, metric) for metric in Metric), *shown])
            lines.append("")
    return "\n".join([*lines, *declared()]) + "\n"


def group_of(kind: str) -> str:
    """The heading under which a kind is shown; empty for plain vectors."""
    return KINDS[kind].group if kind in KINDS else TRAINING if kind in FEW else ""


def table_of(table: Table, budget: int, shown: list[tuple[str, Metric]]) -> list[str]:
    """One row a method, one column a kind; the best of the first column comes first."""
    verdicts = {column: verdict(table, *column, budget) for column in shown}
    names = [name for name in registry.names() if any((name, *column, budget) in table for column in shown)]
    names.sort(
        key=lambda name: -float(table[name, *shown[0], budget].recall) if (name, *shown[0], budget) in table else 0
    )
    head = [f"{kind}, {metric}" for kind, metric in shown]
    lines = [f"| method | {' | '.join(head)} |", f"|---|{'---:|' * len(head)}"]
    for name in names:
        cells = [cell_of(table, name, *column, budget, verdicts[column]) for column in shown]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return lines


def verdict(table: Table, kind: str, metric: Metric, budget: int) -> tuple[str, list[str]]:
    """The first method of a column and those that a paired test does not distinguish from it, best first."""
    column = [cell for key, cell in table.items() if key[1:] == (kind, metric, budget)]
    recalls = {cell.method: cell.recalls for cell in column if cell.saves_bytes}
    if not recalls:
        return "", []
    first, others = against_best(recalls)
    equal = [name for name, other in others.items() if not other.distinguishable]
    return first, sorted(equal, key=lambda name: -recalls[name].mean())


def cell_of(
    table: Table, name: str, kind: str, metric: Metric, budget: int, first_and_equal: tuple[str, list[str]]
) -> str:
    """A cell as the page shows it: ``**.924**``, ``.919 =``, ``.604!``, ``(.888)``."""
    cell = table.get((name, kind, metric, budget))
    if cell is None:
        return "-"
    first, equal = first_and_equal
    if not cell.saves_bytes:
        return f"({share(cell.recalls.mean())})"
    value = share(cell.recalls.mean()) + ("!" if loses(table, cell) else "")
    return f"**{value}**" if name == first else f"{value} =" if name in equal else value


def loses(table: Table, cell: Cell) -> bool:
    """Whether the method loses more recall on this kind than is allowed."""
    without = table.get((cell.method, compared_with(cell.kind), cell.metric, cell.budget))
    return without is not None and is_more_than_allowed(without.recalls - cell.recalls)


def declared() -> list[str]:
    """The kinds on which methods declare that they lose recall, and why."""
    reasons = [(name, registry.get(name).kind_exceptions) for name in registry.names()]
    rows = [f"| `{name}` | {kind} | {why} |" for name, exceptions in reasons for kind, why in exceptions.items()]
    return ["## Declared", "", "| method | kind | why |", "|---|---|---|", *rows] if rows else []


def quoted(table: Table) -> list[str]:
    """The table of ``docs/embeddings.md``: the first method of each kind at the larger budget, and the ``QUOTED``."""
    budget = BUDGETS[0]
    lines = [
        f"| vectors | first at {budget} bytes | not distinguishable | {' | '.join(f'`{name}`' for name in QUOTED)} |",
        f"|---|---|---|{'---:|' * len(QUOTED)}",
    ]
    for kind, metric in columns():
        first, equal = verdict(table, kind, metric, budget)
        if first:
            cells = [cell_of(table, name, kind, metric, budget, ("", [])) for name in QUOTED]
            best = f"`{first}` {share(table[first, kind, metric, budget].recalls.mean())}"
            names = ", ".join(f"`{name}`" for name in equal) or "-"
            lines.append(f"| {kind}, {metric} | {best} | {names} | {' | '.join(cells)} |")
    more = "All measured methods, both budgets, what each declares to lose: [kinds.md](../results/published/kinds.md)."
    return [*lines, "", f"{QUERIES} questions among {BASE:,} sentences. {more}"] if len(lines) > 2 else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="measure what kinds.csv lacks, then write the pages")
    parser.add_argument("--budget", type=int, action="append", metavar="BYTES", help="measure only this one (96, 48)")
    parser.add_argument("methods", nargs="*", metavar="METHOD", help="measure only these (all)")
    options = parser.parse_args()
    status = 0
    if options.measure:
        installed = [name for name in registry.names() if not registry.missing_dependencies(name)]
        status = measure_missing(options.methods or installed, tuple(options.budget or BUDGETS))
    table = current(read(TABLE))
    if table:
        (PUBLISHED / "kinds.md").write_text(whole_page(table))
    put(ROOT / "docs" / "embeddings.md", "kinds", quoted(table))
    return status


if __name__ == "__main__":
    sys.exit(main())
