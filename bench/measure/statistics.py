"""Intervals for means over queries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_RESAMPLES = 1_000


@dataclass(frozen=True)
class Interval:
    """A mean and its 95% bootstrap interval."""

    value: float
    low: float
    high: float


def bootstrap_means(per_query: dict[str, np.ndarray], seed: int = 0, level: float = 0.95) -> dict[str, Interval]:
    """Percentile bootstrap intervals of the means of several measures of the same queries.

    Parameters
    ----------
    per_query : name -> (nq,) float
        One value a query; NaN where a query has none (it is left out of that measure). A measure with none at
        all is left out of the result.
    seed : int
        Of the resampling.
    level : float
        Confidence level.

    Notes
    -----
    Efron and Tibshirani, An Introduction to the Bootstrap, section 13.3. A resample is a vector of multiplicities,
    so all measures and resamples are one matrix product.
    """
    per_query = {name: v for name, v in per_query.items() if np.isfinite(v).any()}
    if not per_query:
        return {}
    values = np.stack([np.asarray(v, np.float64) for v in per_query.values()], axis=1)
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    nq = len(values)
    counts = np.random.default_rng(seed).multinomial(nq, np.full(nq, 1.0 / nq), size=_RESAMPLES).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (counts @ filled) / (counts @ known)
        centre = filled.sum(axis=0) / known.sum(axis=0)
        tail = (1.0 - level) / 2.0
        low, high = np.nanquantile(means, [tail, 1.0 - tail], axis=0)
    return {name: Interval(float(c), float(lo), float(hi)) for name, c, lo, hi in zip(per_query, centre, low, high)}
