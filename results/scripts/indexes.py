"""Writes ``results/indexes/NAME.md``: recall against time through lists of codes and graphs over them; and the tables
of ``docs/indexes.md`` on residuals and graphs.

    python results/scripts/indexes.py

From the packed records in ``results/indexes``; ``make publish`` runs it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from quotes import put

from bench import records
from bench.index_options import HNSW, IVF
from bench.records import Record
from bench.records.index_info import IndexInfo, OperatingPoint
from bench.report.curves import MEASURE, with_index
from bench.report.index_points import points_of
from bench.report.rows import Row

ROOT = Path(__file__).parents[2]
INDEXES, DOC = ROOT / "results" / "indexes", ROOT / "docs" / "indexes.md"
EFFORTS = {IVF: (1, 16, 64, 256), HNSW: (16, 64, 256)}  # that a row says the recall of
LOSSES = (0.05, 0.01)  # of recall@10 to the index, for which a row says what a search takes
BUILT = ("fit_lists", "fit", "assign", "encode", "build")  # of seconds: all that comes before searches
PART = "bigbench-sentences-200k"  # of which residuals and graphs were measured


def main() -> None:
    for pack in sorted(INDEXES.glob("*.parquet")):
        (INDEXES / f"{pack.stem}.md").write_text("\n".join(page(pack)) + "\n")
    for name, lines in tables().items():
        put(DOC, name, lines)


def page(pack: Path) -> list[str]:
    """The text of ``results/indexes/NAME.md``."""
    lines = [f"# Lists of codes on {pack.stem}", "", *legend()]
    for rows in by_size(pack):
        lines += ["", *heading(rows)]
        for kind in (IVF, HNSW):
            if some := [row for row in rows if index_of(row).kind == kind]:
                lines += ["", *table(some)]
    return lines


def by_size(pack: Path) -> list[list[Row]]:
    """Rows of a data set by its number of vectors, ascending, and of queries."""
    sizes: dict[tuple[int, int], list[Record]] = defaultdict(list)
    for record in records.find([pack]):
        if record.status == "ok":
            sizes[record.dataset.n, record.dataset.queries].append(record)
    return [with_index(measured) for _, measured in sorted(sizes.items())]


def legend() -> list[str]:
    """What the tables' columns mean."""
    return [
        "Made by `python results/scripts/indexes.py` from the records here.",
        f"*Visits*: the least share of the codes with which the index loses at most so much of {MEASURE}; what",
        "the code itself loses is what the column of all codes lacks to 1. *Build*: lists learned and assigned, or",
        "links made, method fitted, vectors encoded and laid out. *Beside codes*: the most memory that the process had",
        "until its searches were timed, less codes, ids and links. Recall is over queries and seeds; times are medians",
        "of the seeds that had the machine to themselves, or of all. † on another processor than most rows: no times",
        "to compare.",
    ]


def heading(rows: Sequence[Row]) -> list[str]:
    """The data, and what timed the rows."""
    data, busy = rows[0].record.dataset, sum(row.latency_shared for row in rows)
    usual = next((row for row in rows if not row.other_processor), rows[0])
    return [
        f"## {data.n:,} x {data.dim}, {data.metric}, {data.queries:,} queries",
        "",
        f"{usual.timed.record.environment['cpu']}, one thread."
        + (f" {busy} of {len(rows)} rows were timed beside other work." if busy else ""),
    ]


