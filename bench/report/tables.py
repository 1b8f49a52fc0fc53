"""Tables in the terminal: one run in full, a sweep in rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench import own_files
from bench.layers_options import LAYERS
from bench.measure.kinds import kinds_of, warnings_of
from bench.measure.statistics import Interval
from bench.records import FAILURES, Record
from bench.report import drift_record, engine_record, groups_record, hybrid_record, index_record, load_record
from bench.report.names import dataset_names, scenario_of, shown_name
from bench.report.rows import HEADLINES, Row, digits_of, headlines, rows_of
from bench.report.table_record import table_lines
from bench.report.words import count_bytes as _bytes
from bench.report.words import interval, number, short

_STYLE = {"ok": "green", "skipped": "dim", "over_budget": "yellow"}
_RETRIEVAL = ("nDCG@10", "MRR@10", "P@10", "R@10")
_WIDE = 140  # columns of text that the full table takes
_FIDELITY = ("rank_correlation", "score_bias", "score_error", "reconstruction_error")


def print_record(record: Record, console: Console | None = None) -> None:
    """One run: everything that it found, with where the record lies."""
    console = console or terminal()
    data, budget = record.dataset, record.budget
    shape = f"{data.n:,} x {data.dim}" if data.metric != "auc" else f"{data.vectors_per_item:,.0f} rows x {data.dim}"
    title = f"{record.method.full_name} on {shown_name(record)} ({shape}, {data.metric}), budget {budget.requested}"
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in _rows(record):
        table.add_row(label, text)
    console.print(table)
    if (settings := _settings(record)) is not None:
        console.print(settings)
    if record.drift is not None:
        console.print(drift_record.drift_table(record.drift))
        console.print(drift_record.statement(record))
    if record.hybrid is not None:
        console.print(hybrid_record.hybrid_table(record.hybrid))
        console.print(hybrid_record.statement(record), highlight=False)
    if record.groups is not None:
        for line in groups_record.statements(record.groups):
            console.print(line, highlight=False)


def print_groups(records: Iterable[Record], console: Console | None = None) -> None:
    """What each run found by group of queries, where its data set has groups."""
    console = console or terminal()
    for record in records:
        if record.groups is not None:
            title = f"{record.method.full_name} on {shown_name(record)}, budget {record.budget.requested}"
            console.print(groups_record.groups_table(record.groups, title))
            for line in groups_record.statements(record.groups):
                console.print(line, highlight=False)


def terminal() -> Console:
    """The terminal; a file or a pipe has no width of its own and gets one that holds every table."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, _WIDE))


def _settings(record: Record) -> Table | None:
    """What a scenario measured beside the plain run: ``old->old``, ``new->0.5`` and the like, a row each."""
    rows: dict[str, dict[str, Interval]] = {}
    for name, value in record.quality.items():
        setting, _, measure = name.rpartition(" ")
        if "->" in setting:
            rows.setdefault(setting, {})[measure] = value
    if not rows:
        return None
    measures = list(next(iter(rows.values())))
    if scenario_of(record).startswith(LAYERS):
        title = "queries->documents at these layers, mapped to the last"
    else:
        title = "queries->documents; a number is the part encoded again"
    table = Table(title=title, title_justify="left")
    table.add_column("setting", no_wrap=True)
    for measure in measures:
        table.add_column(measure, justify="right", no_wrap=True)
    for setting, values in rows.items():
        table.add_row(setting, *(interval(values[measure]) for measure in measures))
    return table


def _rows(record: Record) -> Iterable[tuple[str, str]]:
    status = f"[{_STYLE.get(record.status, 'red')}]{record.status}[/]"
    yield "status", f"{status} {escape(record.reason)}".strip()
    yield from _measured(record) if record.dataset.metric != "auc" else table_lines(record)
    yield from _data(record)
    if record.peak_memory_bytes is not None:
        yield "peak memory", f"{_bytes(record.peak_memory_bytes)} (the run's own process)"
    method, key, data = record.method, record.key, record.dataset
    folder = own_files.folder_of(data.name, record.config.get("dataset"), data.checksum)
    yield "record", f"{record.config['results']}/runs/{folder}/{method.name}/{key}/record.json"


