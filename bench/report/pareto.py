"""Pareto fronts: what no other beats in both recall and cost."""

from __future__ import annotations

import numpy as np


def on_front(cost: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Which points (n,) no other dominates, as a mask.

    A point is dominated if another costs no more and is worth no less, and is better in one of the two. Points that
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
