"""Measures of a run by group of queries, and whether compression costs one group more than the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench.measure.statistics import Interval, bootstrap_means, paired_difference, unpaired_difference

__all__ = ["MEASURES", "GroupInfo", "by_group"]

MEASURES = ("recall@10", "P@10", "R@10", "MRR@10", "nDCG@10")
_RESAMPLES = 2_000
_LEAST = 20  # queries: fewer have no interval worth the name


@dataclass(frozen=True)
class GroupInfo:
    """One group of queries.

    Attributes
    ----------
    queries : int
    quality : dict
        Of each of :data:`MEASURES` that is known, its mean over the group with a 95% interval.
    lost : dict
        By how much it is below that of the exact neighbors, over the same queries; recall@10 of these is 1.
    p_lost : dict
        Of the paired randomization test of that.
    others_lost : dict
        What the queries of all other groups lose on average; empty where these are fewer than twenty.
    p_others : dict
        That the group loses as much as they do; by both intervals.
    """

    queries: int
    quality: dict[str, Interval]
    lost: dict[str, Interval]
    p_lost: dict[str, float]
    others_lost: dict[str, float]
    p_others: dict[str, float]


def by_group(
    groups: Mapping[str, np.ndarray], measures: Mapping[str, np.ndarray], exact: Mapping[str, np.ndarray], seed: int
) -> dict[str, dict[str, GroupInfo]]:
    """Heading -> group -> its measures.

    Parameters
    ----------
    groups : heading -> (nq,) labels
        Groups of fewer than twenty queries are left out.
    measures, exact : name -> (nq,) float
        Of what a run returned, and of the exact neighbors; NaN where a query has none. What is no measure of
        :data:`MEASURES` is left out.
    seed : int
        Of the intervals.
    """
    known = {name: np.asarray(measures[name], np.float64) for name in MEASURES if name in measures and name in exact}
    lost = {name: np.asarray(exact[name], np.float64) - values for name, values in known.items()}
    return {
        heading: {
            str(label): _group(labels == label, known, lost, exact, seed)
            for label in np.unique(labels)
            if (labels == label).sum() >= _LEAST
        }
        for heading, labels in groups.items()
    }


def _group(
    members: np.ndarray,
    measures: Mapping[str, np.ndarray],
    lost: Mapping[str, np.ndarray],
    exact: Mapping[str, np.ndarray],
    seed: int,
) -> GroupInfo:
    judged = {name: values for name, values in measures.items() if np.isfinite(values[members]).any()}
    losses = _means(lost, judged, members, seed)
    others = _means(lost, judged, ~members, seed) if (~members).sum() >= _LEAST else {}
    return GroupInfo(
        queries=int(members.sum()),
        quality=_means(measures, judged, members, seed),
        lost=losses,
        p_lost={
            name: paired_difference(exact[name][members], measures[name][members], seed, resamples=_RESAMPLES).p
            for name in judged
        },
        others_lost={name: interval.value for name, interval in others.items()},
        p_others={name: float(unpaired_difference(losses[name], others[name]).p) for name in judged if name in others},
    )


def _means(
    values: Mapping[str, np.ndarray], names: Mapping[str, np.ndarray], members: np.ndarray, seed: int
) -> dict[str, Interval]:
    chosen = {name: values[name][members] for name in names if np.isfinite(values[name][members]).any()}
    return bootstrap_means(chosen, seed, resamples=_RESAMPLES) if chosen else {}
