"""The picture of a whole sweep: one panel of the methods near the front and of a few that everybody knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import UsageError
from bench.records import Record
from bench.report.figures import (
    colors_of,
    ink,
    lines_of,
    of_one_dataset,
    ratio_ticks,
    reads_disk,
    rescore_of,
    seeds_together,
    spread_apart,
    title_of,
)
from bench.report.words import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NEAR = 1.4  # times the front's error: up to here a method is near the front
_RIGHT = 0.85  # share of the width: lines that end beyond it are named beside the axes, others at their end
_GREY = "#8C8C8C"
_TICKS = (0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.003, 0.002, 0.001)


def overview(records: Sequence[Record], known: Sequence[str] = (), measure: str = "recall@10") -> Figure:
    """The error ``1 - recall`` against the bytes of an item, both on a logarithmic scale: .95, .98 and .997 are apart.

    A line is a method. Drawn are those with two sizes or more that are on the front at one of them, or whose error is
    at most 1.4 times the front's at two; ``known`` ones are always drawn, gray and dashed. Re-ranked runs are left out.

    Parameters
    ----------
    records : sequence of Record
        Of one data set and metric; those that are not ``ok`` are left out.
    known : sequence of str
        Methods that readers know, to compare with: drawn wherever they lie.
    measure : str
        A key of ``Record.quality`` between 0 and 1.

    Raises
    ------
    UsageError
        If no record has the measure, they come from several data sets, or none of ``known`` was measured.
    """
    import matplotlib.pyplot as plt

    good = seeds_together(of_one_dataset(records, measure), measure)
    plain = [r for r in good if r.method.family != "identity" and not reads_disk(r) and not rescore_of(r)]
    if not plain:
        raise UsageError(f"no compressed method has {measure}; measure one (python -m bench method=pq)")
    lines = {name: sorted(line, key=_bytes) for name, line in lines_of(plain).items()}
    missing = [name for name in known if name not in lines]
    if missing:
        raise UsageError(f"{', '.join(missing)} is not among the records; there are {', '.join(sorted(lines))}")
    least = 1 / (20 * plain[0].dataset.queries)  # half of what one missed neighbor of one query adds
    errors = {name: np.array([max(1 - r.quality[measure].value, least) for r in line]) for name, line in lines.items()}
    drawn = sorted({*known, *_near_front(lines, errors)})
    figure, axis = plt.subplots(figsize=(8.6, 5.2), layout="tight")
    colors = {**colors_of(name for name in drawn if name not in known), **dict.fromkeys(known, _GREY)}
    for name in drawn:
        dashes = "--" if name in known else "-"
        sizes = [_bytes(record) for record in lines[name]]
        axis.plot(sizes, errors[name], dashes, color=colors[name], marker="o", markersize=4, linewidth=1.6)
    _decorate(axis, [r for name in drawn for r in lines[name]], measure)
    _name(axis, {name: (_bytes(lines[name][-1]), errors[name][-1]) for name in drawn}, colors)
    return figure


def _bytes(record: Record) -> float:
    return float(record.bytes.code) if record.bytes is not None else np.nan


def _near_front(lines: dict[str, list[Record]], errors: dict[str, np.ndarray]) -> list[str]:
    """Methods on the front, or near it at two of their sizes or more."""
    points = sorted((_bytes(record), error) for name in lines for record, error in zip(lines[name], errors[name]))
    sizes = np.array([size for size, _ in points])
    best = np.minimum.accumulate([error for _, error in points])

    def front_at(size: float) -> float:
        return float(best[np.searchsorted(sizes, size, side="right") - 1])

    chosen = []
    for name, line in lines.items():
        ratios = np.array([error / front_at(_bytes(record)) for record, error in zip(line, errors[name])])
        if len({_bytes(record) for record in line}) > 1 and ((ratios <= 1).any() or (ratios <= _NEAR).sum() > 1):
            chosen.append(name)
    return chosen


def _decorate(axis: Axes, records: Sequence[Record], measure: str) -> None:
    from matplotlib.ticker import FixedLocator, NullFormatter

    raw = records[0].dataset.float32_bytes
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.invert_yaxis()
    low, high = sorted(axis.get_ylim())
    axis.yaxis.set_major_locator(FixedLocator([tick for tick in _TICKS if low <= tick <= high]))
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())
    ratios = [2**i for i in range(1, max(1, round(np.log2(raw / min(map(_bytes, records))))) + 1)]
    shown = [ratio for ratio in ratios if raw / ratio <= 1.1 * max(map(_bytes, records))]
    ratio_ticks(axis, shown, raw, 40, lambda size: f"{short(size)}\n{raw / size:.0f}x")
    item = "vector" if records[0].dataset.vectors_per_item is None else "document"
    axis.set_xlabel(f"bytes per {item}, and how many times less than float32")
    axis.set_ylabel(f"error: 1 - {measure} (log scale; up is better)")
    axis.set_title(title_of(records[0]), loc="left", fontsize=10)
    axis.grid(color="0.92")
    axis.spines[["top", "right"]].set_visible(False)


def _name(axis: Axes, ends: dict[str, tuple[float, float]], colors: dict[str, str]) -> None:
    """The name of each line at its right end, no two on each other."""
    axis.figure.canvas.draw()  # the scales are final only then
    shares = {name: _share(axis, end) for name, end in ends.items()}
    inks = {name: ink(colors[name]) for name in ends}
    beside = [name for name in sorted(ends, key=lambda name: shares[name][1]) if shares[name][0] > _RIGHT]
    for name, place in zip(beside, spread_apart([shares[name][1] for name in beside])):
        arrow = {"arrowstyle": "-", "color": inks[name], "linewidth": 0.5, "alpha": 0.6, "relpos": (0, 0.5)}
        style: dict[str, Any] = {"textcoords": "axes fraction", "arrowprops": arrow}
        axis.annotate(name, ends[name], (1.02, place), color=inks[name], va="center", annotation_clip=False, **style)
    inside = sorted(set(ends) - {*beside}, key=lambda name: -shares[name][1])
    for number, name in enumerate(inside):
        near = [other for other in inside[:number] if np.hypot(*np.subtract(shares[name], shares[other])) < _RIGHT / 10]
        axis.annotate(
            name, ends[name], (7, -4 - 13 * len(near)), color=inks[name], va="top", textcoords="offset points"
        )


def _share(axis: Axes, point: tuple[float, float]) -> tuple[float, float]:
    """Where a point lies, as shares of the axes' width and height."""
    x, y = axis.transAxes.inverted().transform(axis.transData.transform(point))
    return float(x), float(y)