def _data(record: Record) -> Iterable[tuple[str, str]]:
    """What the vectors are like, as far as it decides what codes find, and what recall does not say."""
    if (diagnosis := record.diagnosis) is None:
        return
    data = record.dataset
    for kind in kinds_of(diagnosis, data.dim, data.metric, data.n_train):
        yield "vectors", kind.sentence
    for kind in warnings_of(diagnosis, data.queries):
        yield "warning", f"[yellow]{kind.sentence}[/]"


def _measured(record: Record) -> Iterable[tuple[str, str]]:
    """What a search over codes found."""
    if record.engine is not None:
        yield from engine_record.size_lines(record)
    elif record.bytes is not None and record.ratio is not None:
        size, ratio = record.bytes, record.ratio
        unused = f", {record.budget.unused} unused" if record.budget.unused else ""
        largest = "" if size.code_largest is None else f", largest {size.code_largest}"
        label = "bytes a vector" if record.dataset.vectors_per_item is None else "bytes a document"
        yield label, f"{size.code} of {record.budget.bytes}{unused}{largest}; parts {_bytes(size.parts_total)}"
        yield (
            "true ratio",
            f"{ratio.codes:.2f}x codes alone; with parts {ratio.total:.2f}x at this N, "
            f"{ratio.total_at_1m:.2f}x at 1M, {ratio.total_at_100m:.2f}x at 100M",
        )
        if size.rescore_memory or size.rescore_disk:
            yield "re-ranking", f"{_bytes(size.rescore_memory)} in memory, {_bytes(size.rescore_disk)} on disk"
    for name in ("recall@1", "recall@10", "recall@100", *_RETRIEVAL, *_FIDELITY):
        if name in record.quality:
            yield name.replace("_", " "), interval(record.quality[name], ".3g" if name in _FIDELITY else ".3f")
    if record.latency_ms is not None:
        latency = record.latency_ms
        shared = "; [yellow]other processes kept the machine busy[/]" if record.latency_shared else ""
        yield (
            "latency",
            f"p50 {latency['p50']:.3g} ms, p95 {latency['p95']:.3g} ms, p99 {latency['p99']:.3g} ms "
            f"({record.latency_queries} single queries, k={record.config['k']}, "
            f"{record.config['threads']} thread{'s' if record.config['threads'] > 1 else ''}){shared}",
        )
    if record.throughput is not None:
        yield "batch", f"{record.throughput['queries_per_s']:,.0f} queries/s"
    if (scan := record.scan_bandwidth) is not None and record.engine is None:
        yield (
            "scan",
            f"{_bytes(scan.single)}/s of codes in single queries ({scan.share_of_memory:.0%} of memory bandwidth), "
            f"{_bytes(scan.batch)}/s in batches",
        )
    yield from load_record.load_lines(record)
    yield from hybrid_record.hybrid_lines(record)
    if record.index is not None:
        yield from index_record.index_lines(record)
    if record.engine is not None:
        yield from engine_record.time_lines(record)
    elif record.throughput is not None:
        seconds = record.seconds
        yield "fit", f"{seconds['fit']:.2f} s on {record.dataset.n_train:,} vectors of the {record.dataset.trained_on}"
        rate = record.throughput["encode_vectors_per_s"]
        yield "encode", f"{seconds['encode']:.2f} s ({rate:,.0f} vectors/s)"


