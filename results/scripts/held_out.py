"""Writes ``results/held_out/NAME.md`` and a table in ``docs/frontier.md``: recall of methods that are fitted on the
vectors which are searched, and on as many others.

    python results/scripts/held_out.py

From packs of records in ``results/held_out``, which come from runs such as

    python -m bench -m method=rq,rq_trellis budget=64x dataset=squad-sentences \\
        dataset.max_base=34840 dataset.train=null,held_out
    python -m bench.report results/ --pack results/held_out/squad-sentences.parquet

Both runs of a pair search the same vectors. ``make publish`` runs it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from quotes import ROOT, put

from bench import records
from bench.measure.statistics import paired_difference
from bench.records import Record
from bench.report.rows import rows_of

FOLDER = ROOT / "results" / "held_out"
SUFFIX = "+held_out"
MEASURE = "recall@10"
HEAD = """# Fitted on other vectors: {name}

Recall@10 of {queries:,} queries among {n:,} vectors with its 95% interval over queries. Methods are fitted on these
vectors (*base*), or on as many others of the same set (`dataset.train=held_out`); *loss* is what they find less then,
query by query. Parts are codebooks, axes and the like, beside the bytes of all codes. One seed. Best of the held-out
column first. Made by `python results/scripts/held_out.py`.

"""
SHORT_HEAD = (
    "| data set | budget | best two fitted on the base | best two fitted on others |",
    "|---|---|---|---|",
)


@dataclass(frozen=True)
class Pair:
    """Runs of one method at one budget that search the same vectors.

    Attributes
    ----------
    label : str
        The method, with the parameters in which its runs here differ.
    base, other : Record
        Fitted on the vectors that are searched, and on others.
    """

    label: str
    base: Record
    other: Record


def pairs(file: Path) -> dict[str, list[Pair]]:
    """Pairs of a pack by budget; those that find most when fitted on others first."""
    sides: tuple[list[Record], list[Record]] = [], []
    for record, _ in records.locate([file]):
        if record.status == "ok":
            sides[record.dataset.name.endswith(SUFFIX)].append(record)
    base, other = (
        {(str(row.record.budget.requested), row.label): row.record for row in rows_of(each)} for each in sides
    )
    by_budget: dict[str, list[Pair]] = defaultdict(list)
    for budget, label in sorted(base.keys() & other.keys(), key=lambda key: float(key[0].removesuffix("x"))):
        by_budget[budget].append(Pair(label, base[budget, label], other[budget, label]))
    return {budget: sorted(all_of_it, key=lambda pair: -recall(pair.other)) for budget, all_of_it in by_budget.items()}


def recall(record: Record) -> float:
    return record.quality[MEASURE].value


def interval(record: Record) -> str:
    value = record.quality[MEASURE]
    return f"{value.value:.3f} [{value.low:.3f}, {value.high:.3f}]"


def loss(pair: Pair) -> str:
    """What is found less when fitted on others, with its interval."""
    lost = paired_difference(np.array(pair.base.recalls), np.array(pair.other.recalls))
    return f"{lost.value:.3f} [{lost.low:.3f}, {lost.high:.3f}]"


def parts_share(record: Record) -> str:
    """Bytes of parts, and how many times all codes they are."""
    assert record.bytes is not None
    parts, codes = record.bytes.parts_total, record.bytes.code_total
    return f"{parts / 1e6:.1f} MB ({parts / codes:.2f}x)"


def rows(by_budget: dict[str, list[Pair]]) -> list[str]:
    lines = ["| budget | method | base | held out | loss | parts, of all codes |", "|---|---|---|---|---|---:|"]
    for budget, of_budget in by_budget.items():
        for pair in of_budget:
            cells = [budget, f"`{pair.label}`", interval(pair.base), interval(pair.other), loss(pair)]
            lines.append(f"| {' | '.join([*cells, parts_share(pair.other)])} |")
    return lines


def page(file: Path, by_budget: dict[str, list[Pair]]) -> str:
    """The page of one pack."""
    data = next(iter(by_budget.values()))[0].other.dataset
    return HEAD.format(name=file.stem, queries=data.queries, n=data.n) + "\n".join(rows(by_budget)) + "\n"


def short(stem: str, by_budget: dict[str, list[Pair]]) -> list[str]:
    """The two best methods of each budget, fitted on the base and on others."""
    lines = []
    for budget, of_budget in by_budget.items():
        on_base = sorted(((recall(pair.base), pair.label) for pair in of_budget), reverse=True)
        on_others = sorted(((recall(pair.other), pair.label) for pair in of_budget), reverse=True)
        cells = [", ".join(f"`{label}` {value:.3f}" for value, label in best[:2]) for best in (on_base, on_others)]
        lines.append(f"| `{stem}` | {budget} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    quoted = list(SHORT_HEAD)
    for file in sorted(FOLDER.glob("*.parquet")):
        by_budget = pairs(file)
        file.with_suffix(".md").write_text(page(file, by_budget))
        quoted += short(file.stem, by_budget)
    put(ROOT / "docs" / "frontier.md", "held out", quoted)


if __name__ == "__main__":
    main()
