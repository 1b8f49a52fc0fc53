"""Makes ``tables.md``: AUC of every table method at every budget.

    python results/scripts/tables.py

It is made from the packed records in ``results/published``; ``make publish`` runs it.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from statistics import median_high

from bench import records
from bench.report import significance
from bench.report.rows import Row, rows_of

PUBLISHED = Path(__file__).parents[1] / "published"
DATASETS = ("book-crossing", "ml-100k")
HEAD = """# Tables of click models

AUC on the test part, with half of its 95% interval. In brackets: how many times smaller than float32 the table is as
stored, where that is far from the budget, and the seeds, where they are not those of the heading. One seed says nothing
of another; with several, the interval holds both examples and seeds.
"=": not distinguishable from the best of its column (paired test, Holm, 5%). "-": no table so small, or not measured.
Made by `python results/scripts/tables.py` from the records here.
"""
_NEAR = 1.15  # a table's ratio is shown where it is more than this times the budget's


def main() -> None:
    packed = [PUBLISHED / f"{name}.parquet" for name in DATASETS]
    rows = rows_of(record for record, _ in records.locate(packed))
    groups: dict[tuple, list[Row]] = defaultdict(list)
    for row in significance.mark(rows, significance.find(packed)):
        data = row.record.dataset
        groups[(DATASETS.index(data.name), data.n_train, data.checksum)].append(row)
    lines = [HEAD]
    for key in sorted(groups):
        lines += table(groups[key])
    (PUBLISHED / "tables.md").write_text("\n".join(lines))


def table(rows: list[Row]) -> list[str]:
    """One row a method, one column a budget; the method of the best AUC at the largest budget comes first."""
    data = rows[0].record.dataset
    budgets = sorted({row.record.budget.bytes for row in rows}, reverse=True)
    cells = {(row.record.method.name, row.record.budget.bytes): row for row in rows}

    def order(name: str) -> list[float]:
        measured = (cells.get((name, size)) for size in budgets)
        return [-row.headline_quality.value if row else 1.0 for row in measured]

    names = sorted({name for name, _ in cells}, key=order)
    raw = rows[0].record.dataset.float32_bytes
    head = [f"{raw / size:.4g}x" for size in budgets]
    median_seeds = median_high(len(row.records) for row in rows)
    lines = [
        f"## {data.name}: {data.vectors_per_item:,.0f} rows x {data.dim}, {data.n_train:,} training examples, "
        f"{_seeds(median_seeds)}",
        "",
        f"| method | {' | '.join(head)} |",
        f"|---|{'---|' * len(head)}",
    ]
    for name in names:
        shown = [cell(cells.get((name, size)), raw / size, median_seeds) for size in budgets]
        lines.append(f"| `{name}` | {' | '.join(shown)} |")
    return [*lines, ""]


def cell(row: Row | None, ratio: float, median_seeds: int) -> str:
    """One method at one budget; its number of seeds is shown where it is not ``median_seeds``."""
    if row is None:
        return "-"
    quality, stored = row.headline_quality, row.record.dataset.float32_bytes / row.code
    notes = [f"{stored:.3g}x"] if stored > _NEAR * ratio else []
    notes += [_seeds(len(row.records))] if len(row.records) != median_seeds else []
    value = f"{quality.value:.4f} ± {(quality.high - quality.low) / 2:.4f}"
    value = f"**{value}**" if row.is_best else value
    return value + (" =" if row.told_from_best is False else "") + (f" [{', '.join(notes)}]" if notes else "")


def _seeds(count: int) -> str:
    return f"{count} seeds" if count > 1 else "1 seed"


if __name__ == "__main__":
    main()
