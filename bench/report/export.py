"""``--out DIR``: the page, the tables and the figures of a set of records."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UsageError
from bench.files import write_whole
from bench.records import Record
from bench.report import page, ranking
from bench.report.names import dataset_names, shown_name
from bench.report.pictures import PICTURES, prepare, save_all
from bench.report.rows import Row, digits_of, headline, headlines, to_frame
from bench.report.tables import best_rows, latency_marks, milliseconds
from bench.report.words import number

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.mine import Standing

TABLES = ("html", "md", "csv", "parquet")


def write_all(
    rows: Sequence[Row],
    failures: Sequence[Record],
    out: Path,
    formats: Sequence[str],
    ordered: Sequence[Row] | None = None,
    error: bool | None = None,
) -> list[Path]:
    """Write what is requested into ``out`` and say what that was.

    ``index.html``; ``best``, ``ranking`` (where there is one) and ``runs`` as ``.md`` and ``.csv``; ``runs.parquet``;
    for each data set ``NAME-pareto`` and ``NAME-families`` in every format of :data:`PICTURES` that is requested.
    ``ordered`` are the rows by the measure of the best and of the ranking, if it is another than the headline measure;
    ``error`` says whether figures have the error on a logarithmic scale (None: where that is easier to read).
    """
    ordered = rows if ordered is None else ordered
    try:
        out.mkdir(parents=True, exist_ok=True)
        written = []
        places = ranking.rankings(ordered) if {"md", "csv"} & set(formats) else []
        if "html" in formats:
            written.append(write_whole(out / "index.html", page.render(rows, failures)))
        if "md" in formats:
            written.append(write_whole(out / "best.md", best_markdown(ordered)))
            if places:
                written.append(write_whole(out / "ranking.md", ranking.markdown(places)))
            written.append(write_whole(out / "runs.md", runs_markdown(rows, failures)))
        if "csv" in formats:
            written.append(_csv(out / "best.csv", best_frame(ordered)))
            if places:
                written.append(_csv(out / "ranking.csv", ranking.frame(places)))
            written.append(_csv(out / "runs.csv", to_frame(rows)))
        if "parquet" in formats:
            to_frame(rows).to_parquet(out / "runs.parquet", index=False)
            written.append(out / "runs.parquet")
        pictures = [kind for kind in PICTURES if kind in formats]
        return written + (_figures(rows, out, pictures, error) if pictures else [])
    except OSError as error:
        raise UsageError(f"cannot write into {out}: {error.strerror or error}; choose another --out") from error


def write_mine(
    name: str, standings: Sequence[Standing], notes: Sequence[str], out: Path, formats: Sequence[str]
) -> list[Path]:
    """``mine-NAME`` as ``.md``, ``.csv`` and as a figure in every format of :data:`PICTURES` that is requested."""
    from bench.report import mine_tables

    pictures = [kind for kind in PICTURES if kind in formats]
    if not {"md", "csv", *pictures} & {*formats}:
        raise UsageError(f"--mine is written as md, csv, {', '.join(PICTURES)}, not as {', '.join(formats)}")
    path, written = out / re.sub(r"[^\w.+-]+", "-", f"mine-{name}"), []
    try:
        out.mkdir(parents=True, exist_ok=True)
        if "md" in formats:
            written.append(write_whole(Path(f"{path}.md"), mine_tables.markdown(name, standings, notes)))
        if "csv" in formats:
            written.append(_csv(Path(f"{path}.csv"), mine_tables.to_frame(standings)))
        if pictures:
            prepare()
            from bench.report.mine_figure import difference_figure

            written += save_all(difference_figure(name, standings), path, pictures)
        return written
    except OSError as error:
        raise UsageError(f"cannot write into {out}: {error.strerror or error}; choose another --out") from error


def _csv(path: Path, frame: pd.DataFrame) -> Path:
    return write_whole(path, frame.to_csv(None, index=False, float_format=_six_digits, lineterminator="\n"))


def _six_digits(value: Any) -> str:
    return number(value, ".6g")


def _figures(rows: Sequence[Row], out: Path, kinds: Sequence[str], error: bool | None) -> list[Path]:
    prepare()
    from bench.report.figures import pareto, recall_against_bytes
    from bench.report.rows import COSTS, HEADLINES

    written = []
    groups = list(dict.fromkeys(row.group[:3] for row in rows))
    for group in groups:
        records = [record for row in rows if row.group[:3] == group for record in row.records]
        if all(record.method.family == "identity" for record in records):
            continue
        data = re.sub(r"[, =]+", "-", shown_name(records[0]))  # a scenario's name has spaces
        name, measure = f"{data}-{group[1]}", headline(records[0]) or HEADLINES[0]
        if sum(other[:2] == group[:2] for other in groups) > 1:  # samples, or files of one name
            name += f"-{group[2][:8]}"
        of_table = measure == "auc"  # nothing is encoded, and one table is all there is
        costs = ("codes", "p50 ms") if of_table else tuple(COSTS)
        written += save_all(pareto(records, costs, measure, error=error), out / f"{name}-pareto", kinds)
        written += save_all(recall_against_bytes(records, measure, error), out / f"{name}-families", kinds)
    return written


def best_markdown(rows: Sequence[Row]) -> str:
    """The best method of every data set, metric and budget as a Markdown table."""
    lines = [
        f"| data set | budget | best | bytes | {headlines(rows)} | p50 ms | not distinguishable from it |",
        "|---|---|---|---:|---|---:|---|",
    ]
    name = dataset_names(row.record for row in rows)
    for best, equal, tested in best_rows(rows):
        record = best.record
        cells = (
            name(record),
            record.budget.requested,
            f"`{best.label}`",
            str(best.code),
            headline_interval(best),
            milliseconds(best),
            ", ".join(f"`{row.label}`" for row in equal) or ("-" if tested else "not tested"),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def best_frame(rows: Sequence[Row]) -> pd.DataFrame:
    """The same as a frame."""
    import pandas as pd

    name = dataset_names(row.record for row in rows)
    return pd.DataFrame(
        {
            "dataset": name(best.record),
            "budget": best.record.budget.requested,
            "budget_bytes": best.record.budget.bytes,
            "best": best.label,
            "bytes": best.code,
            "measure": best.headline,
            "value": best.headline_quality.value,
            "low": best.headline_quality.low,
            "high": best.headline_quality.high,
            "p50_ms": best.cost("p50 ms"),
            "tested": tested,
            "not_distinguishable": ", ".join(row.label for row in equal),
        }
        for best, equal, tested in best_rows(rows)
    )


def runs_markdown(rows: Sequence[Row], failures: Sequence[Record]) -> str:
    """Every row with true bytes, interval and latency; then what was not measured, with reasons."""
    lines = [
        f"| data set | budget | method | bytes | ratio | at 1M | {headlines(rows)} | p50 ms | encode/s | fit s "
        "| seeds |",
        "|---|---|---|---:|---:|---:|---|---:|---:|---:|---:|",
    ]
    name = dataset_names([*(row.record for row in rows), *failures])
    for row in rows:
        record = row.record
        raw, at_1m = record.dataset.float32_bytes, row.cost("at 1M")
        rate, fit = row.cost("encode us"), row.median(lambda r: r.seconds.get("fit"))
        cells = (
            name(record),
            record.budget.requested,
            f"`{row.label}`",
            str(row.code),
            f"{raw / row.code:.1f}x",
            "-" if at_1m is None else f"{raw / at_1m:.1f}x",
            headline_interval(row) + (" =" if row.told_from_best is False else ""),
            milliseconds(row) + latency_marks(row),
            "-" if rate is None else f"{1e6 / rate:,.0f}",
            "-" if fit is None else f"{fit:.1f}",
            str(len(row.records)),
        )
        lines.append(f"| {' | '.join(cells)} |")
    if failures:
        lines += ["", "| not measured | budget | data set | status | reason |", "|---|---|---|---|---|"]
        for record in failures:
            reason = record.reason.replace("|", "\\|")
            what = (f"`{record.method.full_name}`", record.budget.requested, name(record), record.status, reason)
            lines.append(f"| {' | '.join(what)} |")
    return "\n".join(lines) + "\n"


def headline_interval(row: Row) -> str:
    """The headline measure with its interval, as in the Markdown tables."""
    quality, form = row.headline_quality, digits_of(row.headline)
    return f"{number(quality.value, form)} [{number(quality.low, form)}, {number(quality.high, form)}]"
