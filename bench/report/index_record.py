"""What a run with an index found, in lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from bench.index_options import IVF
from bench.records import Record
from bench.report.words import count_bytes, interval


def index_lines(record: Record) -> Iterable[tuple[str, str]]:
    """The lists or links, the bytes of ids, what code and index lose, and the curve."""
    index, n = record.index, record.dataset.n
    assert index is not None
    if index.kind == IVF:
        coded = "residuals" if index.residual else "vectors"
        yield (
            "index",
            f"{index.kind}, {index.lists:,} lists of {n / index.lists:,.0f} codes of {coded} (largest "
            f"{index.largest_list:,}, {index.empty_lists:,} empty)",
        )
        yield "ids", f"{index.ids_bytes / max(1, n):.3g} B a vector ({index.ids}, {count_bytes(index.ids_bytes)})"
    else:
        size = count_bytes(index.links_bytes)
        yield (
            "index",
            f"{index.kind}, a graph with {index.links} links of each code on its upper levels, twice on the lowest",
        )
        yield "links", f"{index.links_bytes / max(1, n):.3g} B a vector ({size})"
    chosen, every = index.at(index.probes), index.points[-1]
    lost = every.quality["recall@10"].value - chosen.quality["recall@10"].value
    yield (
        "loses",
        f"recall@10 {1 - every.quality['recall@10'].value:.3f} by the code, {lost:.3f} by the index at {chosen.probes} "
        f"{index.unit}, which the rows above are of",
    )
    for point in index.points:
        yield (
            f"{point.probes:,} {index.unit}",
            f"recall@10 {interval(point.quality['recall@10'], '.3f')}, {point.scanned:.2%} of the codes, p50 "
            f"{point.latency_ms['p50']:.3g} ms, {point.queries_per_s:,.0f} queries/s",
        )
