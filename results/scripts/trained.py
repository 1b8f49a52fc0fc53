"""Writes the tables of ``docs/trained.md``: methods that learned from queries beside the same without.

    python results/scripts/trained.py

From the packed records in ``results/trained``; ``make publish`` runs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench import records
from bench.measure.statistics import Interval, holm, paired_difference
from bench.records import Record
from methods import registry

ROOT = Path(__file__).parents[2]
TRAINED, PAGE = ROOT / "results" / "trained", ROOT / "docs" / "trained.md"
PLAIN = {"distill_pq": "opq"}  # of other methods it is the codec behind the map
SECTIONS = {"weighted": ("query_weighted", "base_weighted"), "distilled": ("distill_pq",)}


def main() -> None:
    measured = [record for record in records.find([TRAINED]) if record.status == "ok"]
    text = PAGE.read_text(encoding="utf-8")
    for section, methods in SECTIONS.items():
        lines = "\n".join(table([record for record in measured if record.method.name in methods], measured))
        marks = rf"(<!-- {section} -->\n).*?(\n<!-- end of {section} -->)"
        text, count = re.subn(marks, lambda match, lines=lines: match[1] + lines + match[2], text, flags=re.DOTALL)
        if count != 1:
            raise SystemExit(f"{PAGE} has {count} places for {section}; it needs one")
    PAGE.write_text(text, encoding="utf-8")


def table(trained: Sequence[Record], measured: Sequence[Record]) -> Iterator[str]:
    """A line a run, from large budgets to small: recall beside the method without, and the test of pairs."""
    ordered = sorted(trained, key=lambda r: (-r.budget.bytes, r.method.name, name_of(r)))
    pairs = [(record, without(record, measured)) for record in ordered]
    tests = [paired_difference(values(record), values(plain)) for record, plain in pairs]
    adjusted = holm([test.p for test in tests])
    columns = "data set", "bytes", "method", "recall@10", "without", "gain", "p", "MRR@10", "without", "parts MB"
    yield f"| {' | '.join([*columns, 'fit s', 'without'])} |"
    yield "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    for (record, plain), test, p in zip(pairs, tests, adjusted):
        assert record.bytes is not None
        gain = f"{test.value:+.3f} [{test.low:+.3f}, {test.high:+.3f}]"
        cells = [
            record.dataset.name,
            str(record.bytes.code),
            f"`{name_of(record)}`",
            shown(record.quality["recall@10"]),
            shown(plain.quality["recall@10"]),
            gain,
            "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0"),
            interval(record.quality["MRR@10"]),
            interval(plain.quality["MRR@10"]),
            f"{record.bytes.parts_total / 1e6:.2f}",
            f"{record.seconds['fit']:.0f}",
            f"{plain.seconds['fit']:.0f}",
        ]
        yield f"| {' | '.join(cells)} |"


def name_of(record: Record) -> str:
    """The method with what was requested of it."""
    options = {key: value for key, value in record.method.requested.items() if key in ("codec", "loss")}
    return " ".join([record.method.name, *(f"{key}={value}" for key, value in options.items())])


def without(record: Record, measured: Sequence[Record]) -> Record:
    """The one run that differs in nothing but the training: all of its options are the trained one's or defaults."""
    requested = record.method.requested
    name = PLAIN.get(record.method.name) or requested["codec"]
    options = {**registry.get(name).parameters(), **(requested.get("codec_params") or {})}
    options = {"name": name, **{key: requested.get(key, value) for key, value in options.items()}}
    wanted = {**setting(record), "method": given(options)}
    same = [other for other in measured if setting(other) == wanted]
    if len(same) != 1:
        place = f"{record.budget.bytes} bytes on {record.dataset.name}, seed {record.config['seed']}"
        raise SystemExit(f"{TRAINED} has {len(same)} runs of {name} beside {name_of(record)} at {place}; it needs one")
    return same[0]


def setting(record: Record) -> dict[str, Any]:
    """What decides a result, but for where it lies and how it was run."""
    decided = ("scenario", "k", "seed", "train_size", "rescore", "index", "engine")
    kept = {key: record.config[key] for key in decided}
    return {
        **kept,
        "method": given(record.method.requested),
        "data": record.dataset.checksum,
        "bytes": record.budget.bytes,
    }


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options that are not left to the method."""
    return {key: value for key, value in options.items() if value is not None}


def values(record: Record) -> np.ndarray:
    """Recall@10 of each distinct query."""
    return np.array(record.recalls)


def shown(quality: Interval) -> str:
    return f"{quality.value:.3f}"


def interval(quality: Interval) -> str:
    return f"{quality.value:.3f} [{quality.low:.3f}, {quality.high:.3f}]"


if __name__ == "__main__":
    main()
