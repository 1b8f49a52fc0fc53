"""What a run of the table track found, line by line."""

from __future__ import annotations

from collections.abc import Iterable

from bench.measure.statistics import Interval
from bench.records import Record
from bench.report.words import count_bytes, interval

_TRAINING = "training: "


def table_lines(record: Record) -> Iterable[tuple[str, str]]:
    """(label, text) of each thing measured."""
    if (size := record.bytes) is not None and record.ratio is not None:
        stored = ", ".join(f"{name} {count_bytes(part)}" for name, part in (size.made_of or {}).items())
        yield "bytes in all", f"{size.code:,} of {record.budget.bytes:,} ({stored})"
        yield "true ratio", f"{record.ratio.codes:.2f}x"
    for name, value in record.quality.items():
        yield name.replace("_", " "), _over_examples(value, record)
    if (latency := record.latency_ms) is not None:
        shared = "; [yellow]other processes kept the machine busy[/]" if record.latency_shared else ""
        single = f"one example p50 {latency['p50']:.3g} ms, p99 {latency['p99']:.3g} ms"
        batches = [f"{name} {value:.3g} ms" for name, value in latency.items() if " of " in name]
        yield "lookup", f"{single}; {', '.join(batches)}{shared}"
    stages = [f"{name[6:]} {value:.1f} s" for name, value in record.seconds.items() if name.startswith("stage ")]
    if "fit" in record.seconds:
        yield "training", f"{record.seconds['fit']:.1f} s on {record.dataset.n_train:,} examples ({', '.join(stages)})"
    training = {name: size for name, size in record.memory_bytes.items() if name.startswith(_TRAINING)}
    if training:
        parts = ", ".join(f"{name.removeprefix(_TRAINING)} {count_bytes(size)}" for name, size in training.items())
        yield "held in training", parts.replace("_", " ")


def _over_examples(value: Interval, record: Record) -> str:
    return f"{interval(value, '.4f')} over {record.dataset.queries:,} test examples"
