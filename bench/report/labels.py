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


def place_labels(
    axis: Axes, points: Sequence[tuple[float, float]], names: Sequence[str], colours: Sequence[str], **style: Any
) -> list[Text]:
    """Write each name near its point, in the first free place of a few around it; one without any is left out.

    Parameters
    ----------
    points : (x, y) in data coordinates; the axis' limits and scales are set already.
    """
    figure = axis.figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    bounds = axis.get_window_extent(renderer)
    dots = axis.transData.transform(np.asarray(points, float))
    taken: list = []
    placed: list[Text] = []
    for (x, y), name, colour in zip(points, names, colours):
        text = axis.annotate(
            name, (x, y), xytext=(0, 0), textcoords="offset points", color=colour, va="center", zorder=4, **style
        )
        for place in ((d * dx, d * dy, dx) for d in _DISTANCES for dx, dy in _DIRECTIONS):
            text.set_position(place[:2])
            text.set_horizontalalignment("left" if place[2] > 0 else "right" if place[2] < 0 else "center")
            box = text.get_window_extent(renderer).padded(1.5)
            inside = bounds.x0 <= box.x0 and box.x1 <= bounds.x1 and bounds.y0 <= box.y0 and box.y1 <= bounds.y1
            if (
                inside
                and not any(box.overlaps(other) for other in taken)
                and not any(box.contains(*dot) for dot in dots)
            ):
                taken.append(box)
                placed.append(text)
                break
        else:
            text.remove()
    return placed
