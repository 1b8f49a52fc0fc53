"""Pareto fronts: what no other beats in both recall and cost."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import UsageError
from bench.report.words import less_is_better

if TYPE_CHECKING:
    import pandas as pd

_GROUPS = ("dataset", "scenario", "metric", "checksum")  # rows of one data set and metric compete
_TIMES = ("p50_ms", "p95_ms", "p99_ms", "fit_s")  # in which those of one processor alone do


def pareto(frame: pd.DataFrame, x: str = "bytes", y: str = "recall@10") -> pd.DataFrame:
    """The rows that no other row of the same data set and metric beats.

    A row is beaten by one that costs no more and has no less quality, and is better in one of the two.

    Parameters
    ----------
    frame : DataFrame
        Of :func:`bench.load_records`, or any with these columns; without ``dataset``, ``metric`` and ``checksum`` all
        rows compete. What a row lacks (NaN in ``x`` or ``y``) keeps it off every front.
    x : str
        Column of the cost, of which less is better: ``bytes``, ``bytes_at_1m``, ``p50_ms``, ``fit_s``, ... Times are
        compared between rows of one processor alone, where there is a column ``cpu``.
    y : str
        Column of the quality: ``recall@10``, ``nDCG@10``, ``auc``, ...; of errors, losses and biases that nearest to 0
        is the best.

    Returns
    -------
    DataFrame
        Rows of ``frame`` under their own index, by data set and metric and then by ascending ``x``.

    Raises
    ------
    UsageError
        If a column is missing, or holds no numbers.

    Examples
    --------
    >>> bench.report.pareto(bench.load_records("results"), x="p50_ms")[["method", "budget", "p50_ms", "recall@10"]]
    """
    cost, value = _numbers(frame, x), _numbers(frame, y)
    value = -np.abs(value) if less_is_better(y) else value
    groups = [name for name in (*_GROUPS, *(["cpu"] if x in _TIMES else [])) if name in frame]
    numbered = (
        frame.groupby(groups, dropna=False).ngroup().to_numpy() if groups and len(frame) else np.zeros(len(frame))
    )
    front = np.zeros(len(frame), dtype=bool)
    for group in np.unique(numbered):
        rows = np.flatnonzero(numbered == group)
        front[rows] = on_front(cost[rows], value[rows])
    kept = np.flatnonzero(front)
    return frame.iloc[kept[np.lexsort((value[kept], cost[kept], numbered[kept]))]]


def _numbers(frame: pd.DataFrame, column: str) -> np.ndarray:
    if column not in frame:
        names = [name for name in frame.columns if isinstance(name, str)]
        close = difflib.get_close_matches(column, names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(names)}"
        raise UsageError(f"the frame has no column {column!r}; {hint}")
    try:
        return frame[column].to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise UsageError(f"column {column!r} holds no numbers; use one that does") from None


def on_front(cost: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Which points (n,) no other dominates, as a mask.

    A point is dominated if another costs no more and is no worse, and is better in one of the two. Points that
    are equal in both stay together.

    Parameters
    ----------
    cost, value : (n,) float
        Less cost and more value are better; points with NaN are on no front.
    """
    cost, value = np.asarray(cost, np.float64), np.asarray(value, np.float64)
    known = np.isfinite(cost) & np.isfinite(value)
    front = np.zeros(len(cost), dtype=bool)
    best = -np.inf
    order = np.lexsort((-value, cost))
    for i in order[known[order]]:
        if value[i] > best:
            best, best_cost = value[i], cost[i]
            front[i] = True
        elif value[i] == best and cost[i] == best_cost:
            front[i] = True
    return front


def upper_envelope(lines: Sequence[np.ndarray]) -> np.ndarray:
    """The best that any of these polylines reaches, in the coordinates in which their segments are straight.

    The points that no other dominates are joined too, so that the envelope has no gap and never falls: from the
    cheapest point to the most expensive one.

    Parameters
    ----------
    lines : sequence of (points, 2) float64
        Cost and value (more is better) of each point of a line, in the order in which it joins them.

    Returns
    -------
    (m, 2) float64
        By ascending cost; empty where there is no point.
    """
    lines = [line[np.isfinite(line).all(axis=1)] for line in lines]
    points = np.concatenate([np.empty((0, 2)), *lines])
    if not len(points):
        return points
    front = np.unique(points[on_front(points[:, 0], points[:, 1])], axis=0)
    last = [[points[:, 0].max(), front[-1, 1]]]
    joined = [*lines, np.concatenate([front, last])]
    starts, ends = (np.concatenate([line[part] for line in joined]) for part in (slice(None, -1), slice(1, None)))
    starts, ends = np.where((starts[:, :1] <= ends[:, :1]), (starts, ends), (ends, starts))
    leaning = ends[:, 0] > starts[:, 0]  # an upright segment lies below the front where it stands
    starts, ends = starts[leaning], ends[leaning]
    slopes = (ends[:, 1] - starts[:, 1]) / (ends[:, 0] - starts[:, 0])
    offsets = starts[:, 1] - slopes * starts[:, 0]
    places = np.unique(np.concatenate([points[:, 0], _crossings(slopes, offsets, starts[:, 0], ends[:, 0])]))
    heights = slopes[:, None] * places + offsets[:, None]
    outside = (places < starts[:, :1]) | (places > ends[:, :1])
    heights[outside] = -np.inf
    reached = np.maximum(heights.max(axis=0, initial=-np.inf), np.interp(places, front[:, 0], front[:, 1]))
    return np.stack([places, np.maximum.accumulate(reached)], axis=1)


def _crossings(slopes: np.ndarray, offsets: np.ndarray, lows: np.ndarray, highs: np.ndarray) -> np.ndarray:
    """Costs at which two segments (n,), each between its own ends, cross."""
    with np.errstate(divide="ignore", invalid="ignore"):
        places = (offsets[None, :] - offsets[:, None]) / (slopes[:, None] - slopes[None, :])
    inside = (np.maximum.outer(lows, lows) < places) & (places < np.minimum.outer(highs, highs))
    return places[inside & np.isfinite(places)]
