"""The exponent of the bit allocation, the rule of the scale and the axes, chosen on held-out training vectors."""

from __future__ import annotations

from collections.abc import Callable

import faiss
import numpy as np

from methods.base import Metric
from methods.faiss_tools import faiss_metric
from methods.transform.transform_coding import scales
from methods.transform.transform_coding.quantizer import Scalable

GAMMAS = (1.0, 1.25, 1.5)
_TRIED_RULES = ("least_squares", "renormalized")  # the unbiased scale finds less on every set that was measured
_QUERIES, _BASE, _NEIGHBORS = 1000, 10_000, 10
_TIE = 0.003  # of recall: less than these samples can tell
_LEAST = 200  # training vectors below which nothing can be held out


def choose(
    quantizer: Callable[[float], Scalable],
    vectors: np.ndarray,
    metric: Metric,
    gamma: float | None,
    rule: str | None,
    seed: int,
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
    """
    gammas = GAMMAS if gamma is None else (float(gamma),)
    rules = _TRIED_RULES if rule is None else (rule,)
    if len(gammas) * len(rules) == 1:
        return gammas[0], rules[0]
    if len(vectors) < _LEAST:
        return gammas[len(gammas) // 2], rules[0]
    held_out = _held_out(vectors, metric, seed)
    tried = [(each, _recalls(quantizer(each), rules, metric, *held_out)) for each in gammas]
    best = max(recall for _, recalls in tried for _, recall in recalls)
    # Queries are farther from documents than documents are from each other and lie more along the first axes: of
    # exponents of equal recall for held-out documents, the largest serves queries best.
    chosen, recalls = [(each, recalls) for each, recalls in tried if max(recalls, key=_recall)[1] >= best - _TIE][-1]
    return chosen, max(recalls, key=_recall)[0]


def finds_more(
    one: Scalable, other: Scalable, vectors: np.ndarray, metric: Metric, rule: str | None, seed: int
) -> bool:
    """Whether held-out vectors find more of their neighbors by ``one`` quantizer than by the ``other``.

    Never of fewer than 200 vectors (n, dim) float32. The rule is tried as in :func:`choose`.
    """
    if len(vectors) < _LEAST:
        return False
    rules = _TRIED_RULES if rule is None else (rule,)
    held_out = _held_out(vectors, metric, seed)
    recalls = [max(map(_recall, _recalls(each, rules, metric, *held_out))) for each in (one, other)]
    return recalls[0] > recalls[1]


def _held_out(vectors: np.ndarray, metric: Metric, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Some training vectors as queries (nq, dim), others as base (n, dim), and the nearest of these (nq, 10)."""
    order = np.random.default_rng(seed).permutation(len(vectors))
    count = min(_QUERIES, len(vectors) // 10)
    queries, base = vectors[order[:count]], vectors[order[count : count + _BASE]]
    return queries, base, faiss.knn(queries, base, _NEIGHBORS, metric=faiss_metric(metric))[1]


def _recall(result: tuple[str, float]) -> float:
    return result[1]


def _recalls(
    quantizer: Scalable,
    rules: tuple[str, ...],
    metric: Metric,
    queries: np.ndarray,
    base: np.ndarray,
    truth: np.ndarray,
) -> list[tuple[str, float]]:
    """Rule and recall, for each rule."""
    codes, products = quantizer.encode(base - quantizer.mean)
    mapped = quantizer.mapped(queries - quantizer.mean if metric is Metric.L2 else queries)
    recalls = []
    for rule in rules:
        decoded = quantizer.decode(codes, scales.factors(rule, products))
        ids = faiss.knn(mapped, decoded, _NEIGHBORS, metric=faiss_metric(metric))[1]
        recalls.append((rule, float(np.mean([len(np.intersect1d(a, b)) for a, b in zip(ids, truth)])) / _NEIGHBORS))
    return recalls
