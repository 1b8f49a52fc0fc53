"""Figures made from records; usable from a notebook and from ``python -m bench.report``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import UsageError
from bench.records import Record
from bench.report.drawing import Vertical, colors_of, ink, ratio_ticks, title_of
from bench.report.front import on_front, upper_envelope
from bench.report.labels import Label, Panel, write_labels
from bench.report.lines import by_size, code_bytes, lines_of, of_one_dataset, reads_disk, rescore_of, seeds_together
from bench.report.rows import COSTS, SIZES, Row, rows_of
from bench.report.words import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 2  # panels beside each other: what a page of text shows without shrinking the letters
_MARKERS = "os^Dv<>P"
_MOST_DIGITS = {"families": 24, "pareto": 34}  # of all tick labels of a panel together
_BEST = "0.8"  # the gray of what all methods reach together

Points = np.ndarray  # (n, 2) float64: cost, and the measure or its error as it is drawn


def pareto(
    records: Sequence[Record],
    costs: Sequence[str] = ("codes",),
    measure: str = "recall@10",
    columns: int = 2,
    error: bool | None = None,
) -> Figure:
    """A panel for each cost: every method at every budget, joined by a line; what no other beats is large and named.

    The gray line is the best of all: through the points of the Pareto front, and no line stands above it.

    Parameters
    ----------
    records : sequence of Record
        Of one data set and metric; those that are not ``ok`` are left out.
    costs : names of :data:`bench.report.rows.COSTS`
    measure : str
        A key of ``Record.quality``.
    error : bool, optional
        Draw ``1 - measure`` on a logarithmic scale; None where that is easier to read.
    """
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    rows = [row for row in rows_of(of_one_dataset(records, measure)) if row.family != "identity"]
    if not rows:
        raise UsageError(f"no compressed method has {measure}; measure one (python -m bench method=pq)")
    columns = min(columns, len(costs))
    height = -(-len(costs) // columns)
    figure, axes = plt.subplots(
        height, columns, figsize=(5.2 * columns, 4.4 * height), squeeze=False, layout="constrained"
    )
    pooled = seeds_together([record for row in rows for record in row.records], measure)
    vertical = Vertical.of(pooled, measure, error)
    panels = [_draw_front(axis, rows, pooled, cost, vertical) for axis, cost in zip(axes.flat, costs)]
    for axis in axes.flat[len(costs) :]:
        axis.set_visible(False)
    figure.suptitle(f"{title_of(rows[0].record)}; gray: best of all", x=0.01, ha="left", fontsize=10)
    names, colors = zip(*colors_of(row.family for row in rows).items())
    handles = [Line2D([], [], color=color, marker="o", linestyle="", markersize=5) for color in colors]
    figure.legend(handles, names, fontsize=9, frameon=False, loc="outside lower center", ncols=min(4, len(names)))
    write_labels(figure, panels)
    return figure


def _draw_front(axis: Axes, rows: Sequence[Row], pooled: Sequence[Record], cost: str, vertical: Vertical) -> Panel:
    if cost not in SIZES:  # a time: it compares with those of one kind of processor
        rows = [row for row in rows if not row.other_processor]
    costs = {row.record.key: row.cost(cost) for row in rows}
    pooled = [record for record in pooled if record.key in costs]
    values = np.array([row.quality(vertical.measure).value for row in rows])  # type: ignore[union-attr]
    x, y = np.array([costs[row.record.key] for row in rows], np.float64), vertical.drawn(values)
    front = on_front(x, values)
    colors = colors_of(row.family for row in rows)
    lines = []
    for line in lines_of(pooled).values():
        chosen = by_size(line, vertical.measure, lambda record: costs[record.key])
        lines.append(_points([costs[r.key] for r in chosen], chosen, vertical))
        color = colors[line[0].method.family]
        axis.plot(*lines[-1].T, color=color, linewidth=0.8, alpha=0.3, zorder=1.5, gid="method")
    points = np.stack([x, y], axis=1)
    best = _draw_best(axis, [*lines, *points[front][:, None]], vertical, linewidth=3)
    for family, color in colors.items():
        mine = np.array([row.family == family for row in rows])
        axis.scatter(x[mine & ~front], y[mine & ~front], color=color, s=14, alpha=0.25, linewidths=0, zorder=2)
        axis.scatter(x[mine & front], y[mine & front], color=color, s=28, zorder=3)
    axis.set_xscale("log", base=10)
    axis.margins(0.08, 0.06)
    _cost_ticks(axis, x, cost, rows[0].record.dataset.float32_bytes)
    vertical.set_up(axis, *vertical.limits(values.tolist()))
    axis.set_xlabel(COSTS[cost])
    axis.set_ylabel(vertical.label)
    axis.grid(color="0.93")
    axis.spines[["top", "right"]].set_visible(False)
    known = np.isfinite(x) & ~front
    named = [i for i in np.argsort(x, kind="stable").tolist() if front[i]]
    labels = [Label(rows[i].label, (x[i], y[i]), ink(colors[rows[i].family])) for i in named]
    return Panel(axis, labels, points[known], lines=[best, *lines])


def _points(costs: Sequence[float | None], records: Sequence[Record], vertical: Vertical) -> Points:
    values = vertical.drawn([record.quality[vertical.measure].value for record in records])
    return np.stack([np.array(costs, np.float64), values], axis=1)


def _draw_best(axis: Axes, lines: Sequence[Points], vertical: Vertical, linewidth: float) -> Points:
    """The envelope of the lines as a gray line behind them."""
    straight = [np.stack([np.log10(line[:, 0]), vertical.straight(line[:, 1])], axis=1) for line in lines]
    envelope = upper_envelope(straight)
    best = np.stack([10 ** envelope[:, 0], vertical.bent(envelope[:, 1])], axis=1)
    axis.plot(*best.T, color=_BEST, linewidth=linewidth, solid_capstyle="round", zorder=1, gid="best")
    return best


def _cost_ticks(axis: Axes, x: np.ndarray, cost: str, raw: float) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = axis.get_xlim()
    ratios = [2**i for i in range(24) if low <= raw / 2**i <= high]
    if cost in SIZES and len(ratios) > 1:
        ratio_ticks(axis, ratios, raw, _MOST_DIGITS["pareto"])
        return
    decades = np.ptp(np.log10(x[x > 0]))
    digits = (1, 1.5, 2, 3, 5, 7) if decades < 1.2 else (1, 2, 5) if decades < 2.5 else (1,)
    axis.xaxis.set_major_locator(LogLocator(subs=digits))
    axis.xaxis.set_major_formatter(lambda value, _: short(value))
    axis.xaxis.set_minor_formatter(NullFormatter())


def recall_against_bytes(records: Sequence[Record], measure: str = "recall@10", error: bool | None = None) -> Figure:
    """:func:`by_family` against the bytes of an item."""
    return by_family(records, "codes", measure, error)


def by_family(
    records: Sequence[Record], cost: str = "codes", measure: str = "recall@10", error: bool | None = None
) -> Figure:
    """Quality against a cost, one panel a family, every method of it named at the end of its line.

    The gray line is the same in all panels: the best of all methods, and no line stands above it, so that a panel
    shows at once where its family pays off (what also reads a disk is no part of it where the cost is bytes in
    memory). A line joins what differs in numbers only (budget, bits); other codecs and re-ranking have their own.

    Parameters
    ----------
    records : sequence of Record
        Of one data set and metric; those that are not ``ok`` are left out.
    cost : {"codes", "p50 ms"}
        Bytes in memory of an item, or latency of a single query.
    measure : str
        A key of ``Record.quality``.
    error : bool, optional
        Draw ``1 - measure`` on a logarithmic scale; None where that is easier to read.

    Raises
    ------
    UsageError
        If no record has the measure, or they come from several data sets.
    """
    import matplotlib.pyplot as plt

    good = seeds_together(of_one_dataset(records, measure), measure)
    vertical = Vertical.of(good, measure, error)
    families = sorted({record.method.family for record in good if record.method.family != "identity"})
    columns = min(_COLUMNS, max(1, len(families)))
    rows = -(-len(families) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(4.5 * columns, 3.1 * rows), sharex=True, sharey=True, squeeze=False, layout="tight"
    )
    lines = {name: by_size(line, measure, lambda r: _cost(r, cost)) for name, line in lines_of(good).items()}
    lines = {name: line for name, line in lines.items() if line}
    compared = [_drawn(line, cost, vertical) for line in _compared(lines, cost)]
    panels = []
    for axis, (family, color) in zip(axes.flat, colors_of(families).items()):
        best = _draw_best(axis, compared, vertical, linewidth=5)
        mine = {name: line for name, line in lines.items() if line[0].method.family == family}
        panels.append(_draw_family(axis, mine, cost, vertical, color, best))
        axis.set_title(family, loc="left", fontweight="bold", color=ink(color))
    for axis in axes.flat[len(families) :]:
        axis.set_visible(False)
    _decorate(axes, good, cost, vertical)
    write_labels(figure, panels, beside=True)
    return figure


def _cost(record: Record, cost: str) -> float:
    """Bytes or milliseconds of one record; NaN where it has none."""
    if cost == "codes":
        return code_bytes(record)
    return record.latency_ms["p50"] if record.latency_ms is not None else np.nan


def _drawn(line: Sequence[Record], cost: str, vertical: Vertical) -> Points:
    return _points([_cost(record, cost) for record in line], line, vertical)


def _compared(lines: Mapping[str, Sequence[Record]], cost: str) -> list[Sequence[Record]]:
    """Lines that the best of all is of: compressed, and where bytes in memory count, without what reads a disk."""
    compressed = [line for line in lines.values() if line[0].method.family != "identity"] or list(lines.values())
    if cost == "codes":
        compressed = [line for line in compressed if not any(map(reads_disk, line))] or compressed
    return compressed


def _draw_family(
    axis: Axes, lines: Mapping[str, Sequence[Record]], cost: str, vertical: Vertical, color: str, best: Points
) -> Panel:
    labels, drawn = [], []
    for number, (name, records) in enumerate(lines.items()):
        points = _drawn(records, cost, vertical)
        quality = [r.quality[vertical.measure] for r in records]
        ends = np.sort(vertical.drawn(np.array([[q.low for q in quality], [q.high for q in quality]])), axis=0)
        style: dict[str, Any] = {"marker": _MARKERS[number % len(_MARKERS)], "markersize": 3.5, "linewidth": 1.2}
        style |= {"linestyle": "--" if rescore_of(records[0]) else "-", "zorder": 2}
        axis.errorbar(points[:, 0], points[:, 1], yerr=np.abs(ends - points[:, 1]), color=color, **style)
        labels.append(Label(name, tuple(points[-1].tolist()), ink(color)))
        drawn.append(points)
    marks = np.concatenate([np.empty((0, 2)), *(points[:-1] for points in drawn)])
    owners = [label.name for label, points in zip(labels, drawn) for _ in points[:-1]]
    return Panel(axis, labels, marks, owners, [best, *drawn])


def _limits(records: Sequence[Record], vertical: Vertical) -> tuple[float, float]:
    """Of the vertical axis: 0 to 1 for recall; an AUC begins at chance and seldom ends near 1."""
    if vertical.measure == "auc" and not vertical.is_error:
        return 0.5, max(record.quality["auc"].high for record in records) + 0.01
    if vertical.is_error:
        compressed = [record for record in records if record.method.family != "identity"] or list(records)
        return vertical.limits([record.quality[vertical.measure].value for record in compressed])
    return 0.0, 1.02


def _decorate(axes: np.ndarray, records: Sequence[Record], cost: str, vertical: Vertical) -> None:
    example = records[0]
    raw = example.dataset.float32_bytes
    item = (
        "vector" if example.dataset.vectors_per_item is None else "document" if vertical.measure != "auc" else "table"
    )
    label = COSTS[cost] if cost != "codes" else f"bytes per {item} (float32: {raw:,.0f})"
    for axis in axes.flat:
        if cost == "codes":
            _byte_ticks(axis, records, raw)
        else:
            axis.set_xscale("log")
            axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        vertical.set_up(axis, *_limits(records, vertical))
        axis.grid(color="0.93")
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel(vertical.label)
    for column in axes.T:  # the last row may be filled in part
        lowest = [axis for axis in column if axis.get_visible()][-1:]
        for axis in lowest:
            axis.set_xlabel(label)
            axis.tick_params(labelbottom=True)
    title = f"{title_of(example)}; gray: best of all methods"
    if cost == "codes" and any(reads_disk(r) for r in records):
        title += " in memory"
    if cost != "codes" and any(r.latency_shared for r in records):
        title += "; measured beside other load"
    axes.flat[0].figure.suptitle(title, x=0.01, ha="left", fontsize=10)


def _byte_ticks(axis: Axes, records: Sequence[Record], raw: float) -> None:
    """Ticks at ratios to float32 that are powers of two."""
    axis.set_xscale("log", base=2)
    smallest = min(code_bytes(record) for record in records if record.bytes is not None)
    ratios = [2**i for i in range(1, max(6, round(np.log2(raw / smallest))) + 1)]
    ratio_ticks(axis, ratios, raw, _MOST_DIGITS["families"])
