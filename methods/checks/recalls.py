"""Recall of one method on every kind of vectors: of its search, and of float queries on what its codes decode to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from methods.base import Codec, Metric
from methods.checks import data
from methods.checks.kinds import KINDS, unit
from methods.checks.subject import Subject

N_BASE, N_TRAIN, N_QUERIES = 1600, 1000, 250
PLAIN = "plain"  # centered clusters of unit length, of which the kinds are made
_EQUAL = 1e-9  # of the tenth value less the first: copies are equal but for rounding
OFFSET = "offset"  # the vectors of the other checks: an offset, and lengths that vary a little


@dataclass(frozen=True)
class Recalls:
    """Recall@10 of each query (nq,): of the search, and of float queries on decoded vectors.

    Attributes
    ----------
    search : np.ndarray
        Of the search.
    measure_decoded : Callable, optional
        Gives that on decoded vectors; None where codes do not decode.
    """

    search: np.ndarray
    measure_decoded: Callable[[], np.ndarray] | None = None

    @functools.cached_property
    def decoded(self) -> np.ndarray | None:
        """Recall@10 of float queries on decoded vectors; measured at first use, as few checks need it."""
        return None if self.measure_decoded is None else self.measure_decoded()


class RecallsOfMethod:
    """Recalls of a method at its budgets, each measured once; kinds of the same base share a codec.

    Parameters
    ----------
    subject : Subject
    seed : int
        Of every fit.
    """

    def __init__(self, subject: Subject, seed: int = 0) -> None:
        self._subject, self._seed = subject, seed
        self._known: dict[tuple[str, Metric, int], Recalls] = {}

    def of(self, kind: str, metric: Metric, code_bytes: int) -> Recalls:
        """On a kind, on :data:`PLAIN` or on :data:`OFFSET` vectors."""
        if (kind, metric, code_bytes) not in self._known:
            if kind == OFFSET:
                codec, codes = self._subject.fitted(code_bytes, metric), self._subject.codes(code_bytes, metric)
            else:
                base = vectors(_base_of(kind))[0]
                codec = self._subject.configure(code_bytes, metric)
                self._subject.fit(codec, base[:N_TRAIN], self._seed, base[N_TRAIN : N_TRAIN + N_QUERIES])
                codes = codec.encode(base)
            for each in _with_base_of(kind, metric):
                self._known[each, metric, code_bytes] = measure(codec, codes, vectors(each)[1], _near(each, metric))
        return self._known[kind, metric, code_bytes]


def recalls_of(subject: Subject, seed: int = 0) -> RecallsOfMethod:
    """Those of a method under a seed; what was measured is kept for the last eight."""
    return _recalls_of(subject, seed)


_recalls_of = functools.lru_cache(maxsize=8)(RecallsOfMethod)


def _base_of(kind: str) -> str:
    return KINDS[kind].of or kind if kind in KINDS else kind


def _with_base_of(kind: str, metric: Metric) -> list[str]:
    """The kinds that have the same base as ``kind``, for a metric under which they differ."""
    base = _base_of(kind)
    return [base, *(other.name for other in KINDS.values() if other.of == base and metric in other.metrics)]


def measure(codec: Codec, codes: np.ndarray, queries: np.ndarray, near: np.ndarray) -> Recalls:
    """Recalls of ``queries`` (nq, d) over ``codes``; ``near`` (nq, n) as :func:`near_rows` gives it."""
    search = _recall(codec.searcher(codes).search(queries, data.K)[1], near)
    return Recalls(search, functools.partial(_of_decoded, codec, codes, queries, near) if codec.decodable else None)


def _of_decoded(codec: Codec, codes: np.ndarray, queries: np.ndarray, near: np.ndarray) -> np.ndarray:
    decoded, metric, by_formula = codec.decode(codes), codec.metric, []
    for formula in {metric, metric.inner}:  # under cosine with decoded vectors as they are or renormalized
        values = data.metric_values(queries, decoded, formula)
        by_formula.append(_expected_recall(-values if metric.descending else values, near))
    return min(by_formula, key=lambda recalls: float(recalls.mean()))


def average(several: list[Recalls]) -> Recalls:
    """The mean over fits, query by query."""

    def decoded() -> np.ndarray:
        return np.mean([each.decoded for each in several if each.decoded is not None], axis=0)

    search = np.mean([each.search for each in several], axis=0)
    return Recalls(search, None if several[0].measure_decoded is None else decoded)


def _recall(ids: np.ndarray, near: np.ndarray) -> np.ndarray:
    return np.take_along_axis(near, ids, axis=1).mean(axis=1)


def _expected_recall(values: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Recall@10 of the smallest of ``values`` (nq, n), on average over the orders of equal ones.

    Small codes have many vectors in common, and a recall in one order of them differs by chance from that in another.
    """
    tenth, margin = _tenth(values)
    first = values < tenth - margin
    equal = (values <= tenth + margin) & ~first
    places = data.K - first.sum(axis=1)
    share = (equal & near).sum(axis=1) / np.maximum(equal.sum(axis=1), 1)
    return ((first & near).sum(axis=1) + places * share) / data.K


def _tenth(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The tenth of the smallest ``values`` (nq, n), and by how much one equal to it may differ: (nq, 1) each."""
    tenth = np.partition(values, data.K - 1, axis=1)[:, data.K - 1 : data.K]
    return tenth, _EQUAL * (tenth - values.min(axis=1, keepdims=True))


def near_rows(base: np.ndarray, queries: np.ndarray, metric: Metric) -> np.ndarray:
    """(nq, n) bool: the rows of the base that are at least as near as the tenth."""
    values = data.metric_values(queries, base, metric) * (-1 if metric.descending else 1)
    tenth, margin = _tenth(values)
    return values <= tenth + margin


@functools.cache
def _near(kind: str, metric: Metric) -> np.ndarray:
    return data.frozen(near_rows(*vectors(kind), metric))


@functools.cache
def vectors(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Read-only base and queries of a kind, of :data:`PLAIN` or of :data:`OFFSET` vectors."""
    if kind == OFFSET:
        return data.base(), data.vectors("more queries", N_QUERIES)
    if kind == PLAIN:
        base, queries = (data.vectors(role, n) for role, n in {"base": N_BASE, "more queries": N_QUERIES}.items())
        made = tuple(unit(each - base.mean(axis=0)).astype(np.float32) for each in (base, queries))
    else:
        made = KINDS[kind].make(*vectors(PLAIN))
    return data.frozen(made[0]), data.frozen(made[1])
