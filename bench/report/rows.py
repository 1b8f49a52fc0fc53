"""Rows: the runs of one method at one budget, its seeds taken together."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.config import IN_MEMORY, RunConfig
from bench.errors import UsageError
from bench.measure.statistics import Interval, combine_seeds
from bench.records import Record, load_columns
from bench.report.names import key_of, shown_name
from bench.report.words import less_is_better

if TYPE_CHECKING:
    import pandas as pd

SIZES = {
    "codes": "bytes per item, codes alone",
    "at N": "bytes per item with parts, at this N",
    "at 1M": "bytes per item with parts, at 1M",
    "at 100M": "bytes per item with parts, at 100M",
}
HEADLINES = ("recall@10", "auc")  # what a row is ordered by: searches by the first, click models by the second
RUN_OPTIONS = (
    "train_size",
    "k",
    "threads",
    "rescore",
    "rescore_factor",
    "codes",
    "click_model",
)  # that a label may name
COSTS = {**SIZES, "p50 ms": "p50 latency of a query (ms)", "encode us": "encoding an item (µs)"}


@dataclass(frozen=True)
class Row:
    """One method at one budget on one data set.

    Attributes
    ----------
    records : tuple of Record
        Of status ok, one a seed, by ascending seed.
    label : str
        The method, and what tells it from others of its name in the same group.
    p_best : float or None
        Holm-adjusted p of its headline measure against the best of its group; None for the best itself and where
        nothing could be compared.
    behind : Interval or None
        The difference to that best, where ``p_best`` is known.
    effect : float or None
        Cohen's d of the queries' pairs; None where the two were compared by their intervals.
    is_best : bool
        Its headline measure is the best of its group.
    measure : str or None
        What stands in for the headline measure where another was requested (:func:`by_measure`).
    other_processor : bool
        Its times were taken on another processor than those of most rows of its data set.
    """

    records: tuple[Record, ...]
    label: str
    p_best: float | None = None
    behind: Interval | None = None
    effect: float | None = None
    is_best: bool = False
    measure: str | None = None
    other_processor: bool = False

    @property
    def record(self) -> Record:
        """Of the first seed."""
        return self.records[0]

    @property
    def group(self) -> tuple[str, str, str, int]:
        """Key of the data set and scenario (:func:`.names.key_of`), metric, checksum, bytes of the budget."""
        data = self.record.dataset
        return key_of(self.record), data.metric, data.checksum, self.record.budget.bytes

    @property
    def family(self) -> str:
        return self.record.method.family

    @property
    def track(self) -> str:
        """``dense``, ``multivector`` or ``table``: the kind of workload."""
        return self.record.dataset.track

    @property
    def code(self) -> int:
        """Bytes of an item in memory, the most of the seeds."""
        return max(record.bytes.code for record in self.records if record.bytes is not None)

    @property
    def headline(self) -> str:
        """The measure that the row is ordered by: ``recall@10`` or ``auc``, unless another was chosen."""
        return self.measure or headline(self.record) or HEADLINES[0]

    @property
    def headline_quality(self) -> Interval:
        """The headline measure over queries and seeds."""
        quality = self.quality(self.headline)
        assert quality is not None  # rows_of leaves out what has none
        return quality

    @property
    def worth(self) -> float:
        """The headline measure, signed so that larger is better (errors and biases: minus the absolute value)."""
        value = self.headline_quality.value
        return -abs(value) if less_is_better(self.headline) else value

    def quality(self, measure: str) -> Interval | None:
        """The measure over queries and seeds; None where no run has it."""
        of_seeds = [record.quality[measure] for record in self.records if measure in record.quality]
        return combine_seeds(of_seeds) if of_seeds else None

    def median(self, value: Callable[[Record], float | None]) -> float | None:
        """Median over the seeds."""
        known = [number for record in self.records if (number := value(record)) is not None]
        return float(np.median(known)) if known else None

    def latency(self, percentile: str) -> float | None:
        """Milliseconds; the median over the seeds whose runs had the machine to themselves, over all if none had."""
        return self.timed.median(lambda r: r.latency_ms[percentile] if r.latency_ms else None)

    @property
    def latency_shared(self) -> bool:
        """Whether other processes kept the machine busy during each run that a latency is of."""
        return any(record.latency_shared for record in self.timed.records)

    @property
    def timed(self) -> Row:
        """The row of the seeds whose latencies count: those that had the machine to themselves, or all.

        Where they ran on nodes of several kinds, of the kind that most of them ran on.
        """
        quiet = tuple(record for record in self.records if record.latency_ms and not record.latency_shared)
        return replace(self, records=_of_one_kind(quiet or self.records))

    def cost(self, name: str) -> float | None:
        """One of :data:`COSTS`."""
        if name == "p50 ms":
            return self.latency("p50")
        if name == "encode us":
            one_kind = replace(self, records=_of_one_kind(self.records))
            return one_kind.median(lambda r: 1e6 / rate if (rate := _encoded_per_s(r)) else None)
        if name == "codes":
            return float(self.code)
        ratio = {"at N": "total", "at 1M": "total_at_1m", "at 100M": "total_at_100m"}[name]
        return self.median(lambda r: r.dataset.float32_bytes / getattr(r.ratio, ratio) if r.ratio else None)

    @property
    def told_from_best(self) -> bool | None:
        """False marks "not distinguishable from the best"; None where that is not known, or it is the best."""
        return None if self.p_best is None else self.p_best < 0.05


def headline(record: Record) -> str | None:
    """The measure of :data:`HEADLINES` that ``record`` has."""
    return next((name for name in HEADLINES if name in record.quality), None)


def headlines(rows: Iterable[Row]) -> str:
    """How a column of headline measures is called: their names, each once."""
    return " / ".join(dict.fromkeys(row.headline for row in rows)) or HEADLINES[0]


def digits_of(measure: str) -> str:
    """How it is written: a share with three places, an error, however small, with three digits."""
    return ".3g" if less_is_better(measure) else ".3f"


def by_measure(rows: Sequence[Row], measure: str) -> list[Row]:
    """The rows that have ``measure``, ordered by it, best of each group first; unmarked if it is not their headline.

    Raises
    ------
    UsageError
        If no row has it; names those there are. Capitals do not matter.
    """
    known = list(dict.fromkeys(name for row in rows for name in row.record.quality))
    chosen = next((name for name in known if name.lower() == measure.lower()), None)
    if chosen is None:
        raise UsageError(f"--measure {measure} is in none of the records; use one of {', '.join(known)}")
    unmarked: dict[str, Any] = {"measure": chosen, "p_best": None, "behind": None, "effect": None, "is_best": False}
    having = [row for row in rows if row.quality(chosen) is not None]
    return sorted((row if row.headline == chosen else replace(row, **unmarked) for row in having), key=_order)


def rows_of(records: Iterable[Record]) -> list[Row]:
    """Rows of the runs that ended well, the best of each group first; budgets from large to small."""
    grouped: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.status == "ok" and headline(record) is not None:
            grouped[_identity(record)].append(record)
    rows = [Row(_one_a_seed(group), "") for group in grouped.values()]
    return sorted(_labeled(_with_processors(rows)), key=_order)


def _with_processors(rows: Sequence[Row]) -> list[Row]:
    """Rows, those marked that were timed on another processor than most of their data set."""
    by_data: dict[tuple, Counter[str]] = defaultdict(Counter)
    for row in rows:
        by_data[row.group[:3]][processor_of(row.timed.record)] += 1
    most = {data: counts.most_common(1)[0][0] for data, counts in by_data.items()}
    return [replace(row, other_processor=processor_of(row.timed.record) != most[row.group[:3]]) for row in rows]


def processor_of(record: Record) -> str:
    """What the speed of a kernel depends on: the processor's name, and the instructions that kernels choose by.

    Of a base in shards, those of all its nodes.
    """
    machines = record.shards or [record.environment]
    names = {f"{machine.get('cpu')} {' '.join(machine.get('cpu_flags', []))}" for machine in machines}
    return " / ".join(sorted(names))


def _of_one_kind(records: tuple[Record, ...]) -> tuple[Record, ...]:
    """Those that ran on the kind of processor that most ran on: times of several kinds have no median."""
    most = Counter(map(processor_of, records)).most_common(1)[0][0]
    return tuple(record for record in records if processor_of(record) == most)


def _one_a_seed(records: Iterable[Record]) -> tuple[Record, ...]:
    """Of runs of one seed, which differ in what was timed alone, that with the best latency; seeds ascending.

    Counted as two seeds they would narrow an interval by finding the same twice.
    """
    by_seed: dict[int, Record] = {}
    for record in sorted(records, key=_worth_of_times):
        by_seed[record.config["seed"]] = record
    return tuple(by_seed[seed] for seed in sorted(by_seed))


def _worth_of_times(record: Record) -> tuple:
    return not record.latency_shared, float(record.config["latency_s"]), record.clients is not None


def _identity(record: Record) -> str:
    """Equal for runs that differ in nothing but their seed; versions of a method give other codes."""
    determinants = RunConfig.from_dict(record.config).determinants()
    for ignored in ("seed", "latency_s", "clients"):
        determinants.pop(ignored, None)
    determinants |= {"budget": record.budget.bytes, "dataset": [record.dataset.checksum, record.dataset.metric]}
    determinants["version"] = record.method.version
    return json.dumps(determinants, sort_keys=True, default=str)


def _order(row: Row) -> tuple:
    name, metric, checksum, size = row.group
    return name, metric, checksum, -size, -row.worth, row.label


def _labeled(rows: Sequence[Row]) -> list[Row]:
    """Rows with their labels: parameters stand in them only where they differ between rows of one name and group.

    What is not set (``rescore=None``) is omitted, so that a method has the same name at budgets where nothing else
    of its name was measured.
    """
    by_name: dict[tuple, list[Row]] = defaultdict(list)
    for row in rows:
        by_name[(*row.group, row.record.method.full_name)].append(row)
    labeled = []
    for same_name in by_name.values():
        options = [options_of(row.record) for row in same_name]
        differing = {key for one in options for key in one if any(other.get(key) != one[key] for other in options)}
        labels = [_label(row.record.method.full_name, one, differing) for row, one in zip(same_name, options)]
        labeled += [replace(row, label=label) for row, label in zip(same_name, labels)]
    return labeled


def _label(name: str, options: dict[str, Any], differing: set[str]) -> str:
    extra = [f"{key}={options[key]}" for key in sorted(differing) if options.get(key) is not None]
    always = [
        key for key in ("index", "rescore", "codes", "shards") if options[key] is not None and key not in differing
    ]
    return " ".join([name, *(f"{key}={options[key]}" for key in always), *extra])


def options_of(record: Record) -> dict[str, Any]:
    """What a row's label may name: the method's parameters as they were requested, and settings of the run."""
    config = record.config
    scenario = (config.get("scenario") or {}).get("name", "none")
    options = {**record.method.requested, **{name: config.get(name) for name in RUN_OPTIONS}, "scenario": scenario}
    index = {} if record.index is None else {f"index.{key}": value for key, value in config["index"].items()}
    options |= {"index": index.pop("index.name", None), **index}
    if options["codes"] == IN_MEMORY:
        options["codes"] = None
    options["shards"] = None if record.shards is None else len(record.shards)
    return options | {"version": record.method.version}


def _encoded_per_s(record: Record) -> float | None:
    return (record.throughput or {}).get("encode_vectors_per_s")


def to_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """One line a row, for CSV, Parquet and Markdown: true bytes, ratios, quality with intervals, costs."""
    import pandas as pd

    return pd.DataFrame([_flat(row) for row in rows])


def _flat(row: Row) -> dict[str, Any]:
    record = row.record
    flat: dict[str, Any] = {
        "dataset": shown_name(record),
        "metric": record.dataset.metric,
        "n": record.dataset.n,
        "dim": record.dataset.dim,
        "budget": record.budget.requested,
        "budget_bytes": record.budget.bytes,
        "method": row.label,
        "family": row.family,
        "seeds": len(row.records),
        "is_best": row.is_best,
        "p_against_best": row.p_best,
    }
    flat |= {f"bytes_{name.replace(' ', '_').lower()}": row.cost(name) for name in SIZES}
    flat["parts_bytes"] = record.bytes.parts_total if record.bytes else None
    flat["disk_bytes_per_item"] = record.bytes.rescore_disk / record.dataset.n if record.bytes else None
    flat["code_entropy"] = row.median(lambda r: r.at_rest.entropy if r.at_rest else None)
    flat["code_zstd_ratio"] = row.median(lambda r: r.at_rest.zstd_ratio if r.at_rest else None)
    flat["bytes_free_order"] = row.median(lambda r: r.at_rest.order.stored if r.at_rest and r.at_rest.order else None)
    for measure in record.quality:
        if (quality := row.quality(measure)) is not None:
            flat |= {measure: quality.value, f"{measure}_low": quality.low, f"{measure}_high": quality.high}
    for percentile in ("p50", "p95", "p99"):
        flat[f"{percentile}_ms"] = row.latency(percentile)
    flat |= {name: row.median(value) for name, (_, value) in load_columns.COLUMNS.items()}
    flat["latency_shared"] = row.latency_shared
    flat["other_processor"] = row.other_processor
    flat["queries_per_s"] = row.median(lambda r: (r.throughput or {}).get("queries_per_s"))
    flat["encode_vectors_per_s"] = row.median(lambda r: (r.throughput or {}).get("encode_vectors_per_s"))
    flat["fit_s"] = row.median(lambda r: r.seconds.get("fit"))
    flat["peak_memory_bytes"] = row.median(lambda r: r.peak_memory_bytes)
    return flat
