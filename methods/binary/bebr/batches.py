"""Batches made of neighbors, and the held-out recall that training is judged by.

A random batch holds no two vectors that are near each other, so no loss on it says anything about the top of a
ranking. A batch here is a few anchors with their nearest neighbors (locality-centric sampling: BiDR, WWW 2022).
"""

from __future__ import annotations

import faiss
import numpy as np

from methods.fitting.overlap import average_overlap

_HELD_OUT, _JUDGED, _NEIGHBORS = 512, 20_000, 10  # queries, vectors searched, neighbors sought
ANCHORS, NEAR = 32, 32  # of a batch: anchors, and vectors around each (itself included)


class Sampler:
    """Deterministic batches: the n-th depends on the seed and n alone, so an interrupted training can go on.

    Parameters
    ----------
    vectors : (n, dim) float32
    rows : (r,) int64
        Those to train on.
    seed : int
    """

    def __init__(self, vectors: np.ndarray, rows: np.ndarray, seed: int) -> None:
        self.rows, self.seed = rows, seed
        self.vectors = vectors[rows]
        self.near = min(NEAR, len(rows))

    def epoch(self, number: int, batches: int) -> list[np.ndarray]:
        """Row numbers of ``batches`` batches; (size,) int64 each, distinct within a batch.

        The first column of each neighborhood is its anchor; duplicates are dropped, so sizes differ.
        """
        rng = np.random.default_rng([self.seed, number])
        anchors = rng.integers(len(self.rows), size=batches * ANCHORS)
        nearest = faiss.knn(self.vectors[anchors], self.vectors, self.near, metric=faiss.METRIC_INNER_PRODUCT)[1]
        return [self.rows[np.unique(part)] for part in nearest.reshape(batches, -1)]


class HeldOut:
    """Recall@10 of some training vectors, as queries, among others.

    Parameters
    ----------
    vectors : (n, dim) float32
    seed : int

    Attributes
    ----------
    queries, base, train : arrays of row numbers
        Disjoint queries and base; what may be trained on (all but the queries).
    """

    def __init__(self, vectors: np.ndarray, seed: int) -> None:
        order = np.random.default_rng(seed).permutation(len(vectors))
        count = min(_HELD_OUT, len(vectors) // 4)
        self.queries, self.train = order[:count], np.sort(order[count:])
        self.base = order[count : count + _JUDGED]
        self.count = min(_NEIGHBORS, len(self.base))
        self.truth = self._search(vectors[self.queries], vectors[self.base]) if count else None

    def recall(self, queries: np.ndarray, base: np.ndarray) -> float:
        """Share of the true neighbors found by the inner product of ``queries`` and ``base`` (rows as in here)."""
        if self.truth is None:
            return 0.0
        ids = self._search(queries, base)
        return average_overlap(ids, self.truth)

    def _search(self, queries: np.ndarray, base: np.ndarray) -> np.ndarray:
        return faiss.knn(queries, base, self.count, metric=faiss.METRIC_INNER_PRODUCT)[1]