def table(rows: Sequence[Row]) -> list[str]:
    """A line a row of one kind of index: what code and index lose, and what a search takes that loses so much to it."""
    first = index_of(rows[0])
    efforts = [f"{count} {first.unit}" for count in EFFORTS[first.kind]]
    columns = ["method", "seeds", "bytes", "links" if first.kind == HNSW else "id"]
    columns += [*(f"{MEASURE}, {effort}" for effort in efforts), "all codes"]
    columns += [text for loss in LOSSES for text in (f"visits for -{loss:.2f}", "p50 ms", "queries/s")]
    columns += ["build s", "beside codes GB"]
    lines = [f"| {' | '.join(columns)} |", f"|---|{'---:|' * (len(columns) - 1)}"]
    for row in rows:
        cells = [name_of(row) + ("†" if row.other_processor else ""), str(len(row.records)), str(row.code)]
        cells += [f"{beside(row):.3g}", *recalls(row), of_all(row)]
        for loss in LOSSES:
            point = cheapest(row, loss)
            cells += [visits(point, index_of(row)), f"{point.latency_ms['p50']:.3g}", f"{point.queries_per_s:,.0f}"]
        cells += [build_s(row), f"{row.median(beside_codes):.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def index_of(row: Row) -> IndexInfo:
    """Of the first seed."""
    assert row.record.index is not None
    return row.record.index


def name_of(row: Row) -> str:
    """The method, and whether its codes are of residuals."""
    return f"`{row.record.method.full_name}`" + (", residuals" if index_of(row).residual else "")


def beside(row: Row) -> float:
    """Bytes of a vector's id or links."""
    index = index_of(row)
    return (index.ids_bytes + index.links_bytes) / max(1, row.record.dataset.n)


def recalls(row: Row) -> list[str]:
    """Recall at each of :data:`EFFORTS`."""
    known = {point.probes: f"{point.quality[MEASURE].value:.3f}" for point in points_of(row)}
    return [known.get(effort, "-") for effort in EFFORTS[index_of(row).kind]]


def of_all(row: Row) -> str:
    """Recall of a search of all codes, with its interval."""
    every = points_of(row)[-1].quality[MEASURE]
    return f"{every.value:.3f} [{every.low:.3f}, {every.high:.3f}]"


def cheapest(row: Row, loss: float) -> OperatingPoint:
    """The first point that loses at most so much of recall to the index."""
    points = points_of(row)
    every = points[-1].quality[MEASURE].value
    return next(point for point in points if every - point.quality[MEASURE].value <= loss)


def visits(point: OperatingPoint, index: IndexInfo) -> str:
    """The share of the codes, and by what effort."""
    effort = f"{point.probes:,} of {index.lists:,} lists" if index.kind == IVF else f"{point.probes:,} {index.unit}"
    return f"{point.scanned:.2%} ({effort})"


def beside_codes(record: Record) -> float:
    """GB of the process at its largest that are neither codes, ids nor links."""
    assert record.bytes is not None
    assert record.peak_memory_bytes is not None
    known = record.bytes.searcher + (record.bytes.ids or 0) + (record.bytes.links or 0)
    return (record.peak_memory_bytes - known) / 1e9


def build_s(row: Row) -> str:
    """Seconds of all that comes before searches."""
    return f"{row.median(lambda record: sum(record.seconds.get(phase, 0) for phase in BUILT)):,.0f}"


def tables() -> dict[str, list[str]]:
    """The tables of ``docs/indexes.md``, by their names there."""
    rows = [row for of_size in by_size(INDEXES / f"{PART}.parquet") for row in of_size]
    return {"residuals": residuals(rows), "graphs": graphs(rows)}


def residuals(rows: Sequence[Row]) -> list[str]:
    """Methods that were measured with codes of vectors and of residuals, through as many lists: a line each."""
    efforts = EFFORTS[IVF][1:]
    columns = ["method", "bytes", "coded", *(f"{count} lists" for count in efforts), "all lists"]
    lines = [f"| {' | '.join(columns)} |", f"|---|---:|---|{'---:|' * (len(columns) - 3)}"]
    for lists in groups_of(row for row in rows if index_of(row).kind == IVF):
        if {index_of(row).residual for row in lists} != {False, True}:
            continue
        for row in sorted(lists, key=lambda row: index_of(row).residual):
            name, coded = f"`{row.record.method.full_name}`", "residuals" if index_of(row).residual else "vectors"
            points = {point.probes: point for point in points_of(row)}
            recalled = [points[count].quality[MEASURE].value for count in (*efforts, max(points))]
            cells = [name, str(row.code), coded, *(f"{value:.3f}" for value in recalled)]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def graphs(rows: Sequence[Row]) -> list[str]:
    """Methods that were measured through a graph and through lists, on as many vectors: a line each."""
    columns = ["method", "vectors", "through", "bytes of a code", "of its id or links", "all codes"]
    columns += [text for loss in LOSSES for text in (f"visits for -{loss:.2f}", "p50 ms")] + ["build s"]
    lines = [f"| {' | '.join(columns)} |", f"|---|---:|---|{'---:|' * (len(columns) - 3)}"]
    for both in groups_of(row for row in rows if not index_of(row).residual):
        if {index_of(row).kind for row in both} != {IVF, HNSW}:
            continue
        for row in sorted(both, key=lambda row: index_of(row).kind):
            through = "a graph" if index_of(row).kind == HNSW else f"{index_of(row).lists:,} lists"
            cells = [f"`{row.record.method.full_name}`", f"{row.record.dataset.n:,}", through, str(row.code)]
            cells += [f"{beside(row):.3g}", f"{points_of(row)[-1].quality[MEASURE].value:.3f}"]
            for point in (cheapest(row, loss) for loss in LOSSES):
                cells += [f"{point.scanned:.2%}", f"{point.latency_ms['p50']:.3g}"]
            lines.append(f"| {' | '.join([*cells, build_s(row)])} |")
    return lines


def groups_of(rows: Iterable[Row]) -> Iterable[list[Row]]:
    """Rows of one method on the same vectors and queries, with as many bytes."""
    groups: dict[tuple[str, int, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.record.dataset.checksum, row.code, row.record.method.full_name].append(row)
    return groups.values()


if __name__ == "__main__":
    main()
