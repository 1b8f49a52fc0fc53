"""What codes hold at rest, what a run read from disk and how several clients fared, in lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from bench.records import Record
from bench.records.disk_info import DiskInfo
from bench.records.load_info import LoadPoint
from bench.report.words import count_bytes


def load_lines(record: Record) -> Iterable[tuple[str, str]]:
    """(label, text) of codes at rest, the file's reads, cold searches and each number of clients; none without them."""
    if (rest := record.at_rest) is not None:
        yield (
            "at rest",
            f"{rest.entropy:.2f} of 8 bits in a byte of the code; zstd makes it {rest.zstd_ratio:.2f}x smaller "
            f"({rest.codes:,} codes)",
        )
    if (disk := record.disk) is not None:
        read = "" if disk.warm_bytes_read is None else f"; from disk {count_bytes(disk.warm_bytes_read)} warm"
        if disk.cold_bytes_read is not None:
            read += f", {count_bytes(disk.cold_bytes_read)} cold"
        yield "reads", f"{disk.reads:,.0f} a query of {count_bytes(disk.bytes)} together{read}"
        yield (
            "cold",
            f"[yellow]not measured: {disk.not_measured}[/]" if disk.cold_ms is None else _cold(disk, disk.cold_ms),
        )
    for point in record.clients or []:
        yield f"{point.clients} client{'s' if point.clients > 1 else ''}", _load(point)


def _cold(disk: DiskInfo, cold: dict[str, float]) -> str:
    return (
        f"p50 {cold['p50']:.3g} ms, p95 {cold['p95']:.3g} ms, p99 {cold['p99']:.3g} ms with none of the file in memory "
        f"({disk.cold_queries} single queries)"
    )


def _load(point: LoadPoint) -> str:
    shared = "; [yellow]other processes kept the machine busy[/]" if point.shared else ""
    return (
        f"{point.queries_per_s:,.0f} queries/s, p50 {point.latency_ms['p50']:.3g} ms, "
        f"p99 {point.latency_ms['p99']:.3g} ms, {point.share_of_memory:.0%} of memory bandwidth{shared}"
    )
