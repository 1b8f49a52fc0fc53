"""Intervals for means over queries and seeds, and tests of differences between methods on the same queries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

RESAMPLES = 10_000
_BLOCK = 100_000  # drawn signs (eight together) at a time, so that they stay in the cache
_NEVER = 1e-9  # a chance so small that nothing is drawn to see whether it comes
_FEW = 8  # queries for each distinct value from which on drawing how often each value comes is the cheaper way


@dataclass(frozen=True)
class Interval:
    """A mean and its 95% bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Mean of ``a - b`` over the same queries.

    Attributes
    ----------
    value, low, high : float
        The mean difference and its 95% bootstrap interval.
    p : float
        Of the two-sided paired randomization test, and with several seeds no less than by Welch's; never 0.
    effect : float
        Cohen's d of paired data: the mean difference over the standard deviation of the differences; 0 where all
        differences are 0, infinite where all are one other number, NaN where nothing was paired.
    """

    value: float
    low: float
    high: float
    p: float
    effect: float


def bootstrap_means(
    per_query: Mapping[str, np.ndarray],
    seed: int = 0,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    groups: np.ndarray | None = None,
) -> dict[str, Interval]:
    """Percentile bootstrap intervals of the means of several measures.

    Parameters
    ----------
    per_query : name -> (nq,) float
        One value a query; NaN where a query has none (it is left out of that measure). A measure with none at
        all is left out of the result.
    seed : int
        Of the resampling.
    level : float
        Confidence level.
    resamples : int
    groups : (nq,) int64, optional
        The same number for queries that repeat each other: they count once in the interval, all in the value.

    Notes
    -----
    Efron and Tibshirani, An Introduction to the Bootstrap, section 13.3.
    """
    intervals = {}
    for name, values in per_query.items():
        values = np.asarray(values, np.float64)
        finite = np.isfinite(values)
        known = once(values[finite], None if groups is None else groups[finite])
        if len(known):
            intervals[name] = _interval(known, np.random.default_rng(seed), level, resamples)
    return intervals


def once(values: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """One value for each distinct query, with the mean that all queries together have.

    A query that occurs five times counts five times in the average, but is drawn once in a bootstrap: the values
    are those of a ratio of sums over distinct queries, linearized around the mean (Cochran, Sampling Techniques, 3rd
    edition, section 6.4).

    Parameters
    ----------
    values : (nq,) float64
        All known.
    groups : (nq,) int64 or None
        As :func:`bench.measure.repeats.groups_of` has them; None leaves the values as they are.
    """
    if groups is None or not len(values):
        return values
    _, groups, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(counts) == len(values):
        return values
    mean = values.mean()
    sums = np.bincount(groups, values - mean)
    return mean + sums * (len(counts) / len(values))


def of_ratio(numerators: np.ndarray, denominators: np.ndarray) -> np.ndarray:
    """Values (nq,) float64 whose mean is a ratio of sums, for a bootstrap of it; NaN where all denominators are 0.

    Linearized around the ratio, as :func:`once` does: a query counts as much as its denominator.

    Parameters
    ----------
    numerators, denominators : (nq,) float
        Hits of a query, say, and what it could have hit.
    """
    total = float(denominators.sum())
    if not total:
        return np.full(len(numerators), np.nan)
    ratio = float(numerators.sum()) / total
    return ratio + (numerators - ratio * denominators) * (len(numerators) / total)


def _interval(values: np.ndarray, rng: np.random.Generator, level: float, resamples: int) -> Interval:
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(_resampled_means(values, rng, resamples), [tail, 1.0 - tail])
    return Interval(float(values.mean()), float(low), float(high))


def _resampled_means(values: np.ndarray, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """Means (resamples,) of as many values drawn with replacement.

    Recall takes few distinct values (0, 0.1, ... 1 at k=10). How often each comes in a resample is multinomial, so a
    resample costs as many draws as there are distinct values, not as there are queries.
    """
    n = len(values)
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) * _FEW <= n:
        return rng.multinomial(n, counts / n, size=resamples) @ distinct / n
    from bench.measure.resampling import resampled_means  # compiled code: records are read without it

    return resampled_means(values, rng.bit_generator.random_raw(), resamples)


def paired_difference(
    a: np.ndarray, b: np.ndarray, seed: int = 0, level: float = 0.95, resamples: int = RESAMPLES
) -> Difference:
    """How much better ``a`` is than ``b`` on the same queries, and how sure that is.

    Parameters
    ----------
    a, b : (nq,) or (seeds, nq) float
        A measure of two methods, one value a query (and seed); queries where either is NaN are left out.
    seed, level, resamples
        As for :func:`bootstrap_means`.

    Raises
    ------
    ValueError
        If the two are of different queries, or none is known of both.

    Notes
    -----
    The paired randomization test exchanges the two methods' values of each query at random (Fisher; Smucker, Allan
    and Carterette, CIKM 2007, section 3). ``p`` counts the observed order as one of the random ones. It says that
    these fits differ; where a method has several seeds, the chance of the seed is added: to the interval as in
    :func:`combine_seeds`, and ``p`` is no less than by Welch's test with both variances. One seed says nothing of
    others.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape[-1:] != b.shape[-1:] or not 1 <= min(a.ndim, b.ndim) <= max(a.ndim, b.ndim) <= 2:
        raise ValueError(f"paired values are one array each of the same queries, not {a.shape} and {b.shape}")
    seeds = [np.atleast_2d(values) for values in (a, b)]
    both = seeds[0].mean(axis=0) - seeds[1].mean(axis=0)
    differences = np.round(both, 12)  # 0.9 - 0.8 and 0.2 - 0.1 are one value
    known = np.isfinite(differences)
    differences = differences[known]
    if not len(differences):
        raise ValueError("no query has a value of both methods")
    rng = np.random.default_rng(seed)
    mean = _interval(differences, rng, level, resamples)
    extreme = _times_as_far(differences, rng, resamples)
    spread = float(differences.std(ddof=1)) if len(differences) > 1 else 0.0
    effect = mean.value / spread if spread > 0 else math.copysign(math.inf, mean.value) if mean.value else 0.0
    difference = Difference(mean.value, mean.low, mean.high, (1 + extreme) / (1 + resamples), effect)
    means = [values[:, known].mean(axis=1) for values in seeds]
    return _over_seeds(difference, means, spread**2 / len(differences), level)


