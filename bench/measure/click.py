"""Quality of click predictions: area under the ROC curve, log loss, and intervals over the examples."""

from __future__ import annotations

import numpy as np

from bench.measure.statistics import Interval

RESAMPLES = 2_000
_BLOCK = 64  # resamples at a time


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Chance that a positive example scores above a negative one, ties counting half; NaN without both kinds.

    Parameters
    ----------
    scores : (n,) float
    labels : (n,) 0 or 1
    """
    groups, positive = _tied_groups(scores, labels)
    return float(_auc_of_counts(groups[None], np.asarray(positive, np.float64)[None], np.ones((1, len(positive))))[0])


def auc_interval(
    scores: np.ndarray, labels: np.ndarray, seed: int = 0, level: float = 0.95, resamples: int = RESAMPLES
) -> Interval:
    """AUC with its percentile bootstrap interval over the examples.

    The examples are sorted once; a resample is how often each was drawn, and its AUC two cumulative sums.
    """
    groups, positive = _tied_groups(scores, labels)
    rng, n = np.random.default_rng(seed), len(positive)
    found = []
    for start in range(0, resamples, _BLOCK):
        size = min(_BLOCK, resamples - start)
        drawn = rng.integers(n, size=(size, n), dtype=np.int32) + n * np.arange(size, dtype=np.int64)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n).astype(np.float64)
        found.append(_auc_of_counts(groups[None], positive[None].astype(np.float64), counts))
    tail = (1.0 - level) / 2.0
    low, high = np.nanquantile(np.concatenate(found), [tail, 1.0 - tail])
    return Interval(auc(scores, labels), float(low), float(high))


def log_losses(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) float64: minus the log of the probability that was given to what happened, in nats."""
    logits = np.asarray(logits, np.float64)
    return np.logaddexp(0.0, logits) - logits * np.asarray(labels, np.float64)


def placements(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) float64: for a positive example the share of negatives below it (ties half), NaN for a negative one.

    Their mean is the AUC: the structural components of DeLong et al., Biometrics 1988.
    """
    scores, positive = np.asarray(scores, np.float64), np.asarray(labels) > 0.5
    negatives = np.sort(scores[~positive])
    below = np.searchsorted(negatives, scores, "left") + np.searchsorted(negatives, scores, "right")
    return np.where(positive, below / (2.0 * max(1, len(negatives))), np.nan)


def _tied_groups(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First place of each example's run of equal scores, and its label, both in ascending order of score."""
    scores = np.asarray(scores, np.float64)
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    first = np.searchsorted(ordered, ordered, "left")
    last = np.searchsorted(ordered, ordered, "right")
    return np.stack([first, last]), (np.asarray(labels)[order] > 0.5)


def _auc_of_counts(groups: np.ndarray, positive: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """AUC (resamples,) where example i (in order of score) counts ``counts[r, i]`` times."""
    negatives = counts * (1.0 - positive)
    below = np.concatenate([np.zeros((len(counts), 1)), np.cumsum(negatives, axis=1)], axis=1)
    first, last = groups[0]
    wins = (counts * positive * (below[:, first] + below[:, last])).sum(axis=1) / 2.0
    pairs = (counts * positive).sum(axis=1) * negatives.sum(axis=1)
    return np.divide(wins, pairs, out=np.full(len(counts), np.nan), where=pairs > 0)
