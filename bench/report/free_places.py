"""The search for free places of names beside points, in pixels of a figure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_ANGLES = np.deg2rad([135, 315, 45, 225, 0, 180, 90, 270, 112, 292, 68, 248, 158, 338, 22, 202])  # the first off a line
_DISTANCES = np.array([5, 8, 13, 20, 28, 38, 50, 65, 82, 100, 125, 155, 190.0])  # points (1/72 inch) from dot to name
_FAR = 12  # points from which on a line leads from a name to its dot
_NEARER = 1.3  # a name without a line is so many times nearer to its own dot than to any other
_PAD = 1.5  # points around a name that stay free
_COVERS_MARK, _COVERS_LINE, _HAS_LINE, _PASSES = 6.0, 0.7, 10.0, 60.0  # what each costs, in points of distance


@dataclass(frozen=True)
class Place:
    """Where a name stands, and whether a line leads to its dot: ``box`` is (left, bottom, right, top)."""

    box: np.ndarray
    is_led: bool


class FreePlaces:
    """Gives each dot's name a place that is free, and remembers it as taken.

    A place is no choice if it would cover another name, a dot, or the line of another name. Of the others the nearest
    is the best, and those cost more that need a line or cover something pale.

    Parameters
    ----------
    bounds : (4,) float
        Left, bottom, right, top of the room.
    dots : (n, 2) float
        Points that have names.
    marks, path : (m, 2), (k, 2) float
        Other points, and places along lines, that names cover only where they have to.
    leads : (l, 2, 2) float
        Lines to names that are placed already.
    unit : float
        Pixels of a point (1/72 inch).
    """

    def __init__(
        self, bounds: np.ndarray, dots: np.ndarray, marks: np.ndarray, path: np.ndarray, leads: np.ndarray, unit: float
    ) -> None:
        self.bounds, self.dots, self.marks, self.path, self.leads, self.unit = bounds, dots, marks, path, leads, unit
        self.boxes = np.empty((0, 4))

    def take(
        self, dot: int, size: tuple[float, float], own: np.ndarray | None = None, plain: bool = False
    ) -> Place | None:
        """The best free place for a name of this width and height beside the dot of this number; None if none is.

        Parameters
        ----------
        own : (m,) bool, optional
            Marks of the same name: near them it is not mistaken.
        plain : bool
            Only a place that needs no line will do.
        """
        boxes = self._candidates(self.dots[dot], np.asarray(size))
        boxes = boxes[self._is_free(boxes)]
        edges = np.clip(self.dots[dot], boxes[:, :2], boxes[:, 2:])
        distances = np.hypot(*(edges - self.dots[dot]).T)
        marks = self.marks if own is None else self.marks[~own]
        others = np.concatenate([np.delete(self.dots, dot, axis=0), marks])
        nearest = _distances(boxes, others).min(axis=1, initial=np.inf)
        is_led = (distances > _FAR * self.unit) | (nearest < _NEARER * distances)
        lines = np.stack([np.broadcast_to(self.dots[dot], edges.shape), edges], axis=1)
        # A line as short as the dot would not be seen: such a place is none.
        possible = ~is_led | ((distances >= 6 * self.unit) & ~self._is_crossed(lines))
        if plain:
            possible &= ~is_led
        if not possible.any():
            return None
        cost = distances / self.unit + _COVERS_MARK * _inside(self.marks, boxes).sum(axis=1)
        cost += _COVERS_LINE * _inside(self.path, boxes).sum(axis=1)
        cost += is_led * (_HAS_LINE + _PASSES * self._passed(lines, dot))
        best = int(np.argmin(np.where(possible, cost, np.inf)))
        self.boxes = np.concatenate([self.boxes, boxes[best : best + 1]])
        if is_led[best]:
            self.leads = np.concatenate([self.leads, lines[best : best + 1]])
        return Place(boxes[best], bool(is_led[best]))

    def _candidates(self, dot: np.ndarray, size: np.ndarray) -> np.ndarray:
        directions = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
        sides = np.where(np.abs(directions) > 0.38, np.sign(directions), directions)  # 0.38: 22.5 degrees
        centers = dot + self.unit * _DISTANCES[:, None, None] * directions + sides * size / 2
        centers = centers.reshape(-1, 2)
        return np.concatenate([centers - size / 2, centers + size / 2], axis=1)

    def _is_free(self, boxes: np.ndarray) -> np.ndarray:
        """Within the bounds, off every dot, name and line to a name."""
        pad = _PAD * self.unit * np.array([-1, -1, 1, 1])
        padded = boxes + pad
        within = (boxes[:, :2] >= self.bounds[:2]).all(axis=1) & (boxes[:, 2:] <= self.bounds[2:]).all(axis=1)
        on_dot = _inside(self.dots, padded + pad).any(axis=1)
        on_line = _meet(self.leads, padded).any(axis=0)
        return np.asarray(within & ~on_dot & ~on_line & ~_overlap(padded, self.boxes + pad).any(axis=1))

    def _is_crossed(self, lines: np.ndarray) -> np.ndarray:
        """Whether a line to a name would pass under another name or cross another line."""
        return np.asarray(_meet(lines, self.boxes).any(axis=1) | cross(lines, self.leads).any(axis=1))

    def _passed(self, lines: np.ndarray, dot: int) -> np.ndarray:
        """How many other dots a line to a name touches."""
        radius = 3 * self.unit
        others = np.delete(self.dots, dot, axis=0)
        others = others[np.hypot(*(others - self.dots[dot]).T) > radius]
        return _meet(lines, np.concatenate([others - radius, others + radius], axis=1)).sum(axis=1)


def _overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of (n, 4) and (m, 4) share a point: (n, m)."""
    return np.asarray(((boxes[:, None, :2] < others[:, 2:]) & (others[:, :2] < boxes[:, None, 2:])).all(axis=2))


def _inside(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Which boxes (n, 4) hold which points (m, 2): (n, m)."""
    return np.asarray(((boxes[:, None, :2] <= points) & (points <= boxes[:, None, 2:])).all(axis=2))


def _distances(boxes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """From each box (n, 4) to each point (m, 2): (n, m), 0 inside."""
    beyond = np.maximum(np.maximum(boxes[:, None, :2] - points, points - boxes[:, None, 2:]), 0)
    return np.hypot(beyond[..., 0], beyond[..., 1])


def _meet(lines: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Which segments (n, 2, 2) meet which boxes (m, 4): (n, m). Liang and Barsky's clipping."""
    start, along = lines[:, None, 0], lines[:, None, 1] - lines[:, None, 0]
    along = np.where(along == 0, 1e-9, along)
    sides = (boxes[:, :2] - start) / along, (boxes[:, 2:] - start) / along
    enters, leaves = np.minimum(*sides).max(axis=2), np.maximum(*sides).min(axis=2)
    return (enters <= leaves) & (leaves >= 0) & (enters <= 1)


def cross(lines: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which segments (n, 2, 2) cross which others (m, 2, 2) between their ends: (n, m)."""

    def side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])

    a, b, c, d = lines[:, None, 0], lines[:, None, 1], others[None, :, 0], others[None, :, 1]
    return (side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0)
