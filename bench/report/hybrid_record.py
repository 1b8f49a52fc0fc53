"""What a run with postings beside codes found: where the bytes went, and a table of what each side finds."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from bench.records import Record
from bench.records.hybrid_info import CODE, DENSE, POSTINGS, SETTINGS, HybridInfo
from bench.report.words import count_bytes, interval, number

MEASURE = "MRR@10"
_MEASURES = ("MRR@10", "nDCG@10", "R@10", "R@100")


def hybrid_lines(record: Record) -> Iterable[tuple[str, str]]:
    """(label, text) of the bytes of both sides and what each takes; none of other records."""
    if (hybrid := record.hybrid) is None:
        return
    n = record.dataset.n
    yield (
        "postings",
        f"{hybrid.postings_bytes / n:.2f} bytes a document ({count_bytes(hybrid.postings_bytes)}), "
        f"{hybrid.postings / n:.1f} of {hybrid.all_postings / n:.1f} terms a document; code {hybrid.code_bytes} bytes",
    )
    times = ", ".join(f"{name} {hybrid.latency_ms[name]['p50']:.3g} ms" for name in (POSTINGS, CODE, DENSE))
    yield "each alone", f"p50 {times}"


def hybrid_table(hybrid: HybridInfo) -> Table:
    """A line a setting: its measures, and how much more MRR@10 it has than the code of the whole budget."""
    table = Table(
        title=f"{hybrid.judged:,} queries; weight {hybrid.weight:g} of postings, chosen on {hybrid.tuned:,} others",
        title_justify="left",
    )
    for column in ("what is searched", *_MEASURES, f"{MEASURE} more", "p"):
        table.add_column(column, justify="left" if column == "what is searched" else "right", no_wrap=True)
    for name, words in SETTINGS.items():
        values = hybrid.measures[name]
        cells = [interval(values[_MEASURES[0]]), *(number(values[measure].value, ".3f") for measure in _MEASURES[1:])]
        more = interval(hybrid.gained[name][MEASURE], "+.3f") if name in hybrid.gained else "-"
        p = f"{hybrid.p[name][MEASURE]:.2g}" if name in hybrid.p else "-"
        table.add_row(words, *cells, more, p)
    return table


def statement(record: Record) -> str:
    """Whether bytes do more in postings than in the code."""
    hybrid = record.hybrid
    assert hybrid is not None
    gained, p = hybrid.gained[hybrid.fusion][MEASURE], hybrid.p[hybrid.fusion][MEASURE]
    budget = record.budget.bytes
    split = (
        f"{budget} bytes as postings ({hybrid.postings_bytes / record.dataset.n:.0f}) and code ({hybrid.code_bytes})"
    )
    if p >= 0.05:
        return f"{split} are not distinguishable from the code alone: {MEASURE} {interval(gained, '+.3f')}"
    more = "more" if gained.value > 0 else "less"
    return f"{split} find {more} than the code alone: {MEASURE} {interval(gained, '+.3f')}"
