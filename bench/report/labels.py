"""Names beside the points of a figure: none covers another, and where another point is nearer, a line leads to its own.

Placed by our own search, not by adjustText: that moves texts by forces until its steps end. On the fronts of two
published data sets (12 panels, 230 names) it left 21 pairs of names on each other and 34 points covered; here neither
is a choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.report.free_places import FreePlaces, Place, cross

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation

_SAME = 9  # points (1/72 inch) between two dots that one name is enough for
_BESIDE = 1.03  # share of the axes' width at which names beside them begin
_RIGHT = 0.85  # share of the width from which on a point is named beside the axes
_STEP = 3  # points between the places of a line that names should not cover
_TRIALS = 6  # orders of names after the first
_LEAST_GAP = 2  # points between the names of a column


@dataclass(frozen=True)
class Label:
    """A name, its point in data coordinates, and its color."""

    name: str
    point: tuple[float, float]
    color: str


@dataclass(frozen=True)
class Panel:
    """Axes whose scales and limits are set, the labels of its points, and what else is drawn there.

    Attributes
    ----------
    marks : (n, 2) float
        Points without a name, in data coordinates.
    owners : sequence of str
        Of each mark the name of its line, "" for none; left out where no mark has one.
    lines : sequence of (k, 2) float
        The points that each line joins.
    """

    axis: Axes
    labels: Sequence[Label]
    marks: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    owners: Sequence[str] = ()
    lines: Sequence[np.ndarray] = ()


def write_labels(figure: Figure, panels: Sequence[Panel], beside: bool = False, fontsize: float = 8) -> None:
    """Name the points of each panel, and keep the figure's layout from then on.

    A name that stands near one of the same name is not written again.

    Parameters
    ----------
    beside : bool
        Points at the right border, and others that have no free place near them, are named in a column beside the
        axes, with a line to each.
    """
    columns = [{label: _in_column(panel.axis, label, fontsize) for label in panel.labels if beside} for panel in panels]
    figure.draw_without_rendering()  # the layout makes room for what stands beside the axes
    figure.set_layout_engine("none")
    for panel, column in zip(panels, columns):
        if beside:
            _name_beside(panel, column, fontsize)
        else:
            _write(panel, _places(panel, panel.labels, np.empty((0, 2, 2)), fontsize), fontsize)


def _name_beside(panel: Panel, column: dict[Label, Annotation], fontsize: float) -> None:
    """Move what has a place of its own from the column to its point."""
    outer = [label for label in panel.labels if _share(panel.axis, label.point) > _RIGHT]
    while True:
        leads = _spread(panel.axis, {label: column[label] for label in outer})
        inner = [label for label in panel.labels if label not in outer]
        places = _places(panel, inner, leads, fontsize, plain=True)
        homeless = [label for label in inner if label not in places]
        if not homeless:
            break
        outer += homeless
    for label in inner:
        column[label].remove()
    _write(panel, places, fontsize)


def _in_column(axis: Axes, label: Label, fontsize: float) -> Annotation:
    """The name beside the axes, at no height yet."""
    place: dict[str, Any] = {"xytext": (_BESIDE, 0.5), "textcoords": "axes fraction", "ha": "left"}
    return _annotate(axis, label, (0, 0.5), fontsize=fontsize, **place)


def _share(axis: Axes, point: tuple[float, float]) -> float:
    """Where a point lies, as a share of the axes' width."""
    return float(axis.transAxes.inverted().transform(axis.transData.transform(point))[0])


def _annotate(axis: Axes, label: Label, lead: tuple[float, float] | None, **style: Any) -> Annotation:
    """The name, with a line from ``lead`` (a share of its box) to its point."""
    arrow: dict[str, Any] = {"arrowstyle": "-", "color": label.color, "linewidth": 0.6, "alpha": 0.7}
    arrow |= {"shrinkA": 0, "shrinkB": 0, "relpos": lead}
    return axis.annotate(
        label.name,
        label.point,
        va="center",
        color=label.color,
        annotation_clip=False,
        zorder=4,
        arrowprops=None if lead is None else arrow,
        **style,
    )


def _spread(axis: Axes, column: Mapping[Label, Annotation]) -> np.ndarray:
    """Give the names of a column heights at which no two lines to them cross; these lines, (n, 2, 2) in pixels."""
    if not column:
        return np.empty((0, 2, 2))
    bounds, unit = axis.get_window_extent(), _unit(axis)
    dots = axis.transData.transform([label.point for label in column])
    texts = list(column.values())
    gap = max(_size(axis, text.get_text(), float(text.get_fontsize()))[1] for text in texts) + _LEAST_GAP * unit
    order = np.lexsort((-dots[:, 0], dots[:, 1]))
    heights = spread_apart(dots[order, 1].tolist(), gap, bounds.y0 + gap / 2, bounds.y1)
    ends = np.stack([np.full(len(order), bounds.x0 + _BESIDE * bounds.width), heights], axis=1)
    order = _uncrossed(order, dots, ends)
    for (_, height), chosen in zip(ends, order):
        texts[chosen].xyann = (_BESIDE, (height - bounds.y0) / bounds.height)
    return np.stack([dots[order], ends], axis=1)


