"""Many centroids of the vectors of a collection in two levels, so that the nearest is found without looking at all."""

from __future__ import annotations

from typing import Self

import faiss
import numpy as np

from methods.faiss_tools import quiet_clustering
from methods.multivector.centroids import typical_length

__all__ = ["CentroidTree"]

_ITERATIONS = 6
_LEAST = 3  # vectors of training a leaf


class CentroidTree:
    """Centroids (leaves) in groups around centroids of them (branches); a vector's is the nearest of its group's.

    With K leaves a vector is compared with some 2 sqrt(K) of both kinds, where the nearest of all takes K.

    Parameters
    ----------
    branches : (B, dim) float32
    leaves : (K, dim) float32
        Group after group.
    ends : (B,) int32
        Where the groups end among the leaves.
    """

    def __init__(self, branches: np.ndarray, leaves: np.ndarray, ends: np.ndarray) -> None:
        self.branches, self.leaves, self.ends = branches, leaves, ends

    def __len__(self) -> int:
        return len(self.leaves)

    @classmethod
    def fit(cls, vectors: np.ndarray, count: int, seed: int) -> Self:
        """About ``count`` leaves by k-means on (n, dim) float32 vectors; larger groups get more.

        At most as many more as there are branches: where vectors are equal, branches without any have a leaf.
        """
        lengths = _power_of(vectors)
        scaled = np.ldexp(vectors, -lengths)
        branches = _kmeans(scaled, min(len(scaled), 1 << (count.bit_length() // 2)), seed)
        owners, leaves = _nearest(scaled, branches), []
        for branch in range(len(branches)):
            own = scaled[owners == branch]
            few = min(int(count * len(own) / len(scaled)), len(own) // _LEAST)
            leaves.append(_kmeans(own, few, seed) if few > 1 else branches[branch : branch + 1])
        ends = np.cumsum([len(each) for each in leaves]).astype(np.int32)
        return cls(np.ldexp(branches, lengths), np.ldexp(np.concatenate(leaves), lengths), ends)

    def assign(self, vectors: np.ndarray) -> np.ndarray:
        """The leaf (n,) int64 of each of (n, dim) float32 vectors."""
        lengths = _power_of(self.branches)
        vectors, branches, leaves = (np.ldexp(each, -lengths) for each in (vectors, self.branches, self.leaves))
        owners, numbers = _nearest(vectors, branches), np.empty(len(vectors), np.int64)
        order = np.argsort(owners, kind="stable")
        groups = np.split(order, np.flatnonzero(np.diff(owners[order])) + 1) if len(order) else []
        for same in groups:
            start, end = np.append(0, self.ends)[owners[same[0]] :][:2]
            numbers[same] = start + _nearest(vectors[same], leaves[start:end])
        return numbers

    def named(self, numbers: np.ndarray) -> np.ndarray:
        """Leaves (n, dim) float32 of ``numbers`` (n,); the one behind the last stands for zeros."""
        inside = numbers < len(self)
        if inside.all():
            return self.leaves[numbers]
        return np.where(inside[:, None], self.leaves[np.where(inside, numbers, 0)], np.float32(0))

    def parts(self) -> dict[str, np.ndarray]:
        """What must be stored, by name."""
        return {"tree.branches": self.branches, "tree.leaves": self.leaves, "tree.ends": self.ends}

    @classmethod
    def from_parts(cls, parts: dict[str, np.ndarray]) -> Self:
        """The tree again, from :meth:`parts` among others."""
        return cls(parts["tree.branches"], parts["tree.leaves"], parts["tree.ends"])


def _power_of(vectors: np.ndarray) -> int:
    """The power of two nearest to a vector's length: faiss squares distances, which may be beyond float32."""
    return round(float(np.log2(typical_length(vectors))))


def _kmeans(vectors: np.ndarray, count: int, seed: int) -> np.ndarray:
    clustering = faiss.Clustering(vectors.shape[1], count)
    quiet_clustering(clustering, _ITERATIONS, seed)
    clustering.max_points_per_centroid = len(vectors)
    clustering.train(np.ascontiguousarray(vectors), faiss.IndexFlatL2(vectors.shape[1]))  # type: ignore[call-arg]
    return faiss.vector_to_array(clustering.centroids).reshape(count, -1)


def _nearest(vectors: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """The nearest centroid (n,) int64 of each vector; the first where no distance is finite."""
    return np.maximum(faiss.knn(np.ascontiguousarray(vectors), centroids, 1)[1][:, 0], 0)
