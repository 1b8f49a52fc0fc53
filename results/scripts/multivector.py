"""Makes ``multivector.md``, every run on ``squad-tokens-128``, and the table of the best in docs/multivector.md.

    python results/scripts/multivector.py

Both are made from the packed records in ``results/published``; ``make publish`` runs it.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from quotes import ROOT, put, share

from bench import records
from bench.report.export import headline_interval
from bench.report.front import on_front
from bench.report.rows import Row, rows_of
from bench.report.words import short
from methods import registry

PUBLISHED = Path(__file__).parents[1] / "published"
MEASURES = ("recall@1", "nDCG@10")


def main() -> None:
    loaded = [record for record, _ in records.locate([PUBLISHED / "squad-tokens-128.parquet"])]
    rows = sorted(rows_of(loaded), key=lambda row: (row.record.config["rescore"] is not None, row.code, name_of(row)))
    distinct = {(name_of(row), row.code, row.headline_quality.value): row for row in rows}
    data = rows[0].record.dataset
    lines = [
        f"# Every run on {data.name}",
        "",
        f"{data.n:,} paragraphs of {data.vectors_per_item:.1f} vectors x {data.dim} "
        f"({rows[0].record.dataset.float32_bytes:,.0f} bytes as float32, on average), {data.queries}",
        "questions, one thread. Bytes are the mean of a document's code in memory, beside them the largest.",
        "Made by `python results/scripts/multivector.py` from the records here. A method with a version is another one",
        "by now: what it keeps today, on another build of the data set, is in",
        "[the page of token codes](../tokens/squad-tokens-128.md).",
        "",
        f"| method | bytes | largest | recall@10 of Chamfer | {' | '.join(MEASURES)} | p50 ms | fit s | seeds |",
        "|---|---:|---:|---|---:|---:|---:|---:|---:|",
    ]
    for row in distinct.values():
        assert row.record.bytes is not None
        measures = [f"{value.value:.3f}" if (value := row.quality(name)) else "-" for name in MEASURES]
        cells = [name_of(row), f"{row.code:,}", f"{row.record.bytes.code_largest:,}", headline_interval(row), *measures]
        cells += [short(row.cost("p50 ms") or 0), f"{row.record.seconds['fit']:.0f}", str(len(row.records))]
        lines.append(f"| {' | '.join(cells)} |")
    failed = [record for record in loaded if record.status not in ("ok", "skipped")]
    if failed:
        lines += ["", "Not finished: "]
        lines += [f"`{record.method.name}` at {record.budget.requested}: {record.reason}." for record in failed]
    (PUBLISHED / "multivector.md").write_text("\n".join(lines) + "\n")
    put(ROOT / "docs" / "multivector.md", "best", best_table(list(distinct.values())))


def best_table(rows: list[Row]) -> list[str]:
    """Runs without re-ranking on the Pareto front of bytes and recall@10."""
    rows = [row for row in rows if row.record.config["rescore"] is None]
    front = on_front(np.array([row.code for row in rows]), np.array([row.worth for row in rows]))
    lines = ["| bytes | method | recall@10 | recall@1 | p50 ms |", "|---:|---|---:|---:|---:|"]
    for row in itertools.compress(rows, front):
        first = row.quality("recall@1")
        cells = [f"{row.code:,}", name_of(row), share(row.worth), share(first.value) if first else "-"]
        lines.append(f"| {' | '.join([*cells, short(row.cost('p50 ms') or 0)])} |")
    return lines


def name_of(row: Row) -> str:
    """Method, codec and the options in which runs differ; the version of a method that is another one by now."""
    record = row.record
    params = record.method.params
    words = [f"`{record.method.name}`", str(params.get("codec", ""))]
    if record.method.name == "colbert_residual":
        words.append(f"{params['bits']} bit")
    if (store := record.config["rescore"]) is not None:
        words.append(f"re-ranked from {store}")
    if (version := record.method.version) != registry.get(record.method.name, "multivector").version:
        words.append(f"(version {version})")
    return " ".join(word for word in words if word)


if __name__ == "__main__":
    main()
