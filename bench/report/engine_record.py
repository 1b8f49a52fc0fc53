"""What a run of a real engine held and how it searched, in lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from bench.records import Record
from bench.report.words import count_bytes

_KIND = {"flat": "all codes are scanned"}


def size_lines(record: Record) -> Iterable[tuple[str, str]]:
    """Bytes by the catalogue's formula, on disk and in memory."""
    engine, size = record.engine, record.bytes
    assert engine is not None
    n = record.dataset.n
    relation = "equals" if engine.equals else "is nearest to"
    yield "engine", f"{engine.title}, {engine.package}"
    yield "scheme", engine.scheme + (f", which {relation} {engine.method}" if engine.method else "")
    if engine.typed:
        yield "typed", engine.typed
    if size is not None:
        unused = f", {record.budget.unused} unused" if record.budget.unused else ""
        yield "bytes a vector", f"{size.code} of {record.budget.bytes}{unused}, by formula; " + _on_top(record)
    yield (
        "disk",
        f"{engine.disk_bytes / n:,.0f} B a vector ({count_bytes(engine.disk_bytes)}), originals: {_kept(record)}",
    )
    resident = f"{engine.resident_bytes / n:,.0f} B a vector ({count_bytes(engine.resident_bytes)})"
    yield "memory", f"{resident} more than before it was opened and searched"
    options = ", ".join(f"{key} {value}" for key, value in engine.index.items() if key != "kind")
    kind = str(engine.index.get("kind", ""))
    yield "index", _KIND.get(kind, kind) + (f" ({options})" if options else "")
    rescored = (
        "by the engine, from finer vectors" if record.config["rescore"] else "none: the order is that of the codes"
    )
    yield "rescoring", rescored


def time_lines(record: Record) -> Iterable[tuple[str, str]]:
    """Building and opening."""
    seconds, rate = record.seconds, (record.throughput or {}).get("encode_vectors_per_s", 0.0)
    yield "build", f"{seconds['build']:.2f} s ({rate:,.0f} vectors/s: stored, trained, indexed)"
    yield "open", f"{seconds['load']:.2f} s"


def _on_top(record: Record) -> str:
    engine = record.engine
    assert engine is not None
    parts = [
        f"{what} {value:,} B" if value is not None else f"{what} not known"
        for what, value in (("ids", engine.ids_bytes), ("links", engine.links_bytes))
        if value != 0
    ]
    return f"on top: {', '.join(parts)}" if parts else "nothing on top"


def _kept(record: Record) -> str:
    engine = record.engine
    assert engine is not None
    where = {"none": "not kept", "disk": "on disk", "memory": "in memory"}[engine.originals]
    return where if engine.originals == "none" else f"{engine.originals_bytes:,} B a vector {where}"
