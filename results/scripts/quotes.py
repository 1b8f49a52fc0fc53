"""Writes the tables of README.md and docs/ that quote records, so that no number is typed by hand.

    python results/scripts/quotes.py

Each table is between ``<!-- NAME -->`` and ``<!-- /NAME -->``; ``make publish`` runs it.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bench import records
from bench.report import significance
from bench.report.export import headline_interval
from bench.report.rows import Row, rows_of
from bench.report.words import short

PUBLISHED = Path(__file__).parents[1] / "published"
ROOT = PUBLISHED.parents[1]
OURS = ("rq_trellis", "trellis", "transform_coding")
DATASETS = ("squad-sentences", "squad-sentences-wordllama", "glove-100", "fashion-mnist")
COMMON_DIRECTION = ("squad-sentences-layer4", "squad-sentences-cone")
VARIED_LENGTHS = ("glove-100-ip",)
DESCRIPTORS = ("photo-sift",)
EVERY_DATASET = (*DATASETS, *COMMON_DIRECTION, *VARIED_LENGTHS, *DESCRIPTORS)
BUDGETS = ("4x", "8x", "16x", "32x", "64x")
FIRST_FIVE = {  # method -> the budget that it is shown at, and why it is among those to try first
    "int8": ("4x", "nothing is trained and hardly anything lost: what smaller codes have to be compared with"),
    "transform_coding": ("16x", "near the best; of the first ten at its budget the fastest to search and to encode"),
    "rq_trellis": ("16x", "most recall at every budget, and slow to encode"),
    "opq": ("16x", "product codes, which most engines have"),
    "pq_fastscan": ("16x", "the fastest search that keeps four fifths"),
}


@functools.cache
def groups_of(name: str) -> dict[str, list[Row]]:
    """The rows of a data set by budget, best first, without re-ranked ones."""
    packed = [PUBLISHED / f"{name}.parquet"]
    groups: dict[str, list[Row]] = defaultdict(list)
    rows = rows_of(record for record, _ in records.locate(packed) if record.config.get("rescore") is None)
    for row in significance.mark(rows, significance.find(packed)):
        groups[str(row.record.budget.requested)].append(row)
    return groups


def best_table(name: str = "squad-sentences") -> list[str]:
    """The two best methods of each budget on a data set, with prices, and which others are as good."""
    of_each = "recall@10 | p50 ms | encoded/s"
    lines = [
        f"| budget | best | {of_each} | then | {of_each} | not distinguishable from the best |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for budget in BUDGETS:
        first, second, *rest = groups_of(name)[budget]
        equal = [row for row in (second, *rest) if row.told_from_best is False]
        names = ", ".join(f"`{row.label}`" for row in equal[:3]) + (f" and {len(equal) - 3} more" if equal[3:] else "")
        cells = [
            *(cell for row in (first, second) for cell in (f"`{row.label}`", headline_interval(row), *prices(row))),
            names or "-",
        ]
        lines.append(f"| {budget} | {' | '.join(cells)} |")
    return lines


def first_five(name: str = "squad-sentences") -> list[str]:
    """Five methods to begin with, and what they reach on a data set."""
    lines = ["| method | why | budget | recall@10 | p50 ms | encoded/s |", "|---|---|---|---|---|---|"]
    for method, (budget, why) in FIRST_FIVE.items():
        row = next(row for row in groups_of(name)[budget] if row.label == method)
        lines.append(f"| `{method}` | {why} | {budget} | {share(row.worth)} | {' | '.join(prices(row))} |")
    return lines


def prices(row: Row) -> tuple[str, str]:
    """Milliseconds of a query, starred where other processes kept the machine busy, and vectors encoded a second."""
    p50, encoding = row.latency("p50"), row.cost("encode us")
    star = "\\*" if row.latency_shared else ""
    return ("-" if p50 is None else f"{p50:.2g}{star}"), ("-" if encoding is None else short(1e6 / encoding))


def frontier_table() -> list[str]:
    """Our codecs and the best other method, for each data set and budget."""
    lines = [
        "| data set | budget | `rq_trellis` | `trellis` | `transform_coding` | best rival |",
        "|---|---|---|---|---|---|",
    ]
    for name in EVERY_DATASET:
        groups = groups_of(name)
        data = groups[BUDGETS[0]][0].record.dataset
        title = f"`{name}` ({data.n:,} x {data.dim}, {data.metric})"
        for budget in BUDGETS:
            ours = {row.record.method.name: row for row in reversed(groups[budget])}
            rival = next(row for row in groups[budget] if row.record.method.name not in OURS)
            cells = [share(ours[each].worth) if each in ours else "-" for each in OURS]
            lines.append(f"| {title} | {budget} | {' | '.join(cells)} | {share(rival.worth)} `{rival.label}` |")
            title = ""
    return lines


def share(value: float) -> str:
    """A share without its leading zero: ``.817``."""
    return f"{value:.3f}".lstrip("0")


def put(page: Path, name: str, lines: Sequence[str]) -> None:
    """Replace the lines between the marks of a table."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    text, count = pattern.subn(lambda match: match[1] + "\n".join(["", *lines, ""]) + "\n" + match[2], page.read_text())
    if count != 1:
        raise SystemExit(f"{page.name} should have the marks of the table {name} once; it has them {count} times")
    page.write_text(text)


def main() -> None:
    put(ROOT / "README.md", "best", best_table())
    put(ROOT / "README.md", "five", first_five())
    put(ROOT / "docs" / "embeddings.md", "best of a common direction", best_table(COMMON_DIRECTION[0]))
    put(ROOT / "docs" / "frontier.md", "frontier", frontier_table())


if __name__ == "__main__":
    main()
