"""Labels of points that cover neither each other nor the points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

_DIRECTIONS = (
    (-0.7, 0.7),
    (0.7, -0.7),
    (0.7, 0.7),
    (-0.7, -0.7),
    (1, 0),
    (-1, 0),
    (0, 1),
    (0, -1),
)  # off the step line
_DISTANCES = (7, 14, 24, 36)  # points (1/72 inch)
_FAR = 12  # points from which on a line leads from the label to its point
_SAME = 12  # pixels between points that one label is enough for


def place_labels(
    axis: Axes, points: Sequence[tuple[float, float]], names: Sequence[str], colors: Sequence[str], **style: Any
) -> list[Text]:
    """Write each name near its point, in the first free place of a few around it; one without any is left out, and so
    is one that the same name stands beside already.

    Parameters
    ----------
    points : (x, y) in data coordinates; the axis' limits and scales are set already.
    """
    from matplotlib.patheffects import withStroke

    figure = axis.figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    bounds = axis.get_window_extent(renderer)
    dots = axis.transData.transform(np.asarray(points, float))
    border = [withStroke(linewidth=2, foreground="white")]  # keeps a line that passes behind a label off its letters
    taken: list = []
    named: list[tuple[str, np.ndarray]] = []
    placed: list[Text] = []
    for (x, y), name, color, dot in zip(points, names, colors, dots):
        if any(name == other and np.hypot(*(dot - place)) < _SAME for other, place in named):
            continue
        named.append((name, dot))
        text = axis.annotate(
            name,
            (x, y),
            xytext=(0, 0),
            textcoords="offset points",
            color=color,
            va="center",
            zorder=2.5,
            path_effects=border,
            **style,
        )
        for place in ((d * dx, d * dy, dx) for d in _DISTANCES for dx, dy in _DIRECTIONS):
            text.set_position(place[:2])
            text.set_horizontalalignment("left" if place[2] > 0 else "right" if place[2] < 0 else "center")
            box = text.get_window_extent(renderer).padded(3)
            inside = bounds.x0 <= box.x0 and box.x1 <= bounds.x1 and bounds.y0 <= box.y0 and box.y1 <= bounds.y1
            if (
                inside
                and not any(box.overlaps(other) for other in taken)
                and not any(box.contains(*other) for other in dots)
            ):
                taken.append(box)
                placed.append(text)
                if np.hypot(*place[:2]) > _FAR:
                    _lead(axis, text, dot, color)
                break
        else:
            text.remove()
    return placed


def _lead(axis: Axes, text: Text, dot: np.ndarray, color: str) -> None:
    """A thin line from a point to the near edge of its label."""
    from matplotlib.lines import Line2D

    box = text.get_window_extent()
    edge = np.clip(dot, (box.x0, box.y0), (box.x1, box.y1))
    (x0, y0), (x1, y1) = axis.transData.inverted().transform([dot, edge])
    axis.add_artist(Line2D([x0, x1], [y0, y1], color=color, linewidth=0.5, alpha=0.6, zorder=2))
