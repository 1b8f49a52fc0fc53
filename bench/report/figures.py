"""Figures made from records; usable from a notebook and from ``python -m bench.report``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import UsageError
from bench.records import Record
from bench.report.labels import place_labels
from bench.report.pareto import on_front
from bench.report.rows import COSTS, SIZES, Row, raw_bytes, rows_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by colour-blind readers too; then some of Tol's for more families.
_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#555555",
    "#882255",
    "#999933",
    "#332288",
)
_COLUMNS = 3
_LABEL_GAP = 0.055  # least distance of two labels, as a share of the height


def colours_of(families: Iterable[str]) -> dict[str, str]:
    """A colour for each family of one data set, the same in figures and on the page."""
    return {family: _COLOURS[i % len(_COLOURS)] for i, family in enumerate(sorted({*families} - {"identity"}))}


def pareto(
    records: Sequence[Record], costs: Sequence[str] = ("codes",), measure: str = "recall@10", columns: int = 2
) -> Figure:
    """A panel for each cost: every method at every budget, the Pareto front joined and named, dominated points pale.

    Parameters
    ----------
    records : sequence of Record
        Of one data set and metric; those that are not ``ok`` are left out.
    costs : names of :data:`bench.report.rows.COSTS`
    measure : str
        A key of ``Record.quality``.
    """
    import matplotlib.pyplot as plt

    rows = [row for row in rows_of(_of_one_dataset(records, measure)) if row.family != "identity"]
    if not rows:
        raise UsageError(f"no compressed method has {measure}; measure one (python -m bench method=pq)")
    columns = min(columns, len(costs))
    height = -(-len(costs) // columns)
    figure, axes = plt.subplots(height, columns, figsize=(6.4 * columns, 4.8 * height), squeeze=False, layout="tight")
    for axis, cost in zip(axes.flat, costs):
        _draw_front(axis, rows, cost, measure)
    for axis in axes.flat[len(costs) :]:
        axis.set_visible(False)
    figure.suptitle(_title(rows[0].record), x=0.01, ha="left", fontsize=10)
    for axis, cost in zip(axes.flat, costs):
        _name_front(axis, rows, cost, measure)
    return figure


def _draw_front(axis: Axes, rows: Sequence[Row], cost: str, measure: str) -> None:
    from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter

    x, y, front = _points(rows, cost, measure)
    colours = colours_of(row.family for row in rows)
    order = np.argsort(x[front])
    axis.plot(x[front][order], y[front][order], color="0.75", linewidth=1.5, drawstyle="steps-post", zorder=1)
    for family, colour in colours.items():
        mine = np.array([row.family == family for row in rows])
        axis.scatter(x[mine & ~front], y[mine & ~front], color=colour, s=14, alpha=0.25, linewidths=0, zorder=2)
        axis.scatter(x[mine & front], y[mine & front], color=colour, s=28, label=family, zorder=3)
    axis.set_xscale("log", base=10)
    if cost in SIZES:
        axis.xaxis.set_major_locator(FixedLocator([raw_bytes(rows[0].record) / 2**i for i in range(12)]))
    else:
        wide = np.ptp(np.log10(x[x > 0])) > 1.5
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if wide else (1, 1.5, 2, 3, 5, 7)))
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel(COSTS[cost])
    axis.set_ylabel(measure)
    axis.margins(0.08, 0.06)
    axis.grid(color="0.93")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(fontsize=7, frameon=False, loc="lower right")


def _name_front(axis: Axes, rows: Sequence[Row], cost: str, measure: str) -> None:
    x, y, front = _points(rows, cost, measure)
    colours = colours_of(row.family for row in rows)
    chosen = [(x[i], y[i], rows[i].label, colours[rows[i].family]) for i in np.flatnonzero(front).tolist()]
    chosen.sort()
    place_labels(axis, [c[:2] for c in chosen], [c[2] for c in chosen], [c[3] for c in chosen], fontsize=7)


def _points(rows: Sequence[Row], cost: str, measure: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = np.array([row.cost(cost) for row in rows], np.float64)  # None becomes NaN
    y = np.array([quality.value if (quality := row.quality(measure)) else np.nan for row in rows])
    return x, y, on_front(x, y)


def _title(record: Record) -> str:
    data = record.dataset
    sets = "" if data.vectors_per_item is None else f"{data.vectors_per_item:.1f} x "
    return f"{data.name}: {data.n:,} x {sets}{data.dim}, {data.metric}"


def _of_one_dataset(records: Sequence[Record], measure: str) -> list[Record]:
    good = [record for record in records if record.status == "ok" and measure in record.quality]
    if not good:
        raise UsageError(f"no record has {measure}; measure something first (python -m bench)")
    kinds = {(record.dataset.name, record.dataset.metric, record.dataset.checksum) for record in good}
    if len(kinds) > 1:
        names = ", ".join(sorted(f"{name} ({metric})" for name, metric, _ in kinds))
        raise UsageError(f"the records are of several data sets: {names}; draw one at a time with --dataset")
    return good


def recall_against_bytes(records: Sequence[Record], measure: str = "recall@10") -> Figure:
    """Recall against bytes per vector, one panel a family, every method of it labelled at its line.

    The grey line is the same in all panels: the best of all methods at each size, so that a panel shows at once
    where its family is worth its bytes.

    Parameters
    ----------
    records : sequence of Record
        Of one data set and metric; those that are not ``ok`` are left out.
    measure : str
        A key of ``Record.quality``.

    Raises
    ------
    UsageError
        If no record has the measure, or they come from several data sets.
    """
    import matplotlib.pyplot as plt

    good = _of_one_dataset(records, measure)
    families = sorted({record.method.family for record in good if record.method.family != "identity"})
    rows = -(-len(families) // _COLUMNS)
    figure, axes = plt.subplots(
        rows, _COLUMNS, figsize=(4.2 * _COLUMNS, 3.4 * rows), sharex=True, sharey=True, squeeze=False, layout="tight"
    )
    best = _best_at_each_size(good, measure)
    for axis, (family, colour) in zip(axes.flat, colours_of(families).items()):
        axis.plot(*best, color="0.8", linewidth=5, solid_capstyle="round", zorder=1)
        _draw_family(axis, [record for record in good if record.method.family == family], measure, colour)
        axis.set_title(family, loc="left", fontweight="bold", color=colour)
    for axis in axes.flat[len(families) :]:
        axis.set_visible(False)
    _decorate(axes, good[0], measure)
    return figure


def _best_at_each_size(records: Sequence[Record], measure: str) -> tuple[np.ndarray, np.ndarray]:
    """Sizes and the best figure reached with at most as many bytes."""
    compressed = [r for r in records if r.method.family != "identity"] or list(records)
    points = sorted((r.bytes.code, r.quality[measure].value) for r in compressed if r.bytes is not None)
    sizes, values = np.array(points).T
    return sizes, np.maximum.accumulate(values)


def _draw_family(axis: Axes, records: Sequence[Record], measure: str, colour: str) -> None:
    ends = []
    for name in sorted({record.method.name for record in records}):
        points = {r.bytes.code: r.quality[measure] for r in records if r.method.name == name and r.bytes is not None}
        sizes = sorted(points)
        values = [points[size].value for size in sizes]
        errors = [
            [v - points[s].low for s, v in zip(sizes, values)],
            [points[s].high - v for s, v in zip(sizes, values)],
        ]
        axis.errorbar(sizes, values, yerr=errors, color=colour, marker="o", markersize=3.5, linewidth=1.2, zorder=2)
        ends.append((values[-1], sizes[-1], name))
    for place, (value, size, name) in zip(_spread([value for value, _, _ in sorted(ends)]), sorted(ends)):
        axis.annotate(
            name,
            (size, value),
            xytext=(1.03, place),
            textcoords=("axes fraction", "data"),
            fontsize=8,
            va="center",
            color=colour,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.4, "alpha": 0.6},
        )


def _spread(ascending: Sequence[float]) -> list[float]:
    """Heights at least a label apart, as near to the given ones as pushing down from the top allows."""
    places = list(ascending)
    ceiling = 1.02
    for i in reversed(range(len(places))):
        places[i] = min(places[i], ceiling)
        ceiling = places[i] - _LABEL_GAP
    return places


def _decorate(axes: np.ndarray, example: Record, measure: str) -> None:
    raw = raw_bytes(example)
    for axis in axes.flat:
        axis.set_xscale("log", base=2)
        ticks = [raw / ratio for ratio in (2, 4, 8, 16, 32, 64)]
        axis.set_xticks(ticks, [f"{tick:.0f}" for tick in ticks])
        axis.minorticks_off()
        axis.set_ylim(0, 1.02)
        axis.grid(color="0.93")
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel(measure)
    for column in axes.T:  # the last row may be filled in part
        lowest = [axis for axis in column if axis.get_visible()][-1:]
        for axis in lowest:
            axis.set_xlabel(f"bytes per item (float32: {raw:,.0f})")
            axis.tick_params(labelbottom=True)
    axes.flat[0].figure.suptitle(f"{_title(example)}; grey: best of all methods", x=0.01, ha="left", fontsize=10)
