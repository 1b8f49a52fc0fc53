"""Records of runs: one JSON document each, checked when written and when read, plus per-query arrays."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench import own_files
from bench.errors import UsageError
from bench.files import write_whole
from bench.measure.at_rest import CodesAtRest
from bench.measure.by_group import GroupInfo
from bench.measure.kinds import Diagnosis
from bench.measure.statistics import Interval
from bench.records import packed, typed
from bench.records.disk_info import DiskInfo
from bench.records.drift_info import DriftInfo
from bench.records.engine_info import EngineInfo
from bench.records.hybrid_info import HybridInfo
from bench.records.index_info import IndexInfo
from bench.records.load_info import LoadPoint

SCHEMA = 1  # raise it when the same run would be measured, or its record laid out, differently
RECORD_FILE, QUERIES_FILE = "record.json", "queries.npz"
Status = Literal["ok", "skipped", "failed", "timeout", "out_of_memory", "over_budget"]
FAILURES: tuple[Status, ...] = ("failed", "timeout", "out_of_memory")


@dataclass(frozen=True)
class MethodInfo:
    """``params`` are the constructor's: what ``for_budget`` made of the budget; ``requested`` is what the user gave.

    ``uses_queries`` says that it learned from training queries, which most methods do not see.
    """

    name: str
    family: str
    version: str
    requested: dict[str, Any]
    params: dict[str, Any] | None
    uses_queries: bool = False

    @property
    def full_name(self) -> str:
        """The name, with the option that changes any method's codes: ``pq center=offset``."""
        center = self.requested.get("center")
        return f"{self.name} center={center}" if isinstance(center, str) else self.name


@dataclass(frozen=True)
class DatasetInfo:
    """``trained_on`` says what methods are fitted on: the data set's training vectors, or its base.

    ``vectors_per_item`` is the mean size of a set, None where an item is one vector.
    """

    name: str
    n: int
    dim: int
    queries: int
    metric: str
    checksum: str
    trained_on: str
    n_train: int
    vectors_per_item: float | None = None

    @property
    def track(self) -> str:
        """``dense``, ``multivector`` or ``table``: the kind of workload."""
        return "table" if self.metric == "auc" else "dense" if self.vectors_per_item is None else "multivector"

    @property
    def float32_bytes(self) -> float:
        """Of an item: of a vector, or on average of a set of vectors."""
        return 4.0 * self.dim * (self.vectors_per_item or 1.0)


@dataclass(frozen=True)
class BudgetInfo:
    """``bytes`` is the most that a code may take, ``unused`` what the code leaves of it."""

    requested: str
    bytes: int
    unused: int | None


@dataclass(frozen=True)
class Bytes:
    """Counted bytes. ``code`` is one item's, everything stored per item included (in memory): the mean, rounded up,
    where items' codes differ in size, and ``code_largest`` is then the largest.

    ``code_total`` is all codes, ``parts`` what is stored besides by name, ``searcher`` what the searcher keeps
    resident per code (``searcher_padding`` of it fills up the last block), ``rescore_memory`` and
    ``rescore_disk`` the finer store's, ``ids`` and ``links`` an index's. ``made_of`` is what a table (one item) is
    stored as, by the arrays' names.
    """

    code: int
    code_total: int
    parts: dict[str, int]
    parts_total: int
    searcher: int
    searcher_padding: int
    rescore_memory: int
    rescore_disk: int
    code_largest: int | None = None
    made_of: dict[str, int] | None = None
    ids: int | None = None
    links: int | None = None


@dataclass(frozen=True)
class Ratio:
    """Float32 bytes over stored bytes in memory: of the codes alone, and with the parts at three sizes."""

    codes: float
    total: float
    total_at_1m: float
    total_at_100m: float


@dataclass(frozen=True)
class ScanBandwidth:
    """Bytes of codes scanned in a second by a search: how near it is to the machine's limit.

    ``single`` is of single queries (their p50), ``share_of_memory`` is ``single`` over the bandwidth with which one
    thread reads memory here (above 1 for codes that stay in a cache, or with several threads), ``batch`` is of batches,
    where a code is read once for several queries.
    """

    single: float
    share_of_memory: float
    batch: float


