"""A map of queries alone in front of a codec whose codes stay as they are, and how good it is on queries held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from methods.base import Metric
from methods.compose.transformed import ScoredTransform
from methods.fitting.nearest import nearest
from methods.fitting.overlap import average_overlap
from methods.fitting.residual_map import ResidualMap

__all__ = ["ANSWERS", "LOSSES", "NEIGHBORS", "Judge", "QueryMap", "Recipe"]

LOSSES = ANSWERS, NEIGHBORS = "answers", "neighbors"
_SAMPLE, _JUDGED, _FOUND = 16_384, 2_000, 10


@dataclass(frozen=True)
class Recipe:
    """As the parameters of :class:`~methods.trained.query_adapted.QueryAdapted`.

    Attributes
    ----------
    loss : {"answers", "neighbors"}
    hidden, epochs, batch, candidates : int
    temperature, rate : float
    """

    loss: str
    hidden: int
    epochs: int
    temperature: float = 0.05
    rate: float = 3e-4
    batch: int = 1_024
    candidates: int = 200


class QueryMap(ScoredTransform):
    """``x -> x`` and ``q -> map(q)``.

    Attributes
    ----------
    map_ : ResidualMap
        The identity where no map was better.
    """

    map_: ResidualMap

    def __init__(self, dim: int) -> None:
        self.dim = self.out_dim = dim
        self.map_ = ResidualMap({})

    def fit(self, vectors: np.ndarray, seed: int = 0) -> Self:
        """Nothing is learned from vectors alone."""
        return self

    def transform(self, vectors: np.ndarray) -> np.ndarray:
        return vectors

    def transform_queries(self, queries: np.ndarray, metric: Metric) -> np.ndarray:
        return self.map_(queries)

    def inverse(self, vectors: np.ndarray) -> np.ndarray:
        return vectors

    def parts(self) -> dict[str, np.ndarray]:
        return dict(self.map_.weights)

    def load_parts(self, parts: dict[str, np.ndarray]) -> Self:
        self.map_ = ResidualMap(parts)
        return self


class Judge:
    """How many answers, or exact neighbors, queries that were held out find among codes of a sample of the vectors.

    Parameters
    ----------
    vectors, decoded : (n, dim) float32
        The sample, and what its codes stand for.
    queries : (nq, dim) float32
    answers : (nq,) int64 or None
        Rows of the sample; None where neighbors count.
    """

    def __init__(
        self, vectors: np.ndarray, decoded: np.ndarray, queries: np.ndarray, answers: np.ndarray | None
    ) -> None:
        self._decoded, self._queries, self._answers = decoded, queries, answers
        self._near = nearest(vectors, queries, _FOUND) if answers is None and len(queries) else None

    def __len__(self) -> int:
        return len(self._queries)

    def score(self, query_map: ResidualMap) -> float:
        """MRR@10 of the answers, or recall@10 of the exact neighbors."""
        returned = nearest(self._decoded, query_map(self._queries), _FOUND)
        if self._near is not None:
            return average_overlap(self._near, returned)
        assert self._answers is not None
        right = returned == self._answers[:, None]
        return float((right / np.arange(1, returned.shape[1] + 1)).sum(axis=1).mean())


def sample_rows(count: int, answers: np.ndarray | None, seed: int) -> np.ndarray:
    """Rows to judge among, ascending: some of ``count`` at random, and all ``answers``."""
    rows = np.random.default_rng(seed).permutation(count)[:_SAMPLE]
    return np.unique(rows if answers is None else np.concatenate([rows, answers]))


def judged_rows(rows: np.ndarray, seed: int) -> np.ndarray:
    """At most 2,000 of the validation queries, ascending."""
    return np.sort(np.random.default_rng(seed).permutation(rows)[:_JUDGED])
