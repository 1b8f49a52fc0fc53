"""Searches of a part of the codes: recall against time at each operating point of an index, as a figure and a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import UsageError
from bench.records import Record
from bench.records.index_info import IndexInfo, OperatingPoint
from bench.report.drawing import Vertical, colors_of, ink, title_of
from bench.report.index_points import points_of
from bench.report.labels import Label, Panel, write_labels
from bench.report.lines import of_one_dataset
from bench.report.rows import Row, rows_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEASURE = "recall@10"
_PANELS = {  # what is drawn of a point
    "p50 of a single query (ms)": lambda point: point.latency_ms["p50"],
    "queries a second in batches": lambda point: point.queries_per_s,
}


def with_index(records: Sequence[Record]) -> list[Row]:
    """Rows that have an index, best first.

    Raises
    ------
    UsageError
        If there is none.
    """
    rows = [row for row in rows_of(records) if row.record.index is not None]
    if not rows:
        raise UsageError("none of the records has an index; measure one (python -m bench method=trellis index=ivf)")
    return rows


def curves(records: Sequence[Record], error: bool | None = None) -> Figure:
    """A line for each method with an index, a dot for each operating point: recall@10 against time, two panels.

    Parameters
    ----------
    records : sequence of Record
        Of one data set and metric.
    error : bool, optional
        Draw ``1 - recall@10`` on a logarithmic scale; None where that is easier to read.
    """
    import matplotlib.pyplot as plt

    rows = with_index(of_one_dataset(records, MEASURE))
    colors = colors_of(row.label for row in rows)
    vertical = Vertical.of([row.record for row in rows], MEASURE, error)
    figure, axes = plt.subplots(1, len(_PANELS), figsize=(6.0 * len(_PANELS), 4.8), layout="constrained")
    panels = []
    for axis, (title, cost) in zip(axes, _PANELS.items()):
        paths = {}
        for row in rows:
            points = points_of(row)
            heights = vertical.drawn([point.quality[MEASURE].value for point in points])
            paths[row.label] = path = np.column_stack([[cost(point) for point in points], heights])
            axis.plot(*path.T, "o-", color=colors[row.label], markersize=3.5, linewidth=1.2)
        _decorate(axis, title, vertical, [point for row in rows for point in points_of(row)])
        labels = [Label(name, tuple(path[len(path) // 2].tolist()), ink(colors[name])) for name, path in paths.items()]
        panels.append(Panel(axis, labels, np.concatenate(list(paths.values())), (), list(paths.values())))
    figure.suptitle(
        f"{title_of(rows[0].record)}; each dot visits twice as many lists or candidates, or more",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    write_labels(figure, panels)
    return figure


def curves_frame(records: Sequence[Record]) -> pd.DataFrame:
    """A line for each operating point: method, bytes of code, id, links, share visited, recall with interval, times."""
    import pandas as pd

    lines = []
    for row in with_index(records):
        index, size, n = _index(row), row.record.bytes, row.record.dataset.n
        ids = index.ids_bytes / max(1, n)
        points = points_of(row)
        every = points[-1].quality[MEASURE].value
        for point in points:
            recall = point.quality[MEASURE]
            lines.append(
                {
                    "dataset": row.record.dataset.name,
                    "n": n,
                    "method": row.label,
                    "bytes": row.code if size else None,
                    "id_bytes": ids,
                    "link_bytes": index.links_bytes / max(1, n),
                    "index": index.kind,
                    "lists": index.lists or None,
                    "probes": point.probes,
                    "visited": point.scanned,
                    MEASURE: recall.value,
                    f"{MEASURE}_low": recall.low,
                    f"{MEASURE}_high": recall.high,
                    "lost_by_index": every - recall.value,
                    "p50_ms": point.latency_ms["p50"],
                    "p95_ms": point.latency_ms["p95"],
                    "queries_per_s": point.queries_per_s,
                }
            )
    return pd.DataFrame(lines)


def _index(row: Row) -> IndexInfo:
    assert row.record.index is not None
    return row.record.index


def _decorate(axis: Axes, title: str, vertical: Vertical, points: Sequence[OperatingPoint]) -> None:
    axis.set_xscale("log")
    vertical.set_up(axis, *vertical.limits([point.quality[MEASURE].value for point in points]))
    axis.set_xlabel(title)
    axis.set_ylabel(vertical.label)
    axis.grid(color="0.92")
    axis.spines[["top", "right"]].set_visible(False)
