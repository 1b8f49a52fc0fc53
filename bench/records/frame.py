"""Records as a table of pandas: one row a run, a column for each thing that a reader filters, groups and draws by."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.own_files import shown
from bench.records import Record, find, load_columns
from bench.scenarios import described

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: dict[str, tuple[str, Callable[[Record], Any]]] = {  # name -> meaning, value
    "dataset": ("name of the data set", lambda r: shown(r.dataset.name, r.config.get("dataset"))),
    "scenario": (
        "`none`, `upgrade`, `drift`, `hybrid` or `layers`, with options; `train queries`: learned from them",
        lambda r: described(r.config.get("scenario"), r.method.uses_queries) or "none",
    ),
    "uses_queries": ("the method learned from training queries", lambda r: r.method.uses_queries),
    "metric": ("`ip`, `cosine`, `l2`, `chamfer` (sets of vectors) or `auc` (tables)", lambda r: r.dataset.metric),
    "track": ("`dense`, `multivector` or `table`", lambda r: r.dataset.track),
    "method": ("its name; with `center=offset` if the run has that option", lambda r: r.method.full_name),
    "family": ("of the method", lambda r: r.method.family),
    "budget": ("as requested: `8x`, `48B`, `2bit`", lambda r: r.budget.requested),
    "budget_bytes": ("the same in bytes per item", lambda r: r.budget.bytes),
    "seed": ("of the method", lambda r: r.config.get("seed")),
    "status": ("`ok`, `skipped`, `failed`, `timeout`, `out_of_memory` or `over_budget`", lambda r: r.status),
    "reason": ("why it is not `ok`", lambda r: r.reason),
    "bytes": ("of the code of an item: all that is kept per item in memory", lambda r: r.bytes and r.bytes.code),
    "bytes_at_n": ("the same and its share of the parts (codebooks, rotations)", lambda r: _with_parts(r, "total")),
    "bytes_at_1m": ("the same at a million items", lambda r: _with_parts(r, "total_at_1m")),
    "bytes_at_100m": ("the same at a hundred million items", lambda r: _with_parts(r, "total_at_100m")),
    "parts_bytes": ("of all parts", lambda r: r.bytes and r.bytes.parts_total),
    "searcher_bytes": ("kept in memory by the searcher, of all items", lambda r: r.bytes and r.bytes.searcher),
    "disk_bytes_per_item": ("read from disk for re-ranking", lambda r: r.bytes and r.bytes.rescore_disk / r.dataset.n),
    "ratio": ("bytes as float32 over `bytes`", lambda r: r.ratio and r.ratio.codes),
    "code_entropy": ("bits that a byte of the code holds, of 8 (order 0)", lambda r: r.at_rest and r.at_rest.entropy),
    "code_zstd_ratio": ("bytes of codes over what zstd makes of them", lambda r: r.at_rest and r.at_rest.zstd_ratio),
    "bytes_free_order": (
        "of a code where the caller takes over the order of sorted codes: what is stored",
        lambda r: r.at_rest and r.at_rest.order and r.at_rest.order.stored,
    ),
    "p50_ms": ("median latency of single queries", lambda r: (r.latency_ms or {}).get("p50")),
    "p95_ms": ("its 95th percentile", lambda r: (r.latency_ms or {}).get("p95")),
    "p99_ms": ("its 99th percentile", lambda r: (r.latency_ms or {}).get("p99")),
    "latency_shared": ("other processes kept the machine busy meanwhile", lambda r: r.latency_shared),
    **load_columns.COLUMNS,
    "queries_per_s": ("searched in batches", lambda r: (r.throughput or {}).get("queries_per_s")),
    "encode_vectors_per_s": ("vectors encoded", lambda r: (r.throughput or {}).get("encode_vectors_per_s")),
    "share_of_bandwidth": (
        "rate at which a single query passes over the codes, as a share of the memory's bandwidth",
        lambda r: r.scan_bandwidth and r.scan_bandwidth.share_of_memory,
    ),
    "fit_s": ("seconds of fitting", lambda r: r.seconds.get("fit")),
    "peak_memory_bytes": ("of the run's process", lambda r: r.peak_memory_bytes),
    "n": ("items", lambda r: r.dataset.n),
    "dim": ("dimension of a vector", lambda r: r.dataset.dim),
    "queries": ("queries of the data set", lambda r: r.dataset.queries),
    "checksum": ("of the data set: samples of one name differ in it", lambda r: r.dataset.checksum),
    "k": ("neighbors requested where latency is measured", lambda r: r.config.get("k")),
    "train_size": ("most vectors that a method is fitted on", lambda r: r.config.get("train_size")),
    "threads": ("of every library", lambda r: r.config.get("threads")),
    "rescore": ("the finer store for the final order, if any", lambda r: r.config.get("rescore")),
    "version": ("of the method", lambda r: r.method.version),
    "cpu": ("name of the processor", lambda r: r.environment.get("cpu")),
    "date": ("of the run", lambda r: r.environment.get("date")),
    "key": ("of the run: the name of its folder", lambda r: r.key),
}


def load_records(path: str | Path | Sequence[str | Path]) -> pd.DataFrame:
    """The records below a path, one row a run, in order of path.

    Parameters
    ----------
    path : str, Path or a sequence of them
        A folder (of runs, of packed records, or both), a ``record.json``, or a ``.parquet`` or ``.jsonl`` file made by
        ``python -m bench.report --pack``. A run that lies there several times comes once.

    Returns
    -------
    DataFrame
        The columns :data:`COLUMNS`, in which None or NaN is what a run does not have; then, of each measure
        (``recall@10``, ``nDCG@10``, ``auc``, ...), its mean over the queries and the bounds of the 95% interval
        (``recall@10_low``, ``recall@10_high``); then the parameters that the method ran with: ``params.bits``, and
        ``params.codec_params.bits`` of an inner codec, as they were called then. Runs that did not end
        well are rows too.

    Raises
    ------
    UsageError
        If there is no such path, or a file is not readable; one line that names it.

    Examples
    --------
    >>> frame = bench.load_records("results/published")
    >>> frame[(frame.status == "ok") & (frame.budget == "16x")].pivot_table("recall@10", "method", "dataset")
    """
    return to_frame(find([path] if isinstance(path, (str, Path)) else path))


def to_frame(records: Iterable[Record]) -> pd.DataFrame:
    """Records, as :func:`bench.run` and :func:`bench.sweep` return them, in the form of :func:`load_records`."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    measured: dict[str, None] = {}
    params: set[str] = set()
    for record in records:
        quality, given = dict(_quality(record)), dict(_flat("params", record.method.params or {}))
        rows.append({name: value(record) for name, (_, value) in COLUMNS.items()} | quality | given)
        measured |= dict.fromkeys(quality)
        params |= set(given)
    return pd.DataFrame(rows, columns=[*COLUMNS, *measured, *sorted(params)])


def _with_parts(record: Record, ratio: str) -> float | None:
    stored = record.ratio and getattr(record.ratio, ratio)
    return record.dataset.float32_bytes / stored if stored else None


def _quality(record: Record) -> Iterator[tuple[str, float]]:
    for name, measure in record.quality.items():
        yield from ((name, measure.value), (f"{name}_low", measure.low), (f"{name}_high", measure.high))


def _flat(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Nested parameters under dotted names; a list, which no column compares, as JSON."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}.{name}", value)
        else:
            yield f"{prefix}.{name}", json.dumps(value) if isinstance(value, list) else value
