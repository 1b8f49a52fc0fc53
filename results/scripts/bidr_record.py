"""Runs ``bidr`` and ``opq`` with ``rescore=disk`` by the harness, with another seed than ``bidr_measured.py``.

    python results/scripts/bidr_record.py [--methods opq bidr]   # what is measured already is not measured again

The records lie packed in ``results/trained/squad-sentences.parquet``; from them and from what each question found
comes ``results/trained/bidr_records.csv``: bytes, times with the reads in them, and pairs. ``trained.py`` writes it
into the page.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np

import bench
from bench import datasets, records
from bench.measure.quality import relevant_found, retrieval_measures
from bench.measure.statistics import paired_difference
from bench.records import Record

TRAINED = Path(__file__).parents[1] / "trained"
RUNS = {"opq": {"rescore": "disk"}, "bidr": {}}
DATA: dict[str, Any] = {"name": "squad-sentences", "max_queries": None}
SEED, BUDGET, FACTOR = 1, "32x", 10  # hundred candidates of a search for ten, a thousand of one for a hundred
MEASURES = ("MRR@10", "nDCG@10", "R@10", "R@100")
FIELDS = [
    *("method", "seed", "bytes", "disk_mb", "parts_mb", "fit_s", "p50_ms", "cold_p50_ms", "reads", "read_kb", "shared"),
    *("measure", "value", "gain", "low", "high", "p"),
]


def questions(folder: Path) -> dict[str, np.ndarray]:
    """Every measure of every question, of the hundred that a search returned."""
    data = datasets.load(**DATA)
    assert data.relevance is not None
    ids = records.read_queries(folder)["ids"]
    return {**retrieval_measures(ids, data.relevance), "R@100": relevant_found(ids, data.relevance)}


def figures(record: Record) -> list[str]:
    assert record.bytes is not None
    assert record.latency_ms is not None
    assert record.disk is not None
    cold = record.disk.cold_ms
    sizes = (record.bytes.rescore_disk / 1e6, record.bytes.parts_total / 1e6)
    return [
        *(record.method.name, str(record.config["seed"]), str(record.bytes.code)),
        *(f"{size:.1f}" for size in sizes),
        f"{record.seconds['fit']:.0f}",
        f"{record.latency_ms['p50']:.3g}",
        "" if cold is None else f"{cold['p50']:.3g}",
        f"{record.disk.reads:.0f}",
        f"{record.disk.bytes / 1e3:.0f}",
        str(record.latency_shared).lower(),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="*", default=list(RUNS), choices=list(RUNS))
    options = parser.parse_args()
    folder = datasets.cache_dir() / "bidr" / "runs"
    for method in options.methods:
        common = {"seed": SEED, "rescore_factor": FACTOR, "results": str(folder)}
        record = bench.run(method, BUDGET, DATA, **common, **RUNS[method])
        print(method, record.status, record.reason)
    measured = {record.method.name: (record, at) for record, at in records.locate([folder]) if record.status == "ok"}
    records.pack((record for record, _ in measured.values()), TRAINED / "squad-sentences.parquet")
    lines = []
    for name in (name for name in RUNS if name in measured):
        record, at = measured[name]
        own, control = (questions(place) for place in (at, measured["opq"][1]))
        for measure in MEASURES:
            pair = paired_difference(own[measure], control[measure])
            numbers = (own[measure].mean(), pair.value, pair.low, pair.high, pair.p)
            lines.append([*figures(record), measure, *(f"{number:.5f}" for number in numbers)])
    with (TRAINED / "bidr_records.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        writer.writerows(lines)


if __name__ == "__main__":
    main()