def print_sweep(
    records: list[Record],
    reused: int = 0,
    console: Console | None = None,
    rows: Sequence[Row] | None = None,
    left_out: Sequence[str] = (),
) -> None:
    """A sweep: one line a method and budget, then what was not measured, with the reasons.

    ``rows`` are those of the records, if they are made (and marked against the best of their group) already.
    ``left_out`` are methods that were named and are of another track.
    """
    console = console or terminal()
    rows = rows_of(records) if rows is None else rows
    if rows:
        console.print(_sweep_table(rows, console.width))
        if any(row.told_from_best is False for row in rows):
            console.print("= not distinguishable from the best of its group (paired test over queries, Holm, 5%)")
        if any(row.latency_shared for row in rows):
            console.print("* other processes kept the machine busy")
        if any(row.other_processor for row in rows):
            console.print("† on another processor than most rows of the data set: no times to compare")
    for record in records:
        if record.drift is not None:
            name = f"{record.method.full_name} {record.budget.requested} on {shown_name(record)}"
            console.print(f"{name}: {drift_record.statement(record)}", highlight=False)
        if record.hybrid is not None:
            name = f"{record.method.full_name} {record.budget.requested} on {shown_name(record)}"
            console.print(f"{name}: {hybrid_record.statement(record)}", highlight=False)
    for line in _warnings(records):
        console.print(line, highlight=False)
    for line in _reasons(records):
        console.print(line, highlight=False)
    counts = Counter(record.status for record in records)
    text = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    console.print(f"{len(records)} runs: {text}" + (f"; {reused} of them measured before" if reused else ""))
    if left_out:
        console.print(f"[dim]not for these data: {', '.join(left_out)} (of another track)[/]", highlight=False)
    if any(counts[status] for status in FAILURES):
        console.print("[red]some runs failed; the same command tries them again[/]")


def _warnings(records: Sequence[Record]) -> Iterable[str]:
    """What the vectors of a data set are like and what recall does not say on it, each once."""
    name = dataset_names(records)
    lines: dict[str, None] = {}
    for record in records:
        if (diagnosis := record.diagnosis) is not None:
            data = record.dataset
            kinds = [kind.sentence for kind in kinds_of(diagnosis, data.dim, data.metric, data.n_train)]
            lines |= dict.fromkeys(f"{name(record)}: {sentence}" for sentence in kinds)
            warned = [kind.sentence for kind in warnings_of(diagnosis, data.queries)]
            lines |= dict.fromkeys(f"[yellow]warning[/]: {name(record)}: {sentence}" for sentence in warned)
    return lines


def _reasons(records: list[Record]) -> Iterable[str]:
    """Why there is no row: a line for each method, data set and end, which names all budgets and the last reason."""
    lines: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        if record.status != "ok":
            lines.setdefault((record.status, record.method.full_name, shown_name(record)), []).append(record)
    for (status, method, dataset), missing in lines.items():
        budgets = ", ".join(dict.fromkeys(record.budget.requested for record in missing))
        reason = escape(missing[-1].reason)  # an exception's text, which may hold brackets
        yield f"[{_STYLE.get(status, 'red')}]{status}[/] {method} {budgets} on {dataset}: {reason}"


def print_best(rows: Sequence[Row], console: Console | None = None) -> None:
    """The best method of every group (data set, metric, budget), and those not distinguishable from it."""
    console = console or terminal()
    measure = headlines(rows)
    table = Table(title=f"best {measure} at each budget", title_justify="left")
    for column in ("data set", "budget", "best", "bytes", measure, "p50 ms", "not distinguishable from it"):
        table.add_column(column, justify="right" if column in ("bytes", "p50 ms") else "left")
    name = dataset_names(row.record for row in rows)
    for best, equal, tested in best_rows(rows):
        record = best.record
        table.add_row(
            name(record),
            record.budget.requested,
            best.label,
            str(best.code),
            interval(best.headline_quality, digits_of(best.headline)),
            milliseconds(best),
            ", ".join(row.label for row in equal) or ("-" if tested else "not tested"),
        )
    console.print(table)


