"""The exponent of the bit allocation, the rule of the scale, the axes and the power of sizes, by held-out vectors."""

from __future__ import annotations

from collections.abc import Callable

import faiss
import numpy as np

from methods.base import Metric
from methods.encoding.factor_byte import as_stored
from methods.faiss_tools import faiss_metric
from methods.transform.transform_coding import scales
from methods.transform.transform_coding.quantizer import Scalable

GAMMAS = (1.0, 1.25, 1.5)
MIDDLE_GAMMA = 1.25  # with which all else is chosen
_ALIKE, _VARIED = 0.1, 0.35  # standard deviations of logarithms of lengths, between which powers are tried
_TRIED_RULES = ("least_squares", "renormalized")  # the unbiased scale finds less on every set that was measured
_QUERIES, _BASE, _NEIGHBORS = 1000, 10_000, 10
_VALUES = 4_000_000  # of the base, but as many vectors as queries: of many dimensions they take long to code
_TIE = 0.003  # of recall: less than these samples can tell
LEAST = 200  # training vectors below which nothing can be held out


def choose(
    quantizer: Callable[[float], Scalable],
    vectors: np.ndarray,
    metric: Metric,
    gamma: float | None,
    rule: str | None,
    seed: int,
    exponents: tuple[float, ...] = GAMMAS,
) -> tuple[float, str]:
    """Exponent and rule under which held-out vectors find most of their neighbors among the other training vectors.

    Parameters
    ----------
    quantizer : callable
        The quantizer for an exponent.
    vectors : (n, dim) float32
        Training vectors.
    metric : Metric
        ``ip`` or ``l2``.
    gamma, rule
        What is given is kept; None is chosen.
    exponents : tuple of float
        That are tried.
    """
    gammas = exponents if gamma is None else (float(gamma),)
    rules = _TRIED_RULES if rule is None else (rule,)
    if len(gammas) * len(rules) == 1:
        return gammas[0], rules[0]
    if len(vectors) < LEAST:
        return (MIDDLE_GAMMA if gamma is None else gammas[0]), rules[0]
    others = held_out(vectors, metric, seed)
    best = {each: max(_recalls(quantizer(each), rules, metric, *others), key=_recall) for each in gammas}
    chosen = largest_of_equals({each: recall for each, (_, recall) in best.items()})
    return chosen, best[chosen][0]


def finds_more(
    one: Scalable, other: Scalable, vectors: np.ndarray, metric: Metric, rule: str | None, seed: int
) -> bool:
    """Whether held-out vectors find more of their neighbors by ``one`` quantizer than by the ``other``.

    Never of fewer than 200 vectors (n, dim) float32. The rule is tried as in :func:`choose`.
    """
    if len(vectors) < LEAST:
        return False
    others = held_out(vectors, metric, seed)
    return best_recall(one, rule, metric, others) > best_recall(other, rule, metric, others)


def size_power(
    quantizer: Callable[[float], Scalable],
    centered: np.ndarray,
    vectors: np.ndarray,
    metric: Metric,
    rule: str | None,
    seed: int,
) -> float:
    """The power of a vector's size by which it is divided before it is coded: 0.5 or 1.

    Where lengths vary, the nearest by inner product are long ones, and levels made for the typical length clip them: 1
    then. Where they vary little, and under ``l2``, where the nearest are of any length, 0.5. Between, logarithms
    deviating by 0.1 to 0.35, held-out vectors decide: at 8x ``glove-100`` (.14) finds .884 with 1 and .869 with 0.5,
    ``fashion-mnist`` brought to unit length (.23) without an offset .921 and .951. What these samples cannot tell apart
    gets 1: the nearest of queries are often longer than those of held-out vectors.

    Parameters
    ----------
    quantizer : callable
        The quantizer for a power.
    centered : (n, dim) float32
        Some training vectors less their mean: whose lengths are looked at.
    vectors, metric, rule, seed
        As for :func:`finds_more`. Of fewer than 200 vectors the lengths decide, at 0.35.
    """
    deviation = length_deviation(centered)
    if metric is Metric.L2 or deviation < _ALIKE:
        return 0.5
    if deviation > _VARIED:
        return 1.0
    if len(vectors) < LEAST:
        return 0.5
    others = held_out(vectors, metric, seed)
    # The byte of a factor, which varies with the size, says it less exactly then: at 4x that outweighs clipped levels.
    by_size, by_root = (best_recall(quantizer(power), rule, metric, others, stored=True) for power in (1.0, 0.5))
    error = np.sqrt(by_root * (1 - by_root) / (_NEIGHBORS * len(others[0])))
    return 1.0 if by_size >= by_root - error else 0.5


