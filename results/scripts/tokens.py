"""Makes ``results/tokens/squad-tokens-128.md`` and three tables of docs/multivector.md from what lies beside it.

    python results/scripts/tokens.py

Token codes at the sizes of ColBERTv2's residuals, with paired tests, and candidates that are re-ranked from disk. The
records are of another build of the data set than those in ``results/published``: another processor's encoder differs in
the last digits, and so does the checksum. ``make publish`` runs it.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from multivector import name_of
from quotes import ROOT, put, share

from bench import records
from bench.measure.statistics import Difference, holm, paired_difference
from bench.report.export import headline_interval
from bench.report.rows import Row, rows_of

TOKENS = Path(__file__).parents[1] / "tokens"
PACK, SCANS = TOKENS / "squad-tokens-128.parquet", TOKENS / "scans.csv"
REFERENCE = "colbert_residual"


def main() -> None:
    page, tables = made()
    (TOKENS / "squad-tokens-128.md").write_text("\n".join(page) + "\n")
    for name, lines in tables.items():
        put(ROOT / "docs" / "multivector.md", name, lines)


def made() -> tuple[list[str], dict[str, list[str]]]:
    """The lines of the page, and by its name each table of docs/multivector.md."""
    rows = rows_of(record for record, _ in records.newest_versions(records.locate([PACK])))
    rows = sorted((row for row in rows if row.record.status == "ok"), key=lambda row: (row.code, name_of(row)))
    codes = code_table([row for row in rows if row.record.config["rescore"] is None])
    from_disk = disk_table([row for row in rows if row.record.config["rescore"] == "disk"])
    scans = scan_table(list(csv.DictReader(SCANS.open())))
    data = rows[0].record.dataset
    title = [
        f"# Token codes on {data.name}",
        "",
        f"{data.n:,} paragraphs of {data.vectors_per_item:.1f} vectors x {data.dim}, {data.queries} questions, one",
        "thread. Made by `python results/scripts/tokens.py` from the records here.",
    ]
    page = [*title, "", *codes, "", "## Candidates re-ranked from disk", "", *from_disk, "", "## In turns", "", *scans]
    return page, {"token codes": codes, "from disk": from_disk, "token scans": scans}


def code_table(rows: list[Row]) -> list[str]:
    """A line a row; codes are compared with the residuals of as many bytes or a few more."""
    references = [row for row in rows if row.record.method.name == REFERENCE]
    pairs = [(row, rival_of(row, references)) for row in rows]
    differences = [difference(row, rival) if rival else None for row, rival in pairs]
    p_values = iter(holm([each.p for each in differences if each is not None]))
    lines = [
        "| bytes | method | recall@10 | seeds | recall@1 | beside `colbert_residual` | p |",
        "|---:|---|---|---:|---:|---:|---:|",
    ]
    for (row, _), ahead in zip(pairs, differences):
        first, p = row.quality("recall@1"), next(p_values) if ahead is not None else None
        cells = [f"{row.code:,}", name_of(row), headline_interval(row), str(len(row.records))]
        cells += [share(first.value) if first else "-"]
        cells += ["-" if ahead is None else f"{ahead.value:+.3f}"]
        cells += ["-" if p is None else "<.001" if p < 0.001 else f"{p:.3f}".lstrip("0")]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def rival_of(row: Row, references: list[Row]) -> Row | None:
    """The residuals of at least as many bytes, and at most one in fifty more."""
    if row.record.method.name == REFERENCE:
        return None
    return next((each for each in references if row.code <= each.code <= 1.02 * row.code), None)


def difference(row: Row, other: Row) -> Difference:
    """Paired over the same questions, with the variance of seeds."""
    values = [np.array([record.recalls for record in each.records], np.float64) for each in (row, other)]
    return paired_difference(*values)


def disk_table(rows: list[Row]) -> list[str]:
    """A line a method and number of candidates."""
    lines = [
        "| method | bytes in memory | on disk | candidates | recall@10 | p50, p99 ms warm | p50, p99 ms cold | "
        "documents read | KB read |",
        "|---|---:|---:|---:|---|---:|---:|---:|---:|",
    ]
    for row in sorted(rows, key=lambda row: (name_of(row), row.code, row.record.config["rescore_factor"])):
        record = row.record
        assert record.bytes is not None
        assert record.latency_ms is not None
        assert record.disk is not None
        warm = f"{record.latency_ms['p50']:.2g}, {record.latency_ms['p99']:.2g}"
        cold = record.disk.cold_ms
        cold_words = f"{cold['p50']:.2g}, {cold['p99']:.2g}" if cold else "-"
        lines.append(
            f"| {name_of(row)} | {row.code:,} | {record.bytes.rescore_disk / record.dataset.n:,.0f} | "
            f"{record.config['k'] * record.config['rescore_factor']} | {headline_interval(row)} | {warm} | "
            f"{cold_words} | {record.disk.reads:.0f} | "
            f"{record.disk.bytes / 1000:,.0f} |"
        )
    return [*lines, *note_of(rows)]


def scan_table(rows: list[dict[str, str]]) -> list[str]:
    """A line a way of searching, measured in turns by ``token_scans.py``."""
    lines = [
        "| codes | bytes | search | p50 ms | least ms | recall@10 | same ten as decoded |",
        "|---|---:|---|---:|---:|---:|---:|",
    ]
    for row in rows:
        cells = [f"`{row['codes']}`", f"{int(row['bytes']):,}", row["search"], row["p50 ms"], row["least ms"]]
        lines.append(f"| {' | '.join([*cells, share(float(row['recall@10'])), row['same ids']])} |")
    return lines


def note_of(rows: list[Row]) -> list[str]:
    """That times compare roughly, where that is so."""
    if not any(row.latency_shared for row in rows):
        return []
    return ["", "Other processes kept the machine busy: compare these times roughly."]


if __name__ == "__main__":
    main()