def best_rows(rows: Sequence[Row]) -> list[tuple[Row, list[Row], bool]]:
    """The best row of every group, those not distinguishable from it, and whether any was compared with it."""
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    return [
        (
            group[0],
            [row for row in group[1:] if row.told_from_best is False],
            any(row.p_best is not None for row in group),
        )
        for group in groups.values()
    ]


@dataclass(frozen=True)
class _Column:
    name: str
    width: int  # about; decides what fits a narrow terminal
    cell: Callable[[Row], str]
    justify: Literal["left", "right"] = "right"


_HEADLINE = "headline"  # stands for the name of the measure
_COLUMNS = (  # the first are kept in a narrow terminal
    _Column("budget", 6, lambda row: row.record.budget.requested, "left"),
    _Column("method", 18, lambda row: row.label, "left"),
    _Column("bytes", 8, lambda row: str(row.code)),
    _Column(
        _HEADLINE,
        22,
        lambda row: interval(row.headline_quality) + (" =" if row.told_from_best is False else "  "),
        "left",
    ),
    _Column("p50 ms", 7, lambda row: milliseconds(row) + latency_marks(row)),
    _Column("ratio", 6, lambda row: f"{row.record.dataset.float32_bytes / row.code:.1f}x"),
    _Column("at 1M", 6, lambda row: f"{row.record.dataset.float32_bytes / (row.cost('at 1M') or np.nan):.1f}x"),
    _Column("recall@1", 8, lambda row: _number(_value(row, "recall@1"), ".3f")),
    _Column("encode/s", 9, lambda row: _number(row.median(lambda r: _rate(r, "encode_vectors_per_s")), ",.0f")),
    _Column("fit s", 6, lambda row: _number(row.median(lambda r: r.seconds.get("fit")), ".1f")),
    _Column("queries/s", 9, lambda row: _number(row.median(lambda r: _rate(r, "queries_per_s")), ",.0f")),
)
_ESSENTIAL = 5
_ORDER = ("data set", "budget", "method", "bytes", "ratio", "at 1M", _HEADLINE, "recall@1", "p50 ms")


def _sweep_table(rows: Sequence[Row], width: int) -> Table:
    several = len({row.group[:3] for row in rows}) > 1
    name = dataset_names(row.record for row in rows)
    data_set = _Column("data set", 20, lambda row: name(row.record), "left")
    columns: list[_Column] = [data_set] if several else []
    left = width - 1 - sum(column.width + 3 for column in columns)
    for place, column in enumerate(_COLUMNS):
        left -= column.width + 3
        if place < _ESSENTIAL or left >= 0:
            columns.append(column)
    columns.sort(key=lambda column: _ORDER.index(column.name) if column.name in _ORDER else len(_ORDER))
    measure = headlines(rows)
    what = "recall" if measure == HEADLINES[0] else measure
    title = f"{what} with 95% intervals; bytes count everything stored per vector (of a table: in all)"
    if measure == HEADLINES[0]:
        title = "recall with 95% intervals; bytes count everything stored per vector"
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(
            measure if column.name == _HEADLINE else column.name,
            justify=column.justify,
            no_wrap=column.name != "method",
            overflow="fold",
        )
    previous = None
    for row in rows:
        if previous not in (None, row.group):
            table.add_section()
        previous = row.group
        table.add_row(*[column.cell(row) for column in columns])
    return table


def _value(row: Row, measure: str) -> float | None:
    quality = row.quality(measure)
    return quality.value if quality else None


def _rate(record: Record, name: str) -> float | None:
    return (record.throughput or {}).get(name)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else number(value, form)


def milliseconds(row: Row) -> str:
    """Median latency of a query; "-" where none was taken."""
    return "-" if (p50 := row.cost("p50 ms")) is None else short(p50)


def latency_marks(row: Row) -> str:
    """A star where other processes shared the machine while latencies were taken, a dagger for another processor."""
    return ("*" if row.latency_shared else "") + ("†" if row.other_processor else "")
