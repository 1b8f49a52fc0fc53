"""Two result sets beside each other: before and after, two machines, two versions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.datasets.base import DatasetError
from bench.errors import UsageError
from bench.measure.statistics import Difference, holm, paired_difference
from bench.records import Record
from bench.report.names import dataset_names
from bench.report.per_query import judge_of
from bench.report.rows import Row, headlines, rows_of
from bench.report.significance import folders_of
from bench.report.tables import terminal
from bench.report.words import number

_SAME_MACHINE = ("cpu", "cpu_flags", "cores", "platform")
_SAME_BANDWIDTH = 0.25  # relative difference of measured memory bandwidth beyond which times are not compared


@dataclass(frozen=True)
class Pair:
    """One row in both sets.

    Attributes
    ----------
    recall : float
        Mean difference of the headline measure (recall@10, or auc), after minus before.
    paired : Difference or None
        The same over the same queries; None where per-query arrays or the data set are missing.
    p_adjusted : float or None
    bytes : int
        Difference of a code's bytes.
    p50_ratio : float or None
        p50 after over before; None where the environments forbid it.
    p50_spread : (float, float) or None
        Least and largest ratio over seeds where there are several.
    """

    before: Row
    after: Row
    recall: float
    paired: Difference | None
    p_adjusted: float | None
    bytes: int
    p50_ratio: float | None
    p50_spread: tuple[float, float] | None


def compare_sets(
    before: Sequence[tuple[Record, Path | None]], after: Sequence[tuple[Record, Path | None]]
) -> tuple[list[Pair], list[str]]:
    """Rows that both sets have, and warnings about what cannot be compared.

    Raises
    ------
    UsageError
        If no row is in both.
    """
    first, second = (
        {(row.group, row.label): row for row in rows_of(record for record, _ in located)} for located in (before, after)
    )
    common = [key for key in first if key in second]
    if not common:
        raise UsageError("the two sets share no method, budget and data set (same checksum); nothing can be compared")
    folders = (folders_of(before), folders_of(after))
    warnings: dict[str, None] = {}
    paired = [_paired(first[key], second[key], folders, warnings) for key in common]
    p_values = iter(holm([difference.p for difference in paired if difference is not None]))
    pairs = []
    for key, difference in zip(common, paired):
        reason = times_differ(first[key].timed.record, second[key].timed.record)
        if reason:
            warnings[f"latencies are not compared: {reason}"] = None
        ratio, spread = (None, None) if reason else _latency(first[key], second[key])
        old, new = first[key].headline_quality, second[key].headline_quality
        pairs.append(
            Pair(
                before=first[key],
                after=second[key],
                recall=new.value - old.value,
                paired=difference,
                p_adjusted=None if difference is None else float(next(p_values)),
                bytes=second[key].code - first[key].code,
                p50_ratio=ratio,
                p50_spread=spread,
            )
        )
    only = [("first", set(first) - set(second)), ("second", set(second) - set(first))]
    for which, keys in only:
        if keys:
            warnings[f"{len(keys)} rows are only in the {which} set: {_some(label for _, label in keys)}"] = None
    return pairs, list(warnings)


def _some(labels: Iterable[str]) -> str:
    names = sorted(set(labels))
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")


def _paired(
    before: Row, after: Row, folders: tuple[dict[str, Path | None], dict[str, Path | None]], warnings: dict[str, None]
) -> Difference | None:
    per_query = []
    try:
        judge = judge_of(before.record)
        for row, known in zip((before, after), folders):
            seeds = []
            for record in row.records:
                folder = known[record.key]
                if folder is None:
                    raise UsageError("packed records hold no per-query arrays")
                seeds.append(judge.values(record, folder))
            per_query.append(np.stack(seeds))
    except (UsageError, DatasetError) as error:
        warnings[f"recall is compared without a paired test: {error}"] = None
        return None
    return paired_difference(per_query[1], per_query[0])


def times_differ(before: Record, after: Record) -> str:
    """Why the times of two runs say nothing about their methods; empty if they may be compared."""
    for name in _SAME_MACHINE:
        old, new = before.environment.get(name), after.environment.get(name)
        if old != new:
            return f"{name.replace('_', ' ')} differs ({old} and {new})"
    bandwidths = [record.environment.get("memory_bandwidth_bytes_per_s") or 0.0 for record in (before, after)]
    if abs(bandwidths[1] - bandwidths[0]) > _SAME_BANDWIDTH * max(bandwidths):
        return f"memory was read at {bandwidths[0] / 1e9:.1f} and {bandwidths[1] / 1e9:.1f} GB/s"
    if before.config["threads"] != after.config["threads"] or before.config["k"] != after.config["k"]:
        return "threads or k differ"
    if before.latency_shared or after.latency_shared:
        return "other processes kept a machine busy meanwhile"
    return ""


def _latency(before: Row, after: Row) -> tuple[float | None, tuple[float, float] | None]:
    old, new = (
        [record.latency_ms["p50"] for record in row.timed.records if record.latency_ms is not None]
        for row in (before, after)
    )
    if not old or not new:
        return None, None
    spread = (min(new) / max(old), max(new) / min(old)) if len(old) + len(new) > 2 else None
    return float(np.median(new) / np.median(old)), spread


def print_comparison(pairs: Sequence[Pair], warnings: Sequence[str], console: Console | None = None) -> None:
    """The pairs as a table, then the warnings."""
    console = console or terminal()
    name = dataset_names(pair.after.record for pair in pairs)
    table = Table(title="second set against the first", title_justify="left")
    measure = headlines(pair.after for pair in pairs)
    for column in ("data set", "budget", "method", "bytes", measure, "difference", "effect", "p", "p50 ratio"):
        table.add_column(
            column, justify="left" if column in ("data set", "budget", "method") else "right", overflow="fold"
        )
    for pair in pairs:
        quality = pair.after.headline_quality
        between = pair.paired
        change = number(pair.recall, "+.4f")
        if between is not None:
            change += f" \\[{number(between.low, '+.4f')}, {number(between.high, '+.4f')}]"
        spread = f" ({pair.p50_spread[0]:.2f} to {pair.p50_spread[1]:.2f})" if pair.p50_spread else ""
        table.add_row(
            name(pair.after.record),
            pair.after.record.budget.requested,
            pair.after.label,
            f"{pair.bytes:+d}" if pair.bytes else "=",
            number(quality.value, ".4f"),
            change,
            "-" if between is None else number(between.effect, "+.2f"),
            "-" if pair.p_adjusted is None else f"{pair.p_adjusted:.2g}" + (" *" if pair.p_adjusted < 0.05 else ""),
            "-" if pair.p50_ratio is None else f"{pair.p50_ratio:.2f}{spread}",
        )
    console.print(table)
    test = "paired randomization test over queries, with several seeds Welch's too, Holm-corrected"
    console.print(f"* significant at 5%, {test}; effect: Cohen's d of the pairs", highlight=False)
    for warning in warnings:
        console.print(f"[yellow]warning[/]: {escape(warning)}", highlight=False, soft_wrap=True)
