"""Which methods are distinguishable from the best of their table: tests on the same queries, Holm-corrected."""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.datasets.base import DatasetError
from bench.errors import UsageError
from bench.files import write_whole, writing
from bench.measure.statistics import Difference, Interval, holm, paired_difference, unpaired_difference
from bench.records import QUERIES_FILE, Record
from bench.report.per_query import Judges, packed_values
from bench.report.rows import HEADLINES, Row
from bench.report.words import number

ENDING = ".comparisons.csv"
_HEADLINE_K = 10
_TIE = 1e-9  # means that differ by less are equal but for rounding
_ROUNDED = 1e-6  # differences, as :func:`write` rounds them
_FIELDS = ("key", "best", "method", "budget_bytes", "difference", "low", "high", "p", "p_adjusted", "effect")


@dataclass(frozen=True)
class Comparison:
    """A row beside the best of its group; ``key`` and ``best`` are of their first seeds' records.

    ``effect`` is NaN where the two were compared by their intervals, not query by query.
    """

    key: str
    best: str
    method: str
    budget_bytes: int
    difference: float
    low: float
    high: float
    p: float
    p_adjusted: float
    effect: float

    @property
    def is_paired(self) -> bool:
        """Whether the two were compared query by query."""
        return not math.isnan(self.effect)

    def is_of_the_same(self, other: Comparison) -> bool:
        """Whether both are of the same rows with the same seeds, one perhaps rounded on its way through a file."""
        same_rows = (self.key, self.best) == (other.key, other.best)
        return same_rows and abs(self.difference - other.difference) < _ROUNDED


