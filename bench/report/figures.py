"""Figures made from records; usable from a notebook and from ``python -m bench.report``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import UsageError
from bench.records import Record
from bench.report.front import on_front
from bench.report.labels import place_labels
from bench.report.names import shown_name
from bench.report.rows import COSTS, SIZES, Row, rows_of
from bench.report.words import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colors, which color-blind readers distinguish too; then some of Tol's for more families.
_COLORS = (
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
_MARKERS = "os^Dv<>P"
_MOST_DIGITS = {"families": 24, "pareto": 40}  # of all tick labels of a panel together
_LABEL_GAP = 0.055  # least distance of two labels, as a share of the height


def colors_of(families: Iterable[str]) -> dict[str, str]:
    """A color for each family of one data set, the same in figures and on the page."""
    return {family: _COLORS[i % len(_COLORS)] for i, family in enumerate(sorted({*families} - {"identity"}))}


def ink(color: str) -> str:
    """The color darkened until small text in it can be read on white (WCAG 2's contrast of 4.5)."""
    from matplotlib.colors import to_hex, to_rgb

    red, green, blue = to_rgb(color)

    def luminance(shade: float) -> float:
        linear = [
            ((shade * c + 0.055) / 1.055) ** 2.4 if shade * c > 0.04045 else shade * c / 12.92
            for c in (red, green, blue)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    shade = next(s for s in np.linspace(1, 0, 101).tolist() if 1.05 / (luminance(s) + 0.05) >= 4.5)
    return to_hex((shade * red, shade * green, shade * blue))


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
    from matplotlib.lines import Line2D

    rows = [row for row in rows_of(of_one_dataset(records, measure)) if row.family != "identity"]
    if not rows:
        raise UsageError(f"no compressed method has {measure}; measure one (python -m bench method=pq)")
    columns = min(columns, len(costs))
    height = -(-len(costs) // columns)
    figure, axes = plt.subplots(
        height, columns, figsize=(6.4 * columns, 4.8 * height), squeeze=False, layout="constrained"
    )
    for axis, cost in zip(axes.flat, costs):
        _draw_front(axis, rows, cost, measure)
    for axis in axes.flat[len(costs) :]:
        axis.set_visible(False)
    figure.suptitle(title_of(rows[0].record), x=0.01, ha="left", fontsize=10)
    names, colors = zip(*colors_of(row.family for row in rows).items())
    handles = [Line2D([], [], color=color, marker="o", linestyle="", markersize=5) for color in colors]
    figure.legend(handles, names, fontsize=8, frameon=False, loc="outside lower center", ncols=len(names))
    for axis, cost in zip(axes.flat, costs):
        _name_front(axis, rows, cost, measure)
    return figure


def _draw_front(axis: Axes, rows: Sequence[Row], cost: str, measure: str) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    x, y, front = _points(rows, cost, measure)
    colors = colors_of(row.family for row in rows)
    order = np.argsort(x[front])
    axis.plot(x[front][order], y[front][order], color="0.75", linewidth=1.5, drawstyle="steps-post", zorder=1)
    for family, color in colors.items():
        mine = np.array([row.family == family for row in rows])
        axis.scatter(x[mine & ~front], y[mine & ~front], color=color, s=14, alpha=0.25, linewidths=0, zorder=2)
        axis.scatter(x[mine & front], y[mine & front], color=color, s=28, zorder=3)
    axis.set_xscale("log", base=10)
    axis.margins(0.08, 0.06)
    raw, (low, high) = rows[0].record.dataset.float32_bytes, axis.get_xlim()
    ratios = [2**i for i in range(24) if low <= raw / 2**i <= high]
    if cost in SIZES and len(ratios) > 1:
        ratio_ticks(axis, ratios, raw, _MOST_DIGITS["pareto"])
    else:
        decades = np.ptp(np.log10(x[x > 0]))
        digits = (1, 1.5, 2, 3, 5, 7) if decades < 1.5 else (1, 2, 5) if decades < 3 else (1,)
        axis.xaxis.set_major_locator(LogLocator(subs=digits))
        axis.xaxis.set_major_formatter(lambda value, _: short(value))
        axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel(COSTS[cost])
    axis.set_ylabel(measure)
    axis.grid(color="0.93")
    axis.spines[["top", "right"]].set_visible(False)


def _name_front(axis: Axes, rows: Sequence[Row], cost: str, measure: str) -> None:
    x, y, front = _points(rows, cost, measure)
    colors = {family: ink(color) for family, color in colors_of(row.family for row in rows).items()}
    chosen = [(x[i], y[i], rows[i].label, colors[rows[i].family]) for i in np.flatnonzero(front).tolist()]
    chosen.sort()
    place_labels(axis, [c[:2] for c in chosen], [c[2] for c in chosen], [c[3] for c in chosen], fontsize=7)


def _points(rows: Sequence[Row], cost: str, measure: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = np.array([row.cost(cost) for row in rows], np.float64)  # None becomes NaN
    y = np.array([quality.value if (quality := row.quality(measure)) else np.nan for row in rows])
    return x, y, on_front(x, y)


def title_of(record: Record) -> str:
    data, name = record.dataset, shown_name(record)
    if data.metric == "auc":
        return f"{name}: a table of {data.vectors_per_item:,.0f} x {data.dim}, {data.queries:,} test examples"
    sets = "" if data.vectors_per_item is None else f"{data.vectors_per_item:.1f} x "
    return f"{name}: {data.n:,} x {sets}{data.dim}, {data.metric}"


def of_one_dataset(records: Sequence[Record], measure: str) -> list[Record]:
    good = [record for record in records if record.status == "ok" and measure in record.quality]
    if not good:
        raise UsageError(f"no record has {measure}; measure something first (python -m bench)")
    kinds = {(shown_name(record), record.dataset.metric, record.dataset.checksum) for record in good}
    if len(kinds) > 1:
        names = ", ".join(sorted(f"{name} ({metric})" for name, metric, _ in kinds))
        raise UsageError(f"the records are of several data sets: {names}; draw one at a time with --dataset")
    return good


def seeds_together(records: Sequence[Record], measure: str) -> list[Record]:
    """One record a row: the first seed's, with the measure and the latency of all."""
    pooled = []
    for row in rows_of(records):
        quality, p50 = row.quality(measure), row.latency("p50")
        assert quality is not None  # each of the records has it
        latency = None if p50 is None else {**(row.timed.record.latency_ms or {}), "p50": p50}
        measures = {**row.record.quality, measure: quality}
        pooled.append(replace(row.record, quality=measures, latency_ms=latency, latency_shared=row.latency_shared))
    return pooled


def recall_against_bytes(records: Sequence[Record], measure: str = "recall@10") -> Figure:
    """:func:`by_family` against the bytes of an item."""
    return by_family(records, "codes", measure)


def by_family(records: Sequence[Record], cost: str = "codes", measure: str = "recall@10") -> Figure:
    """Quality against a cost, one panel a family, every method of it labeled at its line.

    The gray line is the same in all panels: the best of all methods at each cost, so that a panel shows at once
    where its family pays off (what also reads a disk is no part of it where the cost is bytes in
    memory). A line joins what differs in numbers only (budget, bits); other codecs and re-ranking have their own.

    Parameters
    ----------
    records : sequence of Record
        Of one data set and metric; those that are not ``ok`` are left out.
    cost : {"codes", "p50 ms"}
        Bytes in memory of an item, or latency of a single query.
    measure : str
        A key of ``Record.quality``.

    Raises
    ------
    UsageError
        If no record has the measure, or they come from several data sets.
    """
    import matplotlib.pyplot as plt

    good = seeds_together(of_one_dataset(records, measure), measure)
    families = sorted({record.method.family for record in good if record.method.family != "identity"})
    columns = 2 if len(families) == 4 else min(_COLUMNS, max(1, len(families)))
    rows = -(-len(families) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(4.2 * columns, 3.4 * rows), sharex=True, sharey=True, squeeze=False, layout="tight"
    )
    best, lines = _best_at_each_cost(good, cost, measure), lines_of(good)
    for axis, (family, color) in zip(axes.flat, colors_of(families).items()):
        axis.plot(*best, color="0.8", linewidth=5, solid_capstyle="round", drawstyle="steps-post", zorder=1)
        mine = {name: line for name, line in lines.items() if line[0].method.family == family}
        _draw_family(axis, mine, cost, measure, color, _limits(good, measure))
        axis.set_title(family, loc="left", fontweight="bold", color=ink(color))
    for axis in axes.flat[len(families) :]:
        axis.set_visible(False)
    _decorate(axes, good, cost, measure)
    return figure


def _cost(record: Record, cost: str) -> float:
    """Bytes or milliseconds of one record; NaN where it has none."""
    if cost == "codes":
        return float(record.bytes.code) if record.bytes is not None else np.nan
    return record.latency_ms["p50"] if record.latency_ms is not None else np.nan


def reads_disk(record: Record) -> bool:
    return record.bytes is not None and record.bytes.rescore_disk > 0


def _best_at_each_cost(records: Sequence[Record], cost: str, measure: str) -> tuple[np.ndarray, np.ndarray]:
    """Costs and the best figure reached with at most as much."""
    compressed = [r for r in records if r.method.family != "identity"] or list(records)
    if cost == "codes":
        compressed = [r for r in compressed if not reads_disk(r)] or compressed
    points = sorted((_cost(r, cost), r.quality[measure].value) for r in compressed if np.isfinite(_cost(r, cost)))
    costs, values = np.array(points).reshape(-1, 2).T
    last = np.append(np.diff(costs) > 0, True)  # of those that cost the same, the best is reached
    return costs[last], np.maximum.accumulate(values)[last]


def lines_of(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Records by the name of their line: the method, and its options other than numbers where they differ."""
    named: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda r: r.method.full_name):
        named.setdefault(record.method.full_name, []).append(record)
    lines: dict[str, list[Record]] = {}
    for name, same_name in named.items():
        options = [{**r.method.requested, "rescore": rescore_of(r)} for r in same_name]
        keys = sorted(
            {key for one in options for key, value in one.items() if isinstance(value, str | bool)} - {"name"}
        )
        differing = [key for key in keys if len({str(one.get(key)) for one in options}) > 1]
        for record, one in zip(same_name, options):
            words = [_word(key, one[key], options) for key in differing if one.get(key) is not None]
            lines.setdefault(" ".join([name, *filter(None, words)]), []).append(record)
    return lines


def _word(key: str, value: str | bool, options: Sequence[dict[str, Any]]) -> str:
    """What names a line's option: a text by itself; a switch only where most have it the other way."""
    if isinstance(value, str):
        return value
    return "" if 2 * sum(one.get(key) == value for one in options) >= len(options) else f"{key}={value}"


def rescore_of(record: Record) -> str | None:
    store = record.config.get("rescore")
    return None if store is None else f"rescore={store}"


def _draw_family(
    axis: Axes,
    lines: dict[str, list[Record]],
    cost: str,
    measure: str,
    color: str,
    limits: tuple[float, float],
) -> None:
    ends = []
    for number, (name, records) in enumerate(lines.items()):
        by_size = {r.bytes.code: r for r in records if r.bytes is not None and np.isfinite(_cost(r, cost))}
        if not by_size:
            continue
        chosen = [by_size[size] for size in sorted(by_size)]
        costs, quality = [_cost(r, cost) for r in chosen], [r.quality[measure] for r in chosen]
        values = [q.value for q in quality]
        errors = [[q.value - q.low for q in quality], [q.high - q.value for q in quality]]
        marker = _MARKERS[number % len(_MARKERS)]
        dashes = "--" if rescore_of(records[0]) else "-"
        style: dict[str, Any] = {
            "marker": marker,
            "markersize": 3.5,
            "linewidth": 1.2,
            "linestyle": dashes,
            "zorder": 2,
        }
        axis.errorbar(costs, values, yerr=errors, color=color, **style)
        ends.append((values[-1], costs[-1], name))
    for place, (value, end, name) in zip(spread_apart([value for value, _, _ in sorted(ends)], *limits), sorted(ends)):
        axis.annotate(
            name,
            (end, value),
            xytext=(1.03, place),
            textcoords=("axes fraction", "data"),
            fontsize=8,
            va="center",
            color=ink(color),
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.4, "alpha": 0.6},
        )


def _limits(records: Sequence[Record], measure: str) -> tuple[float, float]:
    """Of the vertical axis: 0 to 1 for recall; an AUC begins at chance and seldom ends near 1."""
    if measure != "auc":
        return 0.0, 1.02
    return 0.5, max(record.quality[measure].high for record in records) + 0.01


def spread_apart(ascending: Sequence[float], low: float = 0.0, high: float = 1.02) -> list[float]:
    """Heights at least a label apart, as near to the given ones as pushing down from the top allows."""
    places, ceiling = list(ascending), high
    for i in reversed(range(len(places))):
        places[i] = min(places[i], ceiling)
        ceiling = places[i] - _LABEL_GAP * (high - low) / 1.02
    return places


def _decorate(axes: np.ndarray, records: Sequence[Record], cost: str, measure: str) -> None:
    example = records[0]
    raw = example.dataset.float32_bytes
    item = "vector" if example.dataset.vectors_per_item is None else "document" if measure != "auc" else "table"
    label = COSTS[cost] if cost != "codes" else f"bytes per {item} (float32: {raw:,.0f})"
    for axis in axes.flat:
        if cost == "codes":
            _byte_ticks(axis, records, raw)
        else:
            axis.set_xscale("log")
            axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_ylim(*_limits(records, measure))
        axis.grid(color="0.93")
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel(measure)
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
    smallest = min(r.bytes.code for r in records if r.bytes is not None)
    ratios = [2**i for i in range(1, max(6, round(np.log2(raw / smallest))) + 1)]
    ratio_ticks(axis, ratios, raw, _MOST_DIGITS["families"])


def ratio_ticks(
    axis: Axes, ratios: Sequence[int], raw: float, most_digits: int, label: Callable[[float], str] = short
) -> None:
    """Ticks at every ratio, or at every second, third, ..., as far as their sizes have room; ``label`` writes one."""
    for step in range(1, len(ratios) + 1):
        sizes = [raw / ratio for ratio in ratios[step - 1 :: step]]
        if sum(len(short(size)) for size in sizes) <= most_digits:
            break
    axis.set_xticks(sizes, [label(size) for size in sizes])
    axis.minorticks_off()