def unpaired_difference(a: Interval, b: Interval, level: float = 0.95) -> Difference:
    """How much better ``a`` is than ``b`` by their intervals alone, where values of single queries are missing.

    Both half widths add in squares, as for two independent samples, and ``p`` is of the normal distribution. Methods
    that find the same queries hard are distinguished less often than by :func:`paired_difference`.
    """
    value = a.value - b.value
    low = value - math.hypot(a.value - a.low, b.high - b.value)
    high = value + math.hypot(a.high - a.value, b.value - b.low)
    toward_zero = high - value if value < 0 else value - low
    deviation = toward_zero / NormalDist().inv_cdf((1.0 + level) / 2.0)
    z = abs(value) / deviation if deviation else (math.inf if value else 0.0)
    return Difference(value, low, high, math.erfc(z / math.sqrt(2.0)), math.nan)


def _over_seeds(difference: Difference, means: list[np.ndarray], variance: float, level: float) -> Difference:
    """The difference with what the seeds' means (seeds,) of both methods tell of other seeds."""
    known = [(float(np.var(each, ddof=1)), len(each) - 1) for each in means if len(each) > 1]
    if not known:
        return difference
    # A method of one seed is taken to vary as the other does.
    shares = [(spread / len(each), freedom) for each, (spread, freedom) in zip(means, (known[0], known[-1]))]
    drawn = sum(share for share, _ in shares)
    if drawn <= 0:
        return difference
    under = sum(share**2 / freedom for share, freedom in shares)
    half = student_t(max(1, math.floor(drawn**2 / under)), level) * math.sqrt(drawn)
    t, freedom = abs(difference.value) / math.sqrt(variance + drawn), (variance + drawn) ** 2 / under
    return replace(
        difference,
        low=difference.value - math.hypot(difference.value - difference.low, half),
        high=difference.value + math.hypot(difference.high - difference.value, half),
        p=max(difference.p, _both_tails(t, freedom)),
    )


def _both_tails(t: float, freedom: float) -> float:
    """Chance that Student's t is farther from 0 than ``t`` >= 0."""
    if freedom > 1e4:
        return 2 * NormalDist().cdf(-t)
    angles = np.linspace(math.atan(t / math.sqrt(freedom)), math.pi / 2, 4001)  # t = sqrt(freedom) * tan(angle)
    total = math.exp(math.lgamma(freedom / 2) - math.lgamma((freedom + 1) / 2)) * math.sqrt(math.pi)
    return float(2 * np.trapezoid(np.cos(angles) ** (freedom - 1), angles) / total)