def compare_rows(
    rows: Sequence[Row], folders: dict[str, Path | None], measure_k: int = 10, judges: Judges | None = None
) -> tuple[list[Comparison], list[str]]:
    """Every row against the best of its group, and why some groups could not be compared.

    Rows of which neither per-query arrays nor packed recalls remain are compared by their intervals, which
    distinguishes fewer; so is every row where the best one's are missing. A group that is packed as a whole is left
    out: its comparisons lie beside it.

    Parameters
    ----------
    folders : record key -> folder of the run's per-query arrays, or None
    """
    groups: dict[tuple, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    comparisons: list[Comparison] = []
    reasons: dict[str, None] = {}
    judges = judges or Judges()
    for group in groups.values():
        try:
            comparisons += _compare_group(group, folders, judges, measure_k)
        except (UsageError, DatasetError) as error:
            reasons[str(error)] = None
    return comparisons, list(reasons)


def _compare_group(group: Sequence[Row], folders: dict[str, Path | None], judges: Judges, k: int) -> list[Comparison]:
    best = max(group, key=lambda row: row.worth)
    others = [row for row in group if row is not best]
    having = [row for row in group if _has_values(row, folders, k)]
    if not any(folders.get(record.key) for row in having for record in row.records):
        return []
    paired = {row.record.key: _per_query(row, folders, judges, k) for row in having} if best in having else {}
    differences = [
        paired_difference(paired[row.record.key], paired[best.record.key])
        if row.record.key in paired
        else unpaired_difference(row.headline_quality, best.headline_quality)
        for row in others
    ]
    return [
        Comparison(
            row.record.key,
            best.record.key,
            row.label,
            row.group[3],
            difference.value,
            difference.low,
            difference.high,
            difference.p,
            float(p_adjusted),
            difference.effect,
        )
        for row, difference, p_adjusted in zip(others, differences, holm([each.p for each in differences]))
    ]


def difference_of(row: Row, other: Row, folders: dict[str, Path | None], judges: Judges) -> Difference:
    """How much more of the headline measure a row has than another of its group.

    Paired over queries where both have their values of every seed, else by their intervals, with a NaN ``effect``.

    Parameters
    ----------
    folders : record key -> folder of the run's per-query arrays, or None

    Raises
    ------
    UsageError, DatasetError
        If arrays lie there and do not fit the record, or their data set is not to be had as it was.
    """
    kind, _, k = row.headline.partition("@")
    at = int(k) if kind == "recall" else _HEADLINE_K
    has_values = row.headline in HEADLINES or kind == "recall"
    if has_values and all(_has_values(each, folders, at) for each in (row, other)):
        first, second = (_per_query(each, folders, judges, at) for each in (row, other))
        if first.shape[-1] == second.shape[-1]:
            return paired_difference(first, second)
    return unpaired_difference(row.headline_quality, other.headline_quality)


def _per_query(row: Row, folders: dict[str, Path | None], judges: Judges, k: int) -> np.ndarray:
    return np.stack([_values(record, folders.get(record.key), judges, k) for record in row.records])


def _has_values(row: Row, folders: dict[str, Path | None], k: int) -> bool:
    def has(record: Record) -> bool:
        folder = folders.get(record.key)
        return (folder / QUERIES_FILE).exists() if folder else packed_values(record, k) is not None

    return all(map(has, row.records))


def _values(record: Record, folder: Path | None, judges: Judges, k: int) -> np.ndarray:
    """Recall@k of the record's queries, from its folder or as it was packed."""
    if folder is None:
        values = packed_values(record, k)
        assert values is not None
        return values
    return judges.values(record, folder, k)


def combine(packed: Iterable[Comparison], made: Iterable[Comparison], rows: Iterable[Row]) -> list[Comparison]:
    """The comparisons that are known of ``rows``: those made now, and packed ones of other rows.

    A packed test of pairs stays where only intervals could be compared now, if both rows are as they were.
    """
    keys = {row.record.key for row in rows}
    known = {comparison.key: comparison for comparison in packed if {comparison.key, comparison.best} <= keys}
    for comparison in made:
        before = known.get(comparison.key)
        if before is None or before.is_paired <= comparison.is_paired or not before.is_of_the_same(comparison):
            known[comparison.key] = comparison
    return list(known.values())


def mark(rows: Sequence[Row], comparisons: Iterable[Comparison]) -> list[Row]:
    """Rows with what is known of each against the best of its group.

    A comparison that was packed with the best of its day says nothing where a better method has come since.
    """
    merits = {row.record.key: row.worth for row in rows}
    leaders: dict[tuple, Row] = {}
    for row in rows:  # the best of each group stands first
        leaders.setdefault(row.group, row)
    by_key = {comparison.key: comparison for comparison in comparisons}
    marked = []
    for row in rows:
        leader = leaders[row.group]
        known = by_key.get(row.record.key)
        if known is not None and abs(merits.get(known.best, np.inf) - leader.worth) < _TIE:
            behind = Interval(known.difference, known.low, known.high)
            effect = known.effect if known.is_paired else None
            row = replace(row, p_best=known.p_adjusted, behind=behind, effect=effect)
        marked.append(replace(row, is_best=row.record.key == leader.record.key))
    return marked


def write(path: Path, comparisons: Iterable[Comparison]) -> None:
    """Write comparisons beside packed records, whose per-query arrays stay behind."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_FIELDS)
    for comparison in comparisons:
        values = [getattr(comparison, name) for name in _FIELDS]
        writer.writerow([number(value, ".6g") if isinstance(value, float) else value for value in values])
    with writing(path):
        write_whole(path, text.getvalue())


def read(path: Path) -> list[Comparison]:
    """What :func:`write` wrote; :class:`UsageError` if it is something else."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            kinds = Comparison.__dataclass_fields__
            convert = {"int": int, "float": float, "str": str}
            return [
                Comparison(**{name: convert[str(kinds[name].type)](line[name]) for name in _FIELDS})
                for line in csv.DictReader(file)
            ]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path} is not a table of comparisons: {error}; pack the records again") from error


def find(paths: Iterable[str | Path]) -> list[Comparison]:
    """All comparisons beside packed records among the given files and folders."""
    comparisons = []
    for path in map(Path, paths):
        files = sorted(path.rglob(f"*{ENDING}")) if path.is_dir() else [beside(path)]
        comparisons += [comparison for file in files if file.is_file() for comparison in read(file)]
    return comparisons


def beside(packed: Path) -> Path:
    """Where the comparisons of ``packed.parquet`` lie."""
    return packed.with_name(packed.stem + ENDING)


def folders_of(located: Iterable[tuple[Record, Path | None]]) -> dict[str, Path | None]:
    """Record key -> folder."""
    return {record.key: folder for record, folder in located}
