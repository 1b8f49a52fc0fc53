"""Recall at the user's number of vectors: a law fitted to nested parts of the user's own.

What a method returns from a part of the base is what it returned from all of it, less what is not in that part, and so
are the true neighbors (as in :mod:`bench.subsample`). So recall on smaller bases, with the same codec and queries, is
read from what a run left behind, on average over many parts drawn at random, without searching again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bench import records
from bench.config import RunConfig
from bench.datasets import Dataset, ground_truth
from bench.errors import UsageError
from bench.execution.plan import prepare
from bench.measure.quality import Judged
from bench.measure.repeats import groups_of
from bench.measure.statistics import Interval, once
from bench.measure.ties import tie_tolerance
from bench.records import Record
from bench.tracks.dense import recall_judge
from bench.tracks.measurement import TRUTH_K

SHARES = (1.0, 0.63, 0.4, 0.25)  # of the sample: of 100 returned ids, 25 remain on average in the smallest part
DECADES = 2.0  # the law is trusted with a value for so many times ten the vectors; beyond, its interval is all
_DRAWS = 16
_FIRST = 10  # neighbors that are followed at most: so many remain of 100 in any part
_Z90, _Z95 = (NormalDist().inv_cdf((1 + level) / 2) for level in (0.9, 0.95))
# By which the law errs, of log recall: for ten times the vectors, and of what is lost. So wide that nine of ten cases
# are inside (docs/measuring.md). With two sizes, measured after other training, nothing averages out.
_LAW_ERROR, _LAW_ERROR_OF_TWO, _LOSS_ERROR = 0.012, 0.03, 0.3


@dataclass(frozen=True)
class Trend:
    """How recall changes with the number of vectors ``n``: one over its square root grows with the logarithm of ``n``.

    Of laws that are linear in log ``n``, this one predicted recall on the published sets best (docs/measuring.md).

    Attributes
    ----------
    slope : float
        Of recall ** -1/2 with log ``n``; at least 0. Recall that rises with ``n`` (as where the smallest parts hold too
        few near neighbors) is not carried upward.
    variance, covariance, slope_variance : float
        Of recall ** -1/2 on the sample, of both, and of ``slope``: by the choice of queries.
    sizes, recalls : tuple
        What it was fitted to, the largest first.
    law_error : float
        Standard deviation of log recall, for ten times the vectors, by which the law itself errs.
    """

    slope: float
    variance: float
    covariance: float
    slope_variance: float
    sizes: tuple[int, ...]
    recalls: tuple[float, ...]
    law_error: float

    def at(self, n: int, recall: float) -> Interval:
        """Recall at ``n`` vectors, of one that is ``recall`` (not 0) on the largest part, with its 90% interval."""
        farther = max(0.0, math.log(n / self.sizes[0]))
        grown = self.slope * farther
        root = recall**-0.5 + grown
        value = root**-2 if grown else recall
        variance = self.variance + 2 * farther * self.covariance + farther**2 * self.slope_variance
        by_queries = 2 * math.sqrt(max(0.0, variance)) / root
        by_law = self.law_error * farther / math.log(10)
        factor = math.exp(_Z90 * math.hypot(by_queries, by_law, _LOSS_ERROR * math.log(recall / value)))
        return Interval(value, value / factor, min(1.0, value * factor))


@dataclass(frozen=True)
class Parts:
    """Recall on nested parts of what a run searched.

    Attributes
    ----------
    sizes : tuple of int
        Vectors of each part, the whole first.
    recalls : (sizes, nq) float64
        Of every query, each distinct one once.
    """

    sizes: tuple[int, ...]
    recalls: np.ndarray


def trend_of(record: Record) -> Trend | None:
    """Of a run whose sample and arrays still exist; None if they do not tell."""
    parts = parts_of(record)
    return None if parts is None else fitted(parts.sizes, parts.recalls)


def parts_of(record: Record) -> Parts | None:
    """What the trend of a run is fitted to; None if what it left behind does not tell.

    Re-ranked results of a part are others than those of the whole, less what is not in it. Recall at 100 changes as
    recall at 10 does: of 100 returned ids, a part holds fewer than 100.
    """
    config = RunConfig.from_dict(record.config)
    if config.rescore is not None:
        return None
    try:
        plan = prepare(config)
        ids = records.read_queries(plan.folder)["ids"]
    except UsageError:
        return None
    dataset, k = plan.dataset, min(config.k, _FIRST)
    assert isinstance(dataset, Dataset)
    truth, n = ground_truth(dataset, TRUTH_K), dataset.base.shape[0]
    if n < TRUTH_K:
        return None
    judged = recall_judge(dataset, truth).judge(ids)
    recalls = nested_recalls(judged, ids, truth.ids, k, n, dataset.metric.descending)
    known, groups = np.isfinite(recalls).all(axis=0), groups_of(dataset.queries, dataset.metric)
    if not known.any():
        return None
    once_each = [once(row[known], None if groups is None else groups[known]) for row in recalls]
    return Parts(tuple(round(share * n) for share in SHARES), np.stack(once_each))


def of_two(larger: Record, smaller: Record, k: int) -> Trend | None:
    """From recall@k of two runs on samples of different size, whose queries may be others."""
    runs = (larger, smaller)
    sizes, recalls = [run.dataset.n for run in runs], [run.quality[f"recall@{k}"] for run in runs]
    if sizes[1] >= sizes[0] or min(recall.value for recall in recalls) <= 0:
        return None
    roots = [recall.value**-0.5 for recall in recalls]
    variances = [
        ((recall.high - recall.low) / (4 * _Z95) * root**3) ** 2 for recall, root in zip(recalls, roots, strict=True)
    ]
    apart = math.log(sizes[0] / sizes[1])
    return Trend(
        max(0.0, (roots[0] - roots[1]) / apart),
        variances[0],
        variances[0] / apart,
        sum(variances) / apart**2,
        (sizes[0], sizes[1]),
        (recalls[0].value, recalls[1].value),
        _LAW_ERROR_OF_TWO,
    )


def fitted(sizes: Sequence[int], recalls: np.ndarray, law_error: float = _LAW_ERROR) -> Trend | None:
    """The law through recalls (sizes, nq) of every query, by least squares; None if one is 0.

    How it varies with the queries follows from how recall ** -1/2 and its slope change with each (the delta method).
    """
    means = recalls.mean(axis=1)
    if len(sizes) < 2 or means.min() <= 0:
        return None
    x = np.log(np.array(sizes, np.float64))
    weights = (x - x.mean()) / np.square(x - x.mean()).sum()
    roots = means**-0.5
    influence = -0.5 * (recalls - means[:, None]) * (roots**3)[:, None]
    both = np.stack([influence[0], weights @ influence])
    covariance = np.cov(both) / recalls.shape[1] if recalls.shape[1] > 1 else np.zeros((2, 2))
    return Trend(
        max(0.0, float(weights @ roots)),
        float(covariance[0, 0]),
        float(covariance[0, 1]),
        float(covariance[1, 1]),
        tuple(sizes),
        tuple(map(float, means)),
        law_error,
    )


def nested_recalls(
    judged: Judged, ids: np.ndarray, truth_ids: np.ndarray, k: int, n: int, descending: bool
) -> np.ndarray:
    """Recall@k (shares, nq) on parts of the base that hold each of :data:`SHARES` of it; NaN where k are never known.

    Parameters
    ----------
    judged : Judged
        Of ``ids``.
    ids, truth_ids : (nq, 100) int64
        As returned from the whole base, and the true neighbors in it; -1 where there are none.
    n : int
        Vectors in the base.
    """
    tolerance = tie_tolerance(judged.truth_scores, k)
    sign = 1.0 if descending else -1.0
    with np.errstate(invalid="ignore"):
        scores, truth = sign * judged.scores, sign * judged.truth_scores
    rng = np.random.default_rng(0)
    means = np.empty((len(SHARES), len(ids)))
    for row, share in enumerate(SHARES):
        count = _DRAWS if share < 1 else 1
        draws = [_of_part(rng.random(n + 1) < share, ids, truth_ids, scores, truth, tolerance, k) for _ in range(count)]
        known = np.isfinite(draws)
        total, times = np.where(known, draws, 0.0).sum(axis=0), known.sum(axis=0)
        means[row] = np.divide(total, times, out=np.full(len(ids), np.nan), where=times > 0)
    return means


def _of_part(
    kept: np.ndarray,
    ids: np.ndarray,
    truth_ids: np.ndarray,
    scores: np.ndarray,
    truth: np.ndarray,
    tolerance: np.ndarray,
    k: int,
) -> np.ndarray:
    """Recall@k (nq,) where only rows with ``kept`` (n + 1,) are in the base; NaN where fewer than k are known of."""
    kept[-1] = False  # where -1 points to
    true = kept[truth_ids]
    place = np.cumsum(true, axis=1)
    last = np.take_along_axis(truth, np.argmax(place >= k, axis=1)[:, None], axis=1)
    returned = kept[ids]
    rank = np.cumsum(returned, axis=1)
    with np.errstate(invalid="ignore"):
        hits = returned & (rank <= k) & (scores >= last - tolerance[:, None])
    known = (place[:, -1] >= k) & (rank[:, -1] >= k)
    return np.where(known, np.minimum(hits.sum(axis=1), k) / k, np.nan)
