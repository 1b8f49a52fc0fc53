"""Operating points of a row whose codes an index visits in part, its seeds taken together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from bench.measure.statistics import combine_seeds
from bench.records.index_info import IndexInfo, OperatingPoint
from bench.report.rows import Row

__all__ = ["points_of"]


def points_of(row: Row) -> list[OperatingPoint]:
    """The points that every seed has, by ascending effort; the last visits all codes. Empty without an index.

    Recalls are over queries and seeds. Times are medians of the seeds that :attr:`Row.timed` names, as those of the
    row itself are; the share of codes is that of all seeds.
    """
    of_seeds = [record.index for record in row.records if record.index is not None]
    if not of_seeds:
        return []
    of_timed = [record.index for record in row.timed.records if record.index is not None]
    shared = set.intersection(*({point.probes for point in index.points} for index in of_seeds))
    return [_combined(probes, of_seeds, of_timed) for probes in sorted(shared)]


def _combined(probes: int, of_seeds: Sequence[IndexInfo], of_timed: Sequence[IndexInfo]) -> OperatingPoint:
    points, timed = ([index.at(probes) for index in group] for group in (of_seeds, of_timed))
    return OperatingPoint(
        probes=probes,
        scanned=float(np.mean([point.scanned for point in points])),
        quality={name: combine_seeds([point.quality[name] for point in points]) for name in points[0].quality},
        latency_ms={name: _median(point.latency_ms[name] for point in timed) for name in timed[0].latency_ms},
        latency_queries=min(point.latency_queries for point in timed),
        queries_per_s=_median(point.queries_per_s for point in timed),
    )


def _median(values: Iterable[float]) -> float:
    return float(np.median([*values]))
