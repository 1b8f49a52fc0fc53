"""Writes ``results/indexes/NAME.md``: recall against time through lists of codes.

    python results/scripts/indexes.py

From the packed records in ``results/indexes``; ``make publish`` runs it.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from bench import records
from bench.records import Record
from bench.report.curves import MEASURE, with_index

ROOT = Path(__file__).parents[2]
INDEXES = ROOT / "results" / "indexes"
PROBES = (1, 16, 64, 256)  # that a row says the recall of
LOSSES = (0.05, 0.01)  # of recall@10 to the index, for which a row says what a search takes
BUILT = ("fit_lists", "fit", "assign", "encode", "build")  # of seconds: all that comes before searches


def main() -> None:
    for pack in sorted(INDEXES.glob("*.parquet")):
        sizes = defaultdict(list)
        for record in records.find([pack]):
            if record.status == "ok":
                sizes[record.dataset.n].append(record)
        lines = [f"# Lists of codes on {pack.stem}", "", *legend()]
        for _, measured in sorted(sizes.items()):
            lines += ["", *table(measured)]
        (INDEXES / f"{pack.stem}.md").write_text("\n".join(lines) + "\n")


def legend() -> list[str]:
    """What the tables' columns mean."""
    return [
        "Made by `python results/scripts/indexes.py` from the records here.",
        f"*Visits*: the least share of the codes with which the index loses at most so much of {MEASURE}; what",
        "the code itself loses is what the column of all lists lacks to 1. *Build*: lists learned and assigned, method",
        "fitted, vectors encoded and laid out. *Beside codes*: the most memory that the process had until its searches",
        "were timed, less codes and ids.",
    ]


def table(measured: list[Record]) -> list[str]:
    """A line a method: what code and index lose, and what a search takes that loses so much to the index."""
    rows = with_index(measured)
    first = rows[0].record
    data = first.dataset
    busy = sum(bool(row.record.latency_shared) for row in rows)
    columns = ["method", "bytes", "id", *(f"recall@10, {count} probes" for count in PROBES), "all lists"]
    columns += [text for loss in LOSSES for text in (f"visits for -{loss:.2f}", "p50 ms", "queries/s")]
    columns += ["build s", "beside codes GB"]
    lines = [
        f"## {data.n:,} x {data.dim}, {data.metric}",
        "",
        f"{data.queries:,} queries, {first.environment['cpu']}, one thread."
        + (f" {busy} of {len(rows)} runs were timed beside other work." if busy else ""),
        "",
        f"| {' | '.join(columns)} |",
        f"|---|{'---:|' * (len(columns) - 1)}",
    ]
    for row in rows:
        index = row.record.index
        assert index is not None
        every = index.points[-1].quality[MEASURE]
        cells = [f"`{row.record.method.full_name}`", str(row.code), f"{index.ids_bytes / data.n:.3g}"]
        of_probes = {p.probes: p.quality[MEASURE].value for p in index.points}
        cells += [f"{of_probes[count]:.3f}" if count in of_probes else "-" for count in PROBES]
        cells.append(f"{every.value:.3f} [{every.low:.3f}, {every.high:.3f}]")
        for loss in LOSSES:
            point = next(p for p in index.points if every.value - p.quality[MEASURE].value <= loss)
            cells += [
                f"{point.scanned:.2%} ({point.probes:,} of {index.lists:,} lists)",
                f"{point.latency_ms['p50']:.3g}",
                f"{point.queries_per_s:,.0f}",
            ]
        cells += [f"{sum(row.record.seconds.get(phase, 0) for phase in BUILT):,.0f}", f"{beside_codes(row.record):.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def beside_codes(record: Record) -> float:
    """GB of the process at its largest that are neither codes nor ids."""
    assert record.bytes is not None
    assert record.peak_memory_bytes is not None
    return (record.peak_memory_bytes - record.bytes.searcher - (record.bytes.ids or 0)) / 1e9


if __name__ == "__main__":
    main()
