"""Which records a figure draws, and which of them a line joins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bench.errors import UsageError
from bench.records import Record
from bench.report.names import key_of, shown_name
from bench.report.rows import rows_of


def of_one_dataset(records: Sequence[Record], measure: str) -> list[Record]:
    """Those of status ok with the measure; :class:`UsageError` if none is, or if they are of several data sets."""
    good = [record for record in records if record.status == "ok" and measure in record.quality]
    if not good:
        raise UsageError(f"no record has {measure}; measure something first (python -m bench)")
    kinds = {_key(record): f"{shown_name(record)} ({record.dataset.metric})" for record in good}
    if len(kinds) > 1:
        names = ", ".join(sorted(kinds.values()))
        raise UsageError(f"the records are of several data sets: {names}; draw one at a time with --dataset")
    return good


def _key(record: Record) -> tuple[str, str, str]:
    data = record.dataset
    return key_of(record), data.metric, data.checksum


def seeds_together(records: Sequence[Record], measure: str) -> list[Record]:
    """One record a row: the first seed's, with the measure and the latency of all."""
    pooled = []
    for row in rows_of(records):
        quality, p50 = row.quality(measure), row.latency("p50")
        assert quality is not None  # each of the records has it
        latency = None if p50 is None else {**(row.timed.record.latency_ms or {}), "p50": p50}
        measures = {**row.record.quality, measure: quality}
        pooled.append(replace(row.record, quality=measures, latency_ms=latency, latency_shared=row.latency_shared))
    return pooled


def lines_of(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Records by the name of their line: the method, and its options other than numbers where they differ."""
    named: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda r: r.method.full_name):
        named.setdefault(record.method.full_name, []).append(record)
    lines: dict[str, list[Record]] = {}
    for name, same_name in named.items():
        options = [{**r.method.requested, "rescore": rescore_of(r)} for r in same_name]
        keys = sorted(
            {key for one in options for key, value in one.items() if isinstance(value, str | bool)} - {"name"}
        )
        differing = [key for key in keys if len({str(one.get(key)) for one in options}) > 1]
        for record, one in zip(same_name, options):
            words = [_word(key, one[key], options) for key in differing if one.get(key) is not None]
            lines.setdefault(" ".join([name, *filter(None, words)]), []).append(record)
    return lines


def _word(key: str, value: str | bool, options: Sequence[dict[str, Any]]) -> str:
    """What names a line's option: a text by itself; a switch only where most have it the other way."""
    if isinstance(value, str):
        return value
    return "" if 2 * sum(one.get(key) == value for one in options) >= len(options) else f"{key}={value}"


def rescore_of(record: Record) -> str | None:
    store = record.config.get("rescore")
    return None if store is None else f"rescore={store}"


def reads_disk(record: Record) -> bool:
    return record.bytes is not None and record.bytes.rescore_disk > 0


def code_bytes(record: Record) -> float:
    """Bytes of an item in memory; NaN where they were not counted."""
    return float(record.bytes.code) if record.bytes is not None else np.nan


def by_size(line: Sequence[Record], measure: str, cost: Callable[[Record], float | None]) -> list[Record]:
    """A line's records from small to large: of those of one size the best, none without ``cost``."""
    best: dict[float, Record] = {}
    for record in line:
        size, price = code_bytes(record), cost(record)
        if price is None or not np.isfinite([size, price]).all():
            continue
        if size not in best or record.quality[measure].value > best[size].quality[measure].value:
            best[size] = record
    return [best[size] for size in sorted(best)]
