"""Ranking methods over several tasks (data sets and budgets), and how sure that ranking is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_DRAWN = 0.1  # of a duel that each method draws besides with an average one: keeps strengths of the unbeaten finite
_STEPS = 100  # of Newton's method, of at most 1 each; about ten are needed
_AT_ONCE = 50  # resamples fitted together: their tables of duels stay in a processor's cache


@dataclass(frozen=True)
class Ranked:
    """One method's place among all.

    Attributes
    ----------
    name : str
    rank : float
        By strength, 1 is best; methods of equal strength share the mean of their places.
    rank_low, rank_high : float
        95% bootstrap interval of ``rank`` over tasks.
    win_rate : float
        Share of duels that it is expected to win if it met every other method equally often.
    won : float
        Duels that it won, ties counted half.
    duels : int
        All that it took part in: one a task and other method measured there.
    tasks : int
        Tasks on which it was measured.
    """

    name: str
    rank: float
    rank_low: float
    rank_high: float
    win_rate: float
    won: float
    duels: int
    tasks: int


def average_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks (n,) from 1 in ascending order, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[inverse]


def duels_won(scores: np.ndarray) -> np.ndarray:
    """``won[t, i, j]`` (tasks, methods, methods): 1 where i beat j on task t, 0.5 where they tied, else 0.

    Parameters
    ----------
    scores : (tasks, methods) float
        More is better; NaN where a method was not measured: there it has no duels.
    """
    first, second = scores[:, :, None], scores[:, None, :]
    won = np.where(first == second, 0.5, np.where(first > second, 1.0, 0.0))
    won[np.isnan(first) | np.isnan(second)] = 0.0
    won[:, np.arange(scores.shape[1]), np.arange(scores.shape[1])] = 0.0
    return won


def strengths(won: np.ndarray, start: np.ndarray | None = None) -> np.ndarray:
    """Strengths (..., methods) of a Bradley-Terry model of duels; 0 is average.

    Method i beats j with probability 1 / (1 + exp(s_j - s_i)); the most likely strengths are those under which each
    method wins as many of the duels that it had as it did. A small drawn duel with an average method keeps the
    strength of one that won or lost all of its duels finite, and puts one without any at 0.

    Parameters
    ----------
    won : (..., methods, methods) float
        Duels that the row's method won against the column's, summed over tasks, ties counted half.
    start : (methods,) float, optional
        Strengths to begin from.

    Notes
    -----
    Bradley and Terry, "Rank Analysis of Incomplete Block Designs", Biometrika 1952; by Newton's method on the
    concave log-likelihood, its steps bounded.
    """
    met = won + np.swapaxes(won, -1, -2)
    total, identity = won.sum(axis=-1), np.eye(won.shape[-1])
    fitted = np.zeros(total.shape) if start is None else np.broadcast_to(start, total.shape).copy()
    for _ in range(_STEPS):
        chance = _logistic(fitted[..., :, None] - fitted[..., None, :])
        average = _logistic(fitted)
        slope = total - (met * chance).sum(axis=-1) + _DRAWN * (0.5 - average)
        spread = met * chance * (1.0 - chance)
        pull = spread.sum(axis=-1) + _DRAWN * average * (1.0 - average) + 1e-9
        step = np.linalg.solve(pull[..., None] * identity - spread, slope[..., None])[..., 0]
        fitted += np.clip(step, -1.0, 1.0)
        if np.abs(step).max(initial=0.0) < 1e-8:
            break
    return fitted


def _logistic(value: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * value)


def rank_methods(names: Sequence[str], scores: np.ndarray, seed: int = 0, resamples: int = 500) -> list[Ranked]:
    """Methods by strength over tasks, best first.

    Only what was measured together counts: a method loses nothing, and gains nothing, on a task where it was not
    measured. The share of duels won would not do: it is high for one that met weak methods alone. A Bradley-Terry
    model weighs a win by whom it was against; where every method was measured on every task, its order is that of the
    duels won (Borda count).

    Parameters
    ----------
    names : (methods,)
    scores : (tasks, methods) float
        More is better; NaN where a method was not measured. Methods that never met, not even through others, cannot be
        ranked against each other: those that are not of the largest such set (:func:`connected`) are left out.
    seed, resamples : int
        Of the bootstrap over tasks that gives ``rank_low`` and ``rank_high``.

    Notes
    -----
    Ties count half a win. Chatbot Arena ranks language models so from votes on pairs of them (Chiang et al., ICML
    2024).
    """
    scores = np.asarray(scores, np.float64)
    won = duels_won(scores)
    met = won.sum(axis=0) + won.sum(axis=0).T
    if len(kept := connected(met)) < len(names):
        scores = scores[won[:, kept].any(axis=(1, 2))][:, kept]
        return rank_methods([names[int(i)] for i in kept], scores, seed, resamples) if len(kept) else []
    tasks, methods, _ = won.shape
    strength = strengths(won.sum(axis=0))
    rank = _places(strength)
    drawn = np.random.default_rng(seed).multinomial(tasks, np.full(tasks, 1.0 / tasks), size=resamples)
    resampled = [
        strengths(np.tensordot(some, won, 1), strength)
        for some in np.array_split(drawn.astype(np.float64), -(-resamples // _AT_ONCE))
    ]
    low, high = np.quantile([_places(row) for some in resampled for row in some], [0.025, 0.975], axis=0)
    chance = _logistic(strength[:, None] - strength)
    entries = [
        Ranked(
            name=name,
            rank=float(rank[i]),
            rank_low=float(low[i]),
            rank_high=float(high[i]),
            win_rate=float((chance[i].sum() - 0.5) / (methods - 1)),
            won=float(won[:, i].sum()),
            duels=round(met[i].sum()),
            tasks=int(np.isfinite(scores[:, i]).sum()),
        )
        for i, name in enumerate(names)
    ]
    return sorted(entries, key=lambda ranked: (ranked.rank, ranked.name))


def connected(met: np.ndarray) -> np.ndarray:
    """Indices, ascending, of the most methods that met each other, at least through others; none if there is no duel.

    Parameters
    ----------
    met : (methods, methods) float
        Duels of each two, symmetric.

    Notes
    -----
    Of sets of one size that with the most duels, then the first.
    """
    reached = (met > 0) | np.eye(len(met), dtype=bool)
    for _ in range(len(met).bit_length()):  # each squaring doubles the length of the ways that count
        reached = reached.astype(np.float32) @ reached.astype(np.float32) > 0
    duels = np.where(reached, met.sum(axis=1), 0.0).sum(axis=1)
    if not duels.any():
        return np.empty(0, np.int64)
    first = max(range(len(met)), key=lambda i: (reached[i].sum(), duels[i], -i))
    return np.flatnonzero(reached[first])


def _places(strength: np.ndarray) -> np.ndarray:
    return average_ranks(-np.round(strength, 6))


def kendall_tau(a: np.ndarray, b: np.ndarray) -> float:
    """Kendall's tau-b of two score lists (n,): 1 for the same order, -1 for the reverse; NaN if one is all ties."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    above = np.triu_indices(len(a), 1)
    first, second = (np.sign(np.subtract.outer(v, v))[above] for v in (a, b))
    pairs = np.sqrt(float(np.count_nonzero(first)) * float(np.count_nonzero(second)))
    return float(first @ second / pairs) if pairs else float("nan")
