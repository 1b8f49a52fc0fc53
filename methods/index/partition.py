"""Lists of vectors that are near to each other, by k-means: the coarse step of an inverted file.

Jégou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search" (PAMI 2011), section 4.
"""

from __future__ import annotations

import math
from pathlib import Path

import faiss
import numpy as np

from methods.encoding.units import typical_length, unit_of
from methods.errors import MethodError
from methods.faiss_tools import faiss_metric
from methods.metric import Metric
from methods.vectors import as_vectors, normalized

__all__ = ["Partition", "default_lists"]

_ITERATIONS = 10
_POINTS = 256  # training vectors a centroid, at most


def default_lists(n: int) -> int:
    """The power of two nearest to 4 sqrt(n), at most n: the field's rule of thumb for ``n`` vectors."""
    return max(1, min(n, 2 ** round(math.log2(4 * math.sqrt(n))))) if n else 1


class Partition:
    """Centroids, each of which stands for a list.

    A vector belongs to the list of the nearest centroid by Euclidean distance, whatever the metric: lists are then of
    like sizes. A query probes the lists whose centroids are best by the metric.

    Parameters
    ----------
    dim : int
        Of the vectors.
    metric : Metric
        Under cosine, vectors and queries are normalized.
    lists : int
        At least 1; where there are fewer training vectors, there are as many lists as those.
    """

    def __init__(self, dim: int, metric: Metric, lists: int) -> None:
        if int(lists) != lists or lists < 1:
            raise MethodError(f"lists={lists} is not a number of lists; use an integer of at least 1, or auto")
        self.dim, self.metric, self.lists = dim, Metric.parse(metric), int(lists)

    def fit(self, vectors: np.ndarray, seed: int = 0) -> Partition:
        """Learn the centroids from ``vectors`` (n, dim) floating."""
        vectors = self.prepared(vectors)
        if not len(vectors):
            raise MethodError("lists cannot be learned from 0 training vectors; give at least 1")
        self.lists = min(self.lists, len(vectors))
        kmeans = faiss.Kmeans(
            vectors.shape[1],
            self.lists,
            niter=_ITERATIONS,
            seed=seed + 1,
            max_points_per_centroid=_POINTS,
            min_points_per_centroid=1,
        )
        # A power of two near the vectors' length, or 1 for ordinary ones: faiss squares distances in float32.
        self._unit = unit_of(typical_length(vectors))
        kmeans.train(self._scaled(vectors))
        self._take(np.ascontiguousarray(kmeans.centroids, np.float32), self._unit)
        return self

    def save(self, path: str | Path) -> Path:
        """Write what was learned into ``path``, a ``.npz`` of ``centroids``, ``unit`` and ``metric``."""
        with Path(path).open("wb") as file:
            np.savez(file, centroids=self._scaled_centroids, unit=self._unit, metric=str(self.metric))
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> Partition:
        """What :meth:`save` wrote: the same lists, bit by bit."""
        with np.load(path, allow_pickle=False) as saved:
            lists, dim = saved["centroids"].shape
            partition = cls(dim, Metric.parse(str(saved["metric"])), lists)
            partition._take(saved["centroids"], float(saved["unit"]))
        return partition

    @property
    def nbytes(self) -> int:
        """Of the centroids."""
        return int(self.centroids.nbytes)

    def assign(self, vectors: np.ndarray) -> np.ndarray:
        """The list (n,) int32 of each of ``vectors`` (n, dim) floating."""
        nearest = faiss.knn(self._scaled(self.prepared(vectors)), self._scaled_centroids, 1)[1][:, 0]
        return np.maximum(nearest, 0).astype(np.int32)  # -1: no distance is finite

    def residuals(self, vectors: np.ndarray, assigned: np.ndarray) -> np.ndarray:
        """``vectors`` (n, dim), normalized under cosine, less the centroids of the lists ``assigned`` (n,)."""
        return self.prepared(vectors) - self.centroids[assigned]

    def nearest(self, queries: np.ndarray, probes: int) -> np.ndarray:
        """The ``probes`` best lists (nq, probes) int64 of each of ``queries`` (nq, dim) float32, ascending by number.

        Queries are normalized under cosine.
        """
        if probes >= self.lists:
            return np.tile(np.arange(self.lists), (len(queries), 1))
        queries = self._scaled(queries) if self.metric is Metric.L2 else queries
        _, lists = faiss.knn(queries, self._scaled_centroids, probes, metric=faiss_metric(self.metric.inner))
        return np.sort(lists, axis=1)

    def prepared(self, vectors: np.ndarray) -> np.ndarray:
        """Clean float32 vectors (n, dim), normalized under cosine."""
        vectors = as_vectors(vectors, self.dim)
        return normalized(vectors) if self.metric is Metric.COSINE else vectors

    def _take(self, scaled_centroids: np.ndarray, unit: float) -> None:
        self._scaled_centroids, self._unit = scaled_centroids, unit
        self.centroids = scaled_centroids  # the same array, but for vectors of unordinary length
        if unit != 1:
            self.centroids = scaled_centroids * np.float32(unit)

    def _scaled(self, vectors: np.ndarray) -> np.ndarray:
        return vectors if self._unit == 1 else vectors / np.float32(self._unit)