def _times_as_far(differences: np.ndarray, rng: np.random.Generator, resamples: int) -> int:
    """How many of the means with random signs are at least as far from zero as the mean of the differences."""
    total, squares = float(differences.sum()), float(differences @ differences)
    # Signs drawn at random get as far with a chance of at most 2 exp(-total**2 / 2 / squares) (Hoeffding 1963).
    if total**2 > 2 * squares * math.log(2 * resamples / _NEVER):
        return 0
    return int((np.abs(_flipped_means(differences, rng, resamples)) >= abs(total) / len(differences) - 1e-12).sum())


def _flipped_means(differences: np.ndarray, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """Means (resamples,) of the differences with random signs; zeros need no draw."""
    n = len(differences)
    sizes, counts = np.unique(np.abs(differences[differences != 0]), return_counts=True)
    if len(sizes) * _FEW <= n:
        return (2.0 * rng.binomial(counts, 0.5, size=(resamples, len(sizes))) - counts) @ sizes / n
    signs = 2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1) - 1.0
    groups = -(-n // 8)
    sums = np.pad(differences, (0, 8 * groups - n)).reshape(groups, 8) @ signs.T  # of eight queries, by their signs
    offsets = 256 * np.arange(groups)
    means = np.empty(resamples)
    step = max(1, _BLOCK // groups)
    for start in range(0, resamples, step):
        block = means[start : start + step]
        flips = rng.integers(256, size=(len(block), groups), dtype=np.uint8)
        block[:] = sums.take(flips + offsets).sum(axis=1) / n
    return means


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Holm's step-down adjustment: reject where the adjusted value is below alpha, and the chance of any false
    rejection among them all stays below alpha (Holm, Scandinavian Journal of Statistics 6, 1979)."""
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


@dataclass(frozen=True)
class AgainstBest:
    """One method beside the best of its table: their difference, its Holm-adjusted p, whether it is distinguishable."""

    difference: Difference
    p_adjusted: float
    distinguishable: bool


def against_best(
    per_query: Mapping[str, np.ndarray], seed: int = 0, alpha: float = 0.05
) -> tuple[str, dict[str, AgainstBest]]:
    """The name with the best mean, and every other beside it, corrected for the number of comparisons.

    Parameters
    ----------
    per_query : name -> (nq,) or (seeds, nq) float
        A measure (more is better) of the same queries; at least one name.
    alpha : float
        Chance of telling any apart that are not.
    """
    best = max(per_query, key=lambda name: float(np.nanmean(per_query[name])))
    others = [name for name in per_query if name != best]
    differences = [paired_difference(per_query[name], per_query[best], seed) for name in others]
    adjusted = holm([difference.p for difference in differences])
    return best, {
        name: AgainstBest(difference, float(p), bool(p < alpha))
        for name, difference, p in zip(others, differences, adjusted)
    }


def combine_seeds(intervals: Sequence[Interval], level: float = 0.95) -> Interval:
    """The mean over seeds of one method on the same queries.

    Both sources of chance are in the interval: which queries were drawn (shared by the seeds, so their mean half
    width stays), and which seed was drawn (Student's t over the seeds' means); the two half widths add in squares.
    One seed alone keeps its interval, which says nothing of other seeds.
    """
    value = _mean([interval.value for interval in intervals])
    low = value - _mean([interval.low for interval in intervals])
    high = _mean([interval.high for interval in intervals]) - value
    seeds = 0.0
    if len(intervals) > 1:
        deviation = float(np.std([interval.value for interval in intervals], ddof=1))
        seeds = student_t(len(intervals) - 1, level) * deviation / math.sqrt(len(intervals))
    return Interval(value, value - math.hypot(low, seeds), value + math.hypot(high, seeds))


def _mean(values: list[float]) -> float:
    return float(values[0] if len(values) == 1 else np.mean(values))  # numpy takes long over one


def student_t(freedom: int, level: float = 0.95) -> float:
    """Two-sided quantile of Student's t: 4.303 for two degrees of freedom at 95%.

    Exact for one and two, by Hill's expansion beyond (Communications of the ACM 13, 1970); scipy.stats would cost
    two seconds at every start.
    """
    tail = 1.0 - level
    if freedom == 1:
        return 1.0 / math.tan(tail * math.pi / 2.0)
    if freedom == 2:
        return math.sqrt(2.0 / (tail * (2.0 - tail)) - 2.0)
    z = NormalDist().inv_cdf(1.0 - tail / 2.0)
    n = float(freedom)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / n ** (i + 1) for i, term in enumerate(terms))