@dataclass(frozen=True)
class Record:
    """One run. Fields beyond ``environment`` are None unless ``status`` is ``ok`` (or what was known before it ended).

    ``quality`` holds means over queries with 95% bootstrap intervals; ``latency_ms`` comes from one pass of single
    queries (``latency_queries`` of them) and is marked ``latency_shared`` where other processes kept the machine busy;
    its ``fixed`` is what of p50 does not grow with the number of codes.
    ``diagnosis`` says what the data set's vectors are like; None of click data and of runs by earlier versions.
    ``recalls`` is recall@10 of each distinct query, as :meth:`bench.report.per_query.RecallOfQueries.values` gives it,
    where a packed record has it: its per-query arrays stay behind, and methods that are measured later are tested
    against it. ``engine`` is of runs that measured a real engine instead of a method, ``index`` of those whose searches
    visit some of the codes, ``drift`` of those whose vectors arrived in time, ``hybrid`` of codes beside postings.
    ``shards`` has, of a base in shards, the rows, node and processor of each, its seconds and peak memory.
    ``disk`` is of those whose searches read a file, ``clients`` of those with ``clients=``, ``at_rest`` of single
    vectors' codes, 1,024 or more, ``groups`` (heading -> group) of queries that have any.
    """

    schema: int
    key: str
    status: Status
    reason: str
    method: MethodInfo
    dataset: DatasetInfo
    budget: BudgetInfo
    config: dict[str, Any]
    environment: dict[str, Any]
    bytes: Bytes | None = None
    ratio: Ratio | None = None
    quality: dict[str, Interval] = field(default_factory=dict)
    latency_ms: dict[str, float] | None = None
    latency_queries: int | None = None
    latency_shared: bool | None = None
    throughput: dict[str, float] | None = None
    scan_bandwidth: ScanBandwidth | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory_bytes: int | None = None
    memory_bytes: dict[str, int] = field(default_factory=dict)
    queries_sha256: str | None = None
    diagnosis: Diagnosis | None = None
    recalls: list[float] | None = None
    engine: EngineInfo | None = None
    index: IndexInfo | None = None
    drift: DriftInfo | None = None
    hybrid: HybridInfo | None = None
    shards: list[dict[str, Any]] | None = None
    disk: DiskInfo | None = None
    clients: list[LoadPoint] | None = None
    at_rest: CodesAtRest | None = None
    groups: dict[str, dict[str, GroupInfo]] | None = None

    def to_json(self) -> str:
        """Strict JSON (no NaN), indented, keys in the order of the fields."""
        return json.dumps(dataclasses.asdict(self), indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Record:
        """The record in ``text``; ValueError names the first field that is missing, unknown or of a wrong type."""
        values = json.loads(text)
        if isinstance(values, dict) and values.get("schema") != SCHEMA:
            raise ValueError(f"record schema {values.get('schema')!r} is not {SCHEMA}; measure again with rerun=true")
        return from_dict(values)


def from_dict(values: dict[str, Any]) -> Record:
    """The record made of nested dictionaries; ValueError names the first field that does not fit."""
    return typed.built(Record, values, "record")


def run_folder(results: str | Path, dataset: str, method: str, key: str) -> Path:
    """Where the run with this key keeps its record: ``results/runs/<dataset>/<method>/<key>``."""
    return Path(results) / "runs" / dataset / method / key


def write(record: Record, folder: Path, queries_file: Path | None = None) -> Path:
    """Write ``record.json`` into ``folder``, whole or not at all; moves ``queries_file`` there first.

    The record goes last and holds the hash of the per-query arrays, so that a record that exists is finished and
    arrays of another attempt are noticed.
    """
    text = record.to_json()
    Record.from_json(text)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if queries_file is not None:
            os.replace(queries_file, folder / QUERIES_FILE)
        write_whole(folder / RECORD_FILE, text)
    except OSError as error:
        raise UsageError(
            f"cannot write the record into {folder}: {error.strerror or error}; choose another folder with results=DIR"
        ) from error
    return folder / RECORD_FILE


def read(path: str | Path) -> Record:
    """The record in a ``record.json`` (or in the folder that holds one).

    Raises
    ------
    UsageError
        If the file is not a record of this version; it names the file and the field.
    """
    path = Path(path)
    path = path / RECORD_FILE if path.is_dir() else path
    try:
        return Record.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not a readable record: {error}") from error


def read_finished(folder: Path) -> Record | None:
    """The record in ``folder`` if a run finished there; None if there is none or it is of another version."""
    try:
        return read(folder) if (folder / RECORD_FILE).exists() else None
    except UsageError:
        return None


def mark(folder: Path) -> int | None:
    """Another number for each record that is written into ``folder``; None while there is none."""
    try:
        return (folder / RECORD_FILE).stat().st_mtime_ns
    except OSError:
        return None


def read_queries(folder: str | Path) -> dict[str, np.ndarray]:
    """Arrays of a run: ``ids`` and ``scores`` (nq, 100), ``recall@k`` (nq,), ``milliseconds`` (queries timed,)."""
    folder = Path(folder)
    path, record = folder / QUERIES_FILE, read(folder)
    if not path.exists() or file_sha256(path) != record.queries_sha256:
        raise UsageError(f"{path} is missing or belongs to another attempt; measure again with rerun=true")
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def find(paths: Iterable[str | Path]) -> Iterator[Record]:
    """All records below the given files and folders (``record.json`` and packed ones), in order of path."""
    return (record for record, _ in locate(paths))


def locate(paths: Iterable[str | Path]) -> Iterator[tuple[Record, Path | None]]:
    """As :func:`find`, each with the folder that may hold its per-query arrays; None for a packed record.

    A run that is there several times (packed and in its folder, say) is given once: from a folder if possible, and its
    newest measurement.
    """
    by_key: dict[str, tuple[Record, Path | None]] = {}
    for record, folder in _all(paths):
        if (known := by_key.get(record.key)) is None or _preference(record, folder) > _preference(*known):
            by_key[record.key] = record, folder
    return iter(by_key.values())


def newest_versions(located: Iterable[tuple[Record, Path | None]]) -> list[tuple[Record, Path | None]]:
    """Records of each method's version that was measured last on a data set within a budget, however it was spelled.

    A version is of a whole method, but often changes the codes of some budgets alone, and only those are measured anew.
    """
    located = list(located)
    last: dict[tuple[str | int, ...], tuple[str, str]] = {}
    for record, _ in located:
        of, measured = _method_on(record), (str(record.environment.get("date", "")), record.method.version)
        last[of] = max(measured, last.get(of, measured))
    return [(record, folder) for record, folder in located if record.method.version == last[_method_on(record)][1]]


def _method_on(record: Record) -> tuple[str | int, ...]:
    name = own_files.key_of(record.dataset.name, record.config.get("dataset"))
    return name, record.dataset.checksum, record.method.full_name, record.budget.bytes  # 16x and 96B may be one budget


def _preference(record: Record, folder: Path | None) -> tuple[bool, str]:
    return folder is not None, str(record.environment.get("date", ""))


def _all(paths: Iterable[str | Path]) -> Iterator[tuple[Record, Path | None]]:
    for path in map(Path, paths):
        if not path.exists():
            raise UsageError(f"{path} does not exist; give a record.json, packed records or a folder of them")
        files = sorted([*path.rglob(RECORD_FILE), *packed.find(path)]) if path.is_dir() else [path]
        for file in files:
            if file.suffix in packed.ENDINGS:
                yield from ((record, None) for record in _unpack(file))
            else:
                yield read(file), file.parent


def pack(records: Iterable[Record], path: Path) -> None:
    """Write records into one ``.parquet`` or ``.jsonl`` file, whole or not at all, without their folders."""
    rows = [dataclasses.asdict(record) for record in records]
    for values in rows:
        values["config"]["results"] = "results"
    packed.write(rows, path)


def _unpack(path: Path) -> Iterator[Record]:
    for where, text in packed.read(path):
        try:
            yield Record.from_json(text)
        except ValueError as error:
            raise UsageError(f"{path}, {where}, is not a readable record: {error}") from error


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
