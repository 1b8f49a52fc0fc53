"""Quality of click predictions: area under the ROC curve, log loss, and intervals over the examples."""

from __future__ import annotations

import math

import numpy as np

from bench.measure.statistics import Interval

RESAMPLES = 1_000
_STEPS = 1 << 16  # of the probability by which a count is drawn


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Chance that a positive example scores above a negative one, ties counting half; NaN without both kinds.

    Parameters
    ----------
    scores : (n,) float
    labels : (n,) 0 or 1
    """
    return float(np.nanmean(placements(scores, labels))) if 0 < np.sum(labels) < len(labels) else math.nan


def click_intervals(
    logits: np.ndarray, labels: np.ndarray, seed: int = 0, level: float = 0.95, resamples: int = RESAMPLES
) -> dict[str, Interval]:
    """``auc`` and ``log_loss`` with their percentile bootstrap intervals over the examples.

    A resample is how often each example counts, drawn from Poisson(1) for each by itself (the Poisson bootstrap:
    Chamandy et al., Estimating Uncertainty for Massive Data Streams, 2012). With the negatives sorted once, its AUC
    is a cumulative sum of theirs, read where each positive stands.
    """
    logits, positive = np.asarray(logits, np.float64), np.asarray(labels) > 0.5
    losses = log_losses(logits, labels)
    order = np.argsort(logits[~positive], kind="stable")
    negatives, chosen = logits[~positive][order], logits[positive]
    below = [np.searchsorted(negatives, chosen, side) for side in ("left", "right")]
    of_negatives, of_positives = losses[~positive][order].astype(np.float32), losses[positive].astype(np.float32)
    exact = np.float32 if len(negatives) < 1 << 23 else np.float64  # counts add up to about so many
    rng, counts_of = np.random.default_rng(seed), _poisson_table()
    areas, means = np.empty(resamples), np.empty(resamples)
    for number in range(resamples):
        hits = counts_of[rng.integers(_STEPS, size=len(chosen), dtype=np.uint16)]
        misses = counts_of[rng.integers(_STEPS, size=len(negatives), dtype=np.uint16)]
        up_to = np.append(0, np.cumsum(misses, dtype=exact)).astype(exact, copy=False)
        total = float(hits.sum(dtype=np.float64))
        wins = float(hits @ up_to[below[0]]) + float(hits @ up_to[below[1]])
        areas[number] = wins / (2.0 * total * float(up_to[-1])) if total and up_to[-1] else np.nan
        means[number] = (hits @ of_positives + misses @ of_negatives) / max(1.0, total + float(up_to[-1]))
    tails = [(1.0 - level) / 2.0, (1.0 + level) / 2.0]
    intervals = {}
    for name, value, drawn in (("auc", auc(logits, labels), areas), ("log_loss", losses.mean(), means)):
        low, high = np.nanquantile(drawn, tails)
        intervals[name] = Interval(float(value), float(low), float(high))
    return intervals


def _poisson_table() -> np.ndarray:
    """(65536,) float32: Poisson(1) by its inverse distribution function."""
    cumulative = np.cumsum([math.exp(-1) / math.factorial(k) for k in range(16)])
    return np.searchsorted(cumulative, (np.arange(_STEPS) + 0.5) / _STEPS).astype(np.float32)


def log_losses(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) float64: minus the log of the probability that was given to what happened, in nats."""
    logits = np.asarray(logits, np.float64)
    return np.logaddexp(0.0, logits) - logits * np.asarray(labels, np.float64)


def influences(logits: np.ndarray, labels: np.ndarray, groups: int = 2_000) -> np.ndarray:
    """AUC as a mean over groups of examples, for tests that pair two models on the same examples.

    Parameters
    ----------
    logits, labels : (n,)
    groups : int
        Consecutive examples are taken together into at most so many.

    Returns
    -------
    (groups,) float64
        Their mean is the AUC and the variance of that mean DeLong's (Biometrics 1988): an example's value is the AUC
        and its own deviation from it, the share of the other kind that it is on the right side of.
    """
    labels = np.asarray(labels) > 0.5
    right = np.where(labels, placements(logits, labels), placements(-np.asarray(logits), ~labels))
    area, n = right[labels].mean(), len(labels)
    values = area + (right - area) * np.where(labels, n / labels.sum(), n / (~labels).sum())
    parts = np.array_split(values - area, min(groups, n))
    return area + np.array([part.sum() for part in parts]) * len(parts) / n


def placements(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) float64: for a positive example the share of negatives below it (ties half), NaN for a negative one.

    Their mean is the AUC: the structural components of DeLong et al., Biometrics 1988.
    """
    scores, positive = np.asarray(scores, np.float64), np.asarray(labels) > 0.5
    negatives = np.sort(scores[~positive])
    below = np.searchsorted(negatives, scores, "left") + np.searchsorted(negatives, scores, "right")
    return np.where(positive, below / (2.0 * max(1, len(negatives))), np.nan)