def _uncrossed(order: np.ndarray, dots: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The order of dots in which no two lines to the ends cross: each swap of two that do shortens them."""
    order = order.copy()
    while True:
        lines = np.stack([dots[order], ends], axis=1)
        crossing = np.argwhere(np.triu(cross(lines, lines), 1))
        if not len(crossing):
            return order
        order[crossing[0]] = order[crossing[0][::-1]]


def spread_apart(ascending: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Heights at least ``gap`` apart between ``low`` and ``high``, as near to the given ones as can be.

    Least squares in the given order, by pooling neighbors that are too close (pool adjacent violators). Where more
    are given than fit, the others go on below ``low``.
    """
    blocks: list[tuple[float, int]] = []  # sum of heights without the gaps below them, and how many they are
    for i, height in enumerate(ascending):
        total, count = height - i * gap, 1
        while blocks and blocks[-1][0] / blocks[-1][1] >= total / count:
            before = blocks.pop()
            total, count = total + before[0], count + before[1]
        blocks.append((total, count))
    levels = np.array([total / count for total, count in blocks for _ in range(count)])
    levels = np.minimum(np.maximum(levels, low), high - gap * (len(levels) - 1))
    return (levels + gap * np.arange(len(levels))).tolist()


def _places(
    panel: Panel, labels: Sequence[Label], leads: np.ndarray, fontsize: float, plain: bool = False
) -> dict[Label, tuple[np.ndarray, Place | None]]:
    """The pixel of each label's point and the best free place near it: None where the same name is near already.

    What has no place is left out. Where names may have lines, those come first that had no place before, some times.
    """
    order = list(dict.fromkeys(labels))  # rows of one method may share a point
    best = placed = _in_order(panel, order, leads, fontsize, plain)
    for _ in range(0 if plain else _TRIALS):
        if len(placed) == len(order):
            break
        order = sorted(order, key=lambda label: label in placed)  # what had no place first
        placed = _in_order(panel, order, leads, fontsize, plain)
        best = max(best, placed, key=len)
    return best


def _in_order(
    panel: Panel, labels: Sequence[Label], leads: np.ndarray, fontsize: float, plain: bool
) -> dict[Label, tuple[np.ndarray, Place | None]]:
    """Each label in the best place that those before it leave free."""
    axis, unit = panel.axis, _unit(panel.axis)
    to_pixels = axis.transData.transform
    dots = np.concatenate([to_pixels(np.reshape([label.point for label in labels], (-1, 2))), leads[:, 0]])
    path = [_along(to_pixels(line), _STEP * unit) for line in panel.lines if len(line) > 1]
    free = FreePlaces(
        np.array(axis.get_window_extent().extents),
        dots,
        to_pixels(panel.marks) if len(panel.marks) else panel.marks,
        np.concatenate([np.empty((0, 2)), *path]),
        leads,
        unit,
    )
    owners = np.array(panel.owners or [""] * len(panel.marks), str)
    places: dict[Label, tuple[np.ndarray, Place | None]] = {}
    for i, label in enumerate(labels):
        near = [dot for other, (dot, place) in places.items() if other.name == label.name and place is not None]
        if any(np.hypot(*(dots[i] - dot)) < _SAME * unit for dot in near):
            places[label] = dots[i], None
        elif place := free.take(i, _size(axis, label.name, fontsize), owners == label.name, plain):
            places[label] = dots[i], place
    return places


def _write(panel: Panel, places: Mapping[Label, tuple[np.ndarray, Place | None]], fontsize: float) -> None:
    """Write each name into its place, with a line to its point where it needs one."""
    from matplotlib.patheffects import withStroke

    border = [withStroke(linewidth=2, foreground="white")]  # keeps a line that passes behind a name off its letters
    for label, (dot, place) in places.items():
        if place is None:
            continue
        low, high = place.box[:2], place.box[2:]
        lead = tuple(((np.clip(dot, low, high) - low) / (high - low)).tolist()) if place.is_led else None
        offset = tuple((((low + high) / 2 - dot) / _unit(panel.axis)).tolist())
        style: dict[str, Any] = {"xytext": offset, "textcoords": "offset points", "ha": "center", "fontsize": fontsize}
        _annotate(panel.axis, label, lead, path_effects=border, **style)


def _unit(axis: Axes) -> float:
    """Pixels of a point (1/72 inch)."""
    return float(axis.figure.dpi) / 72


def _size(axis: Axes, name: str, fontsize: float) -> tuple[float, float]:
    """Width and height of a name in pixels."""
    text = axis.text(0, 0, name, fontsize=fontsize, transform=None)
    box = text.get_window_extent()
    text.remove()
    return box.width, box.height


def _along(line: np.ndarray, step: float) -> np.ndarray:
    """Places on a polyline (k, 2), ``step`` apart."""
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    at = np.arange(0, lengths[-1] + step, step)
    return np.stack([np.interp(at, lengths, line[:, i]) for i in range(2)], axis=1)
