"""Axes weighted by whom queries look at: a symmetric map in front of a codec, and its inverse for queries.

With queries of second moment C, the error of a score is ``E <q, x - x'>^2 = |C^(1/2) (x - x')|^2``. A codec of
``C^(1/2) x`` makes that small where it makes its own squared error small, and queries ``C^(-1/2) q`` score as before:
Tepper et al., "LeanVec", TMLR 2024 (section 2.2), for projections; Shannon's theory of a weighted squared error.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from methods.base import Codec, Metric
from methods.compose.transformed import AffineTransform
from methods.errors import MethodError
from methods.fitting.nearest import nearest
from methods.fitting.overlap import average_overlap

__all__ = ["RIDGES", "Weighting", "check_ridge", "choose_ridge"]

RIDGES = (1.0, 0.9, 0.8, 0.65, 0.5)
_SAMPLE, _JUDGED, _NEIGHBORS = 8_192, 2_000, 10


class Weighting(AffineTransform):
    """``x -> A x`` and ``q -> A^(-1) q`` with ``A^2 = (1 - ridge) C d / trace C + ridge I``.

    Parameters
    ----------
    dim : int
    ridge : float
        Share of the identity, above 0 and up to 1, where nothing is weighted.

    Attributes
    ----------
    matrix_, inverse_ : (dim, dim) float32
        Only the first is stored.
    """

    inverse_: np.ndarray

    def __init__(self, dim: int, ridge: float = 1.0) -> None:
        super().__init__(dim, dim)
        self.ridge = ridge

    def fit(self, vectors: np.ndarray, seed: int = 0) -> Self:
        """Learn C from ``vectors`` (n, dim), which are the queries or what stands in for them."""
        exact = vectors.astype(np.float64)
        moment = exact.T @ exact
        total = np.trace(moment)
        share = 0.0 if total <= 0 else (1.0 - self.ridge) * self.dim / total
        values, axes = np.linalg.eigh(share * moment + (self.ridge if share else 1.0) * np.eye(self.dim))
        return self.load_parts({"matrix": ((axes * np.sqrt(values)) @ axes.T).astype(np.float32)})

    def transform_queries(self, queries: np.ndarray, metric: Metric) -> np.ndarray:
        return queries @ self.inverse_

    def query_offsets(self, queries: np.ndarray, mapped: np.ndarray, metric: Metric) -> np.ndarray:
        return np.zeros(len(queries), np.float32)

    def inverse(self, vectors: np.ndarray) -> np.ndarray:
        return vectors @ self.inverse_

    def parts(self) -> dict[str, np.ndarray]:
        return {"matrix": self.matrix_}

    def load_parts(self, parts: dict[str, np.ndarray]) -> Self:
        super().load_parts(parts)
        self.inverse_ = np.linalg.inv(self.matrix_.astype(np.float64)).astype(np.float32)
        return self


def check_ridge(ridge: float | None) -> float | None:
    """``ridge``; :class:`MethodError` unless it is a number above 0 and up to 1, or None."""
    if ridge is not None and (isinstance(ridge, bool) or not isinstance(ridge, int | float) or not 0 < ridge <= 1):
        raise MethodError(f"ridge={ridge!r} is out of range; use a number above 0 and up to 1, or null to choose it")
    return ridge


def choose_ridge(codec: Codec, vectors: np.ndarray, learned: np.ndarray, judged: np.ndarray, seed: int) -> float:
    """The ridge with which most true neighbors are found in a sample of the vectors; of equal ones the largest.

    The codec is fitted on all vectors, as it will be: bits that are given to axes of a sample are others, and what they
    gain or lose by a ridge is too. Without queries to judge by the ridge is 1.

    Parameters
    ----------
    codec : Codec
        Not fitted; it is fitted anew for each of :data:`RIDGES`.
    vectors : (n, dim) float32
    learned, judged : (m, dim) float32
        Queries for the second moment, and others to judge by, which are none of the ``vectors``.
    """
    if not len(judged):
        return RIDGES[0]
    rng = np.random.default_rng(seed)
    sample = vectors if len(vectors) <= _SAMPLE else vectors[np.sort(rng.choice(len(vectors), _SAMPLE, replace=False))]
    judged = judged if len(judged) <= _JUDGED else judged[np.sort(rng.choice(len(judged), _JUDGED, replace=False))]
    k = min(_NEIGHBORS, len(sample))
    truth = nearest(sample, judged, k)
    recalls = []
    for ridge in RIDGES:
        weighting = Weighting(codec.dim, ridge).fit(learned)
        codec.fit(weighting.transform(vectors), seed)
        searcher = codec.searcher(codec.encode(weighting.transform(sample)))
        ids = searcher.search(weighting.transform_queries(judged, Metric.IP), k)[1]
        recalls.append(round(average_overlap(truth, ids), 9))
    return RIDGES[int(np.argmax(recalls))]
