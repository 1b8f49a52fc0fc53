"""Makes ``frontier.md``: our codecs and their strongest rivals on every data set and budget, with paired tests.

    python results/scripts/frontier.py [--rivals 4]

It is made from the packed records and comparisons in ``results/published``; ``make publish`` runs it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from quotes import BUDGETS, EVERY_DATASET, OURS, groups_of

from bench.report.export import headline_interval
from bench.report.rows import Row

PUBLISHED = Path(__file__).parents[1] / "published"
HEAD = """# Our codecs and their rivals

Recall@10 by exhaustive search with its 95% interval over queries (and seeds, where there are several); what each has
less than the best of its budget, query by query; Holm-corrected p of a paired randomization test (with several seeds,
Welch's too), and of both intervals where recalls of single queries are missing. Bytes are those of a code, which a
method may not use up. All fitted on the base. Made by `python results/scripts/frontier.py` from the records here.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rivals", type=int, default=4, help="how many other methods to show at each budget")
    options = parser.parse_args()
    lines = [HEAD]
    for name in EVERY_DATASET:
        groups = groups_of(name)
        data = next(iter(groups.values()))[0].record.dataset
        lines.append(f"## {data.name}: {data.n:,} x {data.dim}, {data.metric}, {data.queries:,} queries\n")
        for budget in BUDGETS:
            lines += table(groups[budget], options.rivals)
    (PUBLISHED / "frontier.md").write_text("\n".join(lines))


def table(group: list[Row], rivals: int) -> list[str]:
    """The rows of one budget, best first: all of ours and the best ``rivals`` others."""
    budget, shown, others = group[0].record.budget, [], 0
    lines = [f"| {budget.requested} ({budget.bytes:,} bytes) | bytes | seeds | recall@10 | less than the best | p |"]
    lines.append("|---|---:|---:|---|---|---:|")
    for row in group:
        others += row.record.method.name not in OURS
        if row.record.method.name in OURS or others <= rivals:
            shown.append(row)
    for row in shown:
        cells = [f"`{row.label}`", str(row.code), str(len(row.records)), headline_interval(row), "", ""]
        if row.behind is not None:
            cells[4] = f"{-row.behind.value:.3f} [{-row.behind.high:.3f}, {-row.behind.low:.3f}]"
            cells[5] = f"{row.p_best:.2g}"
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


if __name__ == "__main__":
    main()
