"""One method beside the best other one, as a figure: the difference over budgets, a panel a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.report.drawing import ink, ratio_ticks
from bench.report.labels import Label, Panel, write_labels
from bench.report.mine import Standing
from bench.report.names import dataset_names
from bench.report.words import short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 2
_COLOR = "#0072B2"
_MARKERS = "os^Dv<>P"
_MOST_DIGITS = 24


def difference_figure(name: str, standings: Sequence[Standing]) -> Figure:
    """The difference to the best other method over budgets, with its 95% interval; each point names that method.

    A filled point is distinguishable from zero at 5% (Holm over all points). Rows with other options of the method
    have lines and markers of their own.
    """
    import matplotlib.pyplot as plt

    shown = dataset_names(standing.mine.record for standing in standings)
    groups: dict[str, list[Standing]] = {}
    for standing in standings:
        groups.setdefault(shown(standing.mine.record), []).append(standing)
    columns = min(_COLUMNS, len(groups))
    height = -(-len(groups) // columns)
    figure, axes = plt.subplots(
        height, columns, figsize=(5.2 * columns, 3.6 * height), sharey=True, squeeze=False, layout="constrained"
    )
    ends = np.array([(each.difference.low, each.difference.high) for each in standings] + [(0.0, 0.0)])
    margin = 0.12 * float(np.ptp(ends) or 1.0)
    panels = []
    for axis, (title, group) in zip(axes.flat, groups.items()):
        axis.set_ylim(ends.min() - margin, ends.max() + margin)
        panels.append(_draw(axis, group))
        axis.set_title(title, loc="left", fontsize=10)
    for axis in axes.flat[len(groups) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel(f"difference of {standings[0].mine.headline}")
    what = f"{name} minus the best other method, which is named; filled: distinguishable at 5%"
    figure.suptitle(what, x=0.01, ha="left", fontsize=10)
    write_labels(figure, panels)
    return figure


def _draw(axis: Axes, group: Sequence[Standing]) -> Panel:
    lines: dict[str, list[Standing]] = {}
    for standing in sorted(group, key=lambda each: each.mine.code):
        lines.setdefault(standing.mine.label, []).append(standing)
    axis.axhline(0, color="0.6", linewidth=1, zorder=1)
    axis.set_xscale("log", base=2)
    labels, drawn = [], []
    for number, (label, line) in enumerate(lines.items()):
        x = np.array([each.mine.code for each in line], np.float64)
        y, low, high = np.array([(d.value, d.low, d.high) for d in (each.difference for each in line)]).T
        axis.errorbar(x, y, yerr=np.abs([y - low, high - y]), color=_COLOR, linewidth=1.2, elinewidth=0.9, zorder=2)
        for place, each in zip(zip(x.tolist(), y.tolist()), line):
            fill = _COLOR if each.is_distinguishable else "white"
            marker = _MARKERS[number % len(_MARKERS)]
            axis.plot(*place, marker=marker, color=_COLOR, markerfacecolor=fill, markersize=5.5, zorder=3)
            own = f" ({label})" if len(lines) > 1 else ""
            labels.append(Label(f"{each.rival.label}{own}", place, ink(_COLOR)))
        drawn += [np.stack([x, y], axis=1), *(np.array([[a, b], [a, c]]) for a, b, c in zip(x, low, high))]
    _ticks(axis, group)
    axis.grid(color="0.93")
    axis.spines[["top", "right"]].set_visible(False)
    return Panel(axis, labels, lines=drawn)


def _ticks(axis: Axes, group: Sequence[Standing]) -> None:
    data = group[0].mine.record.dataset
    raw = data.float32_bytes
    sizes = [each.mine.code for each in group]
    axis.set_xlim(min(sizes) / 1.6, max(sizes) * 1.6)
    ratios = [2**i for i in range(24) if min(sizes) / 1.1 <= raw / 2**i <= max(sizes) * 1.1]
    if len(ratios) > 1:
        ratio_ticks(axis, ratios, raw, _MOST_DIGITS)
    else:
        chosen = sorted({*sizes})
        axis.set_xticks(chosen, [short(size) for size in chosen])
        axis.minorticks_off()
    item = "table" if data.metric == "auc" else "vector" if data.vectors_per_item is None else "document"
    axis.set_xlabel(f"bytes per {item} (float32: {raw:,.0f})")
