"""Columns of tables for what was read from disk, and for several clients at once."""

from __future__ import annotations

from collections.abc import Callable

from bench.records import Record
from bench.records.disk_info import DiskInfo
from bench.records.load_info import LoadPoint

COLUMNS: dict[str, tuple[str, Callable[[Record], float | None]]] = {  # name -> meaning, value
    "cold_p50_ms": ("`p50_ms` with none of the file in memory", lambda r: _cold(r, "p50")),
    "cold_p99_ms": ("its 99th percentile", lambda r: _cold(r, "p99")),
    "reads_per_query": (
        "vectors, documents or codes that a query needs from the file",
        lambda r: _read(r, lambda d: d.reads),
    ),
    "read_bytes_per_query": ("their bytes", lambda r: _read(r, lambda d: d.bytes)),
    "disk_bytes_per_query": ("what the disk then reads: whole pages", lambda r: _read(r, lambda d: d.cold_bytes_read)),
    "clients": ("clients at once, in whose number most queries are answered", lambda r: _most(r, lambda p: p.clients)),
    "clients_queries_per_s": ("single queries of them all", lambda r: _most(r, lambda p: p.queries_per_s)),
    "clients_p99_ms": ("99th percentile of what they wait", lambda r: _most(r, lambda p: p.latency_ms["p99"])),
    "clients_share_of_bandwidth": (
        "bytes of codes passed over, as a share of what so many threads read from memory",
        lambda r: _most(r, lambda p: p.share_of_memory),
    ),
}


def _cold(record: Record, percentile: str) -> float | None:
    return None if record.disk is None else (record.disk.cold_ms or {}).get(percentile)


def _read(record: Record, value: Callable[[DiskInfo], float | None]) -> float | None:
    return None if record.disk is None else value(record.disk)


def _most(record: Record, value: Callable[[LoadPoint], float]) -> float | None:
    return value(max(record.clients, key=lambda point: point.queries_per_s)) if record.clients else None
