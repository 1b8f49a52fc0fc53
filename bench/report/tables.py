"""Tables in the terminal: one run in full, a sweep in rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from bench.measure.statistics import Interval
from bench.records import FAILURES, Record

_STYLE = {"ok": "green", "skipped": "dim", "over_budget": "yellow"}
_RETRIEVAL = ("nDCG@10", "MRR@10", "P@10", "R@10")
_COLUMNS = ("B/vector", "ratio", "at 1M", "recall@10", "recall@1", "p50 ms", "queries/s", "fit s", "encode/s")
_ONLY_WIDE = ("ratio", "recall@1", "fit s", "encode/s")
_WIDE = 136  # columns of text that the full table takes
_FIDELITY = ("rank_correlation", "score_bias", "score_error", "reconstruction_error")


def print_record(record: Record, console: Console | None = None) -> None:
    """One run: everything that it found, with where the record lies."""
    console = console or _console()
    data, budget = record.dataset, record.budget
    title = f"{record.method.name} on {data.name} ({data.n:,} x {data.dim}, {data.metric}), budget {budget.requested}"
    table = Table(title=title, title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for label, text in _rows(record):
        table.add_row(label, text)
    console.print(table)
    if (settings := _settings(record)) is not None:
        console.print(settings)


def _console() -> Console:
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
    table = Table(title="queries->documents; a number is the part encoded again", title_justify="left")
    table.add_column("setting", no_wrap=True)
    for measure in measures:
        table.add_column(measure, justify="right", no_wrap=True)
    for setting, values in rows.items():
        table.add_row(setting, *(interval(values[measure]) for measure in measures))
    return table


def _rows(record: Record) -> Iterable[tuple[str, str]]:
    status = f"[{_STYLE.get(record.status, 'red')}]{record.status}[/]"
    yield "status", f"{status} {record.reason}".strip()
    if record.bytes is not None and record.ratio is not None:
        size, ratio = record.bytes, record.ratio
        unused = f", {record.budget.unused} unused" if record.budget.unused else ""
        yield "bytes a vector", f"{size.code} of {record.budget.bytes}{unused}; parts {_bytes(size.parts_total)}"
        yield (
            "true ratio",
            f"{ratio.codes:.2f}x codes alone; with parts {ratio.total:.2f}x at this N, "
            f"{ratio.total_at_1m:.2f}x at 1M, {ratio.total_at_100m:.2f}x at 100M",
        )
        if size.rescore_memory or size.rescore_disk:
            yield "rescoring", f"{_bytes(size.rescore_memory)} in memory, {_bytes(size.rescore_disk)} on disk"
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
    if (scan := record.scan_bandwidth) is not None:
        yield (
            "scan",
            f"{_bytes(scan.single)}/s of codes in single queries ({scan.share_of_memory:.0%} of memory bandwidth), "
            f"{_bytes(scan.batch)}/s in batches",
        )
    if record.throughput is not None:
        seconds = record.seconds
        yield "fit", f"{seconds['fit']:.2f} s on {record.dataset.n_train:,} vectors of the {record.dataset.trained_on}"
        rate = record.throughput["encode_vectors_per_s"]
        yield "encode", f"{seconds['encode']:.2f} s ({rate:,.0f} vectors/s)"
    if record.peak_memory_bytes is not None:
        yield "peak memory", f"{_bytes(record.peak_memory_bytes)} (the run's own process)"
    method, key = record.method, record.key
    yield "record", f"{record.config['results']}/runs/{record.dataset.name}/{method.name}/{key}/record.json"


def print_sweep(records: list[Record], reused: int = 0, console: Console | None = None) -> None:
    """A sweep: one row a run that was measured, then what was not, with the reasons."""
    console = console or _console()
    good = [record for record in records if record.status == "ok"]
    several = len({record.dataset.name for record in good}) > 1
    if good:
        console.print(_sweep_table(good, several, console.width >= _WIDE))
        if any(record.latency_shared for record in good):
            console.print("* other processes kept the machine busy")
    for line in _reasons(records):
        console.print(line, highlight=False)
    counts = Counter(record.status for record in records)
    text = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    console.print(f"{len(records)} runs: {text}" + (f"; {reused} of them measured before" if reused else ""))
    if any(counts[status] for status in FAILURES):
        console.print("[red]some runs failed; the same command tries them again[/]")


def _reasons(records: list[Record]) -> Iterable[str]:
    """Why there is no row: a line for each method, data set and end, which names all budgets and the last reason."""
    lines: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        if record.status != "ok":
            lines.setdefault((record.status, record.method.name, record.dataset.name), []).append(record)
    for (status, method, dataset), missing in lines.items():
        budgets = ", ".join(dict.fromkeys(record.budget.requested for record in missing))
        yield f"[{_STYLE.get(status, 'red')}]{status}[/] {method} {budgets} on {dataset}: {missing[-1].reason}"


def _sweep_table(records: list[Record], several_datasets: bool, wide: bool) -> Table:
    """``wide`` has all columns; without it, those that decide remain."""
    table = Table(title="recall with 95% intervals; bytes count everything stored per vector", title_justify="left")
    if several_datasets:
        table.add_column("data set")
    table.add_column("budget", no_wrap=True)
    table.add_column("method", no_wrap=True)
    shown = [name for name in _COLUMNS if wide or name not in _ONLY_WIDE]
    for column in shown:
        table.add_column(column, justify="right", no_wrap=True)
    previous = None
    for record in sorted(records, key=_order):
        group = (record.dataset.name, record.budget.bytes)
        if previous not in (None, group):
            table.add_section()
        previous = group
        cells = _sweep_cells(record)
        first = [record.dataset.name] if several_datasets else []
        table.add_row(*first, record.budget.requested, record.method.name, *(cells[name] for name in shown))
    return table


def _order(record: Record) -> tuple:
    return record.dataset.name, -record.budget.bytes, -record.quality["recall@10"].value, record.method.name


def _sweep_cells(record: Record) -> dict[str, str]:
    assert record.bytes is not None
    assert record.ratio is not None
    assert record.latency_ms is not None
    assert record.throughput is not None
    cells = (
        str(record.bytes.code),
        f"{record.ratio.codes:.1f}x",
        f"{record.ratio.total_at_1m:.1f}x",
        interval(record.quality["recall@10"]),
        f"{record.quality['recall@1'].value:.3f}",
        f"{record.latency_ms['p50']:.3g}" + ("*" if record.latency_shared else ""),
        f"{record.throughput['queries_per_s']:,.0f}",
        f"{record.seconds['fit']:.1f}",
        f"{record.throughput['encode_vectors_per_s']:,.0f}",
    )
    return dict(zip(_COLUMNS, cells, strict=True))


def interval(value: Interval, form: str = ".3f") -> str:
    """``0.943 [0.938, 0.948]``."""
    return f"{value.value:{form}} \\[{value.low:{form}}, {value.high:{form}}]"


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