def length_deviation(vectors: np.ndarray) -> float:
    """Standard deviation of the logarithms of the lengths of vectors (n, dim), those of length 0 left out."""
    lengths = np.linalg.norm(vectors, axis=1)
    return float(np.log(lengths[lengths > 0]).std()) if (lengths > 0).any() else 0.0


def held_out(vectors: np.ndarray, metric: Metric, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Some training vectors as queries (nq, dim), others as base (n, dim), and the nearest of these (nq, 10)."""
    order = np.random.default_rng(seed).permutation(len(vectors))
    count = min(_QUERIES, len(vectors) // 10)
    queries, base = vectors[order[:count]], vectors[order[count : count + sample_size(vectors.shape[1])]]
    return queries, base, faiss.knn(queries, base, _NEIGHBORS, metric=faiss_metric(metric))[1]


def sample_size(dim: int) -> int:
    """How many vectors of so many dimensions a choice looks at: those that held-out ones search, and other samples."""
    return max(_QUERIES, min(_BASE, _VALUES // dim))


def largest_of_equals(recalls: dict[float, float]) -> float:
    """Of values, with their recall for held-out vectors: the largest not distinguishable from the best.

    Queries are farther from documents than documents are from each other and lie more along the first axes: of
    exponents, and of gains, of equal recall for held-out documents, the largest serves queries best.
    """
    best = max(recalls.values())
    return max(each for each, recall in recalls.items() if recall >= best - _TIE)


def overlap(ids: np.ndarray, truth: np.ndarray) -> float:
    """The share of the true neighbors (nq, 10) that are among ``ids`` (nq, 10)."""
    return float(np.mean([len(np.intersect1d(a, b)) for a, b in zip(ids, truth)])) / truth.shape[1]


def _recall(result: tuple[str, float]) -> float:
    return result[1]


def best_recall(
    quantizer: Scalable,
    rule: str | None,
    metric: Metric,
    held_out: tuple[np.ndarray, np.ndarray, np.ndarray],
    stored: bool = False,
) -> float:
    """Recall by the rule, or by the better one of those that are tried."""
    rules = _TRIED_RULES if rule is None else (rule,)
    return max(map(_recall, _recalls(quantizer, rules, metric, *held_out, stored)))


def _recalls(
    quantizer: Scalable,
    rules: tuple[str, ...],
    metric: Metric,
    queries: np.ndarray,
    base: np.ndarray,
    truth: np.ndarray,
    stored: bool = False,
) -> list[tuple[str, float]]:
    """Rule and recall, for each rule; ``stored``: with factors as their byte says them."""
    codes, products = quantizer.encode(base - quantizer.mean)
    mapped = quantizer.mapped(queries - quantizer.mean if metric is Metric.L2 else queries)
    recalls = []
    for rule in rules:
        factors = scales.factors(rule, products)
        if stored:
            factors = as_stored(factors)
        decoded = quantizer.decode(codes, factors)
        ids = faiss.knn(mapped, decoded, _NEIGHBORS, metric=faiss_metric(metric))[1]
        recalls.append((rule, overlap(ids, truth)))
    return recalls
