"""Writes ``results/hybrid/NAME.md`` and draws ``docs/hybrid.png``: relevance of codes beside postings by bytes.

    python results/scripts/hybrid.py

From the packed records in ``results/hybrid``; ``make publish`` runs it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from bench import records
from bench.measure.statistics import Interval, holm
from bench.records import Record
from bench.records.hybrid_info import CODE, DENSE, LINEAR, POSTINGS, RRF, HybridInfo
from bench.report import pictures

ROOT = Path(__file__).parents[2]
HYBRID, PICTURE = ROOT / "results" / "hybrid", ROOT / "docs" / "hybrid.png"
MEASURE = "MRR@10"
FAMILY = {8: "#9ecae1", 16: "#4292c6", 24: "#2171b5", 29: "#08306b"}  # one color, darker for more postings
OTHER = "#e6550d"


def read(pack: Path) -> list[Record]:
    """Runs that ended well, by method, total bytes, bytes of postings and bits."""
    good = [record for record in records.find([pack]) if record.status == "ok" and record.hybrid is not None]
    return sorted(good, key=lambda record: (record.method.full_name, record.budget.bytes, *_split(record)))


def _split(record: Record) -> tuple[float, int]:
    return record.config["scenario"]["postings"], record.config["scenario"]["bits"]


def info(record: Record) -> HybridInfo:
    """What :func:`read` has made sure of."""
    assert record.hybrid is not None
    return record.hybrid


def page(name: str, measured: Sequence[Record]) -> list[str]:
    """All lines of the page of one data set."""
    first = measured[0]
    data = first.dataset
    lines = [
        f"# Codes beside postings on {name}",
        "",
        "Made by `python results/scripts/hybrid.py` from the records here.",
        f"{data.n:,} documents of {data.dim} dimensions; {info(first).judged:,} questions, none of the",
        f"{info(first).tuned:,} that the weight was chosen on. Each row spends the same bytes on the code",
        "alone, and on postings and code; *p* is of the paired test of the difference, with Holm's correction for all",
        "rows of the method.",
    ]
    by_method: dict[str, list[Record]] = defaultdict(list)
    for record in measured:
        by_method[record.method.full_name].append(record)
    for method, rows in by_method.items():
        lines += ["", f"## {method}", "", *table(rows)]
    return [*lines, "", "## The postings alone", "", *postings_table(measured)]


def table(rows: Sequence[Record]) -> list[str]:
    """A line a split: MRR@10 of each way to spend the bytes, and what the fused search gains over the code alone."""
    columns = ["bytes", "postings", "bits", "code", "code alone", "its part", "postings alone", "reciprocal ranks"]
    columns += ["fused", "weight", "gain of MRR@10", "p", "gain of R@100", "p50 ms: postings, code, fused"]
    lines = [f"| {' | '.join(columns)} |", f"|{'---:|' * len(columns)}"]
    p_values = holm([info(record).p[LINEAR][MEASURE] for record in rows])
    for record, p in zip(rows, p_values):
        hybrid = info(record)
        assert record.latency_ms is not None
        values = [f"{hybrid.measures[name][MEASURE].value:.3f}" for name in (DENSE, CODE, POSTINGS, RRF)]
        times = [hybrid.latency_ms[POSTINGS]["p50"], hybrid.latency_ms[CODE]["p50"], record.latency_ms["p50"]]
        cells = [
            str(record.budget.bytes),
            f"{hybrid.postings_bytes / record.dataset.n:.1f}",
            str(record.config["scenario"]["bits"]),
            str(hybrid.code_bytes),
            *values,
            _interval(hybrid.measures[LINEAR][MEASURE], ".3f"),
            f"{hybrid.weight:g}",
            _interval(hybrid.gained[LINEAR][MEASURE], "+.3f"),
            "<.001" if p < 0.001 else f"{p:.2g}",
            f"{hybrid.gained[LINEAR]['R@100'].value:+.3f}",
            ", ".join(f"{time:.2g}" for time in times) + ("*" if record.latency_shared else ""),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    if any(record.latency_shared for record in rows):
        lines += [
            "",
            "\\* Other processes kept the machine busy: times of two sides compare, those of two rows do not.",
        ]
    return lines


def postings_table(measured: Sequence[Record]) -> list[str]:
    """A line for each size of the postings: what they hold and what they find."""
    columns = ["bytes", "bits", "terms a document", "MRR@10", "nDCG@10", "R@10", "R@100"]
    lines = [f"| {' | '.join(columns)} |", f"|{'---:|' * len(columns)}"]
    for (_, bits), record in sorted({_split(record): record for record in measured}.items()):
        hybrid, n = info(record), record.dataset.n
        values = [_interval(hybrid.measures[POSTINGS][MEASURE], ".3f")]
        values += [f"{hybrid.measures[POSTINGS][name].value:.3f}" for name in ("nDCG@10", "R@10", "R@100")]
        terms = f"{hybrid.postings / n:.1f} of {hybrid.all_postings / n:.1f}"
        lines.append(f"| {' | '.join([f'{hybrid.postings_bytes / n:.1f}', str(bits), terms, *values])} |")
    return lines


def _interval(value: Interval, form: str) -> str:
    return f"{value.value:{form}} [{value.low:{form}}, {value.high:{form}}]"


def figure_of(measured: Sequence[Record]) -> Figure:
    """MRR@10 against all bytes of a document: a line for the code alone, and one for each size of the postings."""
    figure, axis = plt.subplots(figsize=(7.2, 4.4), layout="constrained")
    alone = {record.budget.bytes: info(record).measures[DENSE][MEASURE] for record in measured}
    _line(axis, alone, OTHER, "code alone", max(alone))
    by_postings: dict[float, dict[int, Interval]] = defaultdict(dict)
    for record in measured:
        size, bits = _split(record)
        if bits == 4:
            by_postings[size][record.budget.bytes] = info(record).measures[LINEAR][MEASURE]
    for size, points in sorted(by_postings.items()):
        _line(axis, points, FAMILY.get(int(size), "#08306b"), f"{size:g} B of postings", max(alone))
    axis.set_xscale("log", base=2)
    budgets = sorted(alone)
    axis.set_xticks(budgets, [str(size) for size in budgets])
    axis.set_xlim(budgets[0] * 0.93, budgets[-1] * 1.75)
    axis.minorticks_off()
    axis.set_xlabel("bytes a document, postings and code together")
    axis.set_ylabel(f"{MEASURE} of questions, 95% intervals")
    axis.grid(alpha=0.3)
    first = measured[0]
    axis.set_title(f"{first.dataset.name}, {first.method.full_name}", loc="left", fontsize=10)
    return figure


def _line(axis: plt.Axes, points: dict[int, Interval], color: str, label: str, last: int) -> None:
    """One curve with its intervals and its name at the right end."""
    sizes = sorted(points)
    values = [points[size].value for size in sizes]
    below = [points[size].value - points[size].low for size in sizes]
    above = [points[size].high - points[size].value for size in sizes]
    axis.errorbar(sizes, values, yerr=[below, above], color=color, marker="o", markersize=4, capsize=2, linewidth=1.5)
    axis.annotate(
        label,
        (sizes[-1], values[-1]),
        (6, 0 if sizes[-1] == last else 9),  # another line goes on behind the end of a shorter one
        textcoords="offset points",
        color=color,
        va="center",
        fontsize=9,
    )


def main() -> None:
    pictures.prepare()
    for pack in sorted(HYBRID.glob("*.parquet")):
        measured = read(pack)
        pack.with_suffix(".md").write_text("\n".join(page(pack.stem, measured)) + "\n")
        if pack.stem == "squad-sentences":
            first = measured[0].method.full_name
            pictures.save(figure_of([record for record in measured if record.method.full_name == first]), PICTURE)


if __name__ == "__main__":
    main()
