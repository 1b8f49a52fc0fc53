"""Ranking methods over several tasks (data sets and budgets), and how sure that ranking is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ranked:
    """One method's place among all.

    Attributes
    ----------
    name : str
    rank : float
        By Borda count, 1 is best; methods of equal count share the mean of their places.
    rank_low, rank_high : float
        95% bootstrap interval of ``rank`` over tasks.
    borda : float
        Points: for each task one a method beaten, half a method tied.
    mean_rank : float
    win_rate : float
        Share of its duels (another method, a task) that it wins, ties counted half.
    tasks : int
        Tasks on which it was measured.
    """

    name: str
    rank: float
    rank_low: float
    rank_high: float
    borda: float
    mean_rank: float
    win_rate: float
    tasks: int


def average_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks (n,) from 1 in ascending order, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[inverse]


def borda_points(scores: np.ndarray) -> np.ndarray:
    """Points (tasks, methods): methods beaten on the task, plus half of those tied with.

    Parameters
    ----------
    scores : (tasks, methods) float
        More is better; NaN where a method was not measured: it is beaten by all that were, and tied with its like.
    """
    filled = np.where(np.isnan(scores), -np.inf, scores)
    return np.stack([average_ranks(row) - 1.0 for row in filled])


def rank_methods(names: Sequence[str], scores: np.ndarray, seed: int = 0, resamples: int = 2_000) -> list[Ranked]:
    """Methods by Borda count over tasks, best first.

    Parameters
    ----------
    names : (methods,)
    scores : (tasks, methods) float
        More is better; NaN where a method was not measured (see :func:`borda_points`).
    seed, resamples : int
        Of the bootstrap over tasks that gives ``rank_low`` and ``rank_high``.

    Notes
    -----
    Borda count with ties as MMTEB ranks models (Enevoldsen et al., ICLR 2025; after Colombo et al., NeurIPS 2022).
    """
    scores = np.asarray(scores, np.float64)
    tasks, methods = scores.shape
    points = borda_points(scores)
    total = points.sum(axis=0)
    rank = _places(total)
    drawn = np.random.default_rng(seed).multinomial(tasks, np.full(tasks, 1.0 / tasks), size=resamples) @ points
    low, high = np.quantile(np.stack([_places(row) for row in drawn]), [0.025, 0.975], axis=0)
    duels = tasks * (methods - 1)
    measured = np.isfinite(scores).sum(axis=0)
    entries = [
        Ranked(
            name=name,
            rank=float(rank[i]),
            rank_low=float(low[i]),
            rank_high=float(high[i]),
            borda=float(total[i]),
            mean_rank=float(methods - points[:, i].mean()),
            win_rate=float(total[i] / duels) if duels else 1.0,
            tasks=int(measured[i]),
        )
        for i, name in enumerate(names)
    ]
    return sorted(entries, key=lambda ranked: (ranked.rank, ranked.name))


def _places(points: np.ndarray) -> np.ndarray:
    return average_ranks(-np.round(points, 9))


def kendall_tau(a: np.ndarray, b: np.ndarray) -> float:
    """Kendall's tau-b of two score lists (n,): 1 for the same order, -1 for the reverse; NaN if one is all ties."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    above = np.triu_indices(len(a), 1)
    first, second = (np.sign(np.subtract.outer(v, v))[above] for v in (a, b))
    pairs = np.sqrt(float(np.count_nonzero(first)) * float(np.count_nonzero(second)))
    return float(first @ second / pairs) if pairs else float("nan")
