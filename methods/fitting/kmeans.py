"""k-means in the subspaces of product quantizers, as ``faiss.Clustering`` does it, and quickly where they are narrow.

faiss finds nearest centroids through matrix products, which in fewer than 16 dimensions spend nearly all their time
on reading out results: 5 ns a distance at most sizes, where our kernel takes 0.5. On a line, clusters are intervals of
the sorted values, and an iteration is a binary search for each centroid.
"""

from __future__ import annotations

import faiss
import numpy as np

from methods.faiss_tools import quiet_clustering, set_vector
from methods.kernels.fitting.kmeans import assign_nearest, split_into_empty

_NARROW = 16  # dimensions from which faiss is as fast


def kmeans(
    vectors: np.ndarray, centroids: int, iterations: int, seed: int, start: np.ndarray | None = None
) -> np.ndarray:
    """Lloyd's algorithm from random vectors; an empty cluster takes half of the largest.

    Parameters
    ----------
    vectors : (n >= centroids, d) float32
    centroids : int
        A power of two.
    start : (centroids, d) float32, optional
        Centroids to go on from.

    Returns
    -------
    (centroids, d) float32
    """
    n, d = vectors.shape
    if d >= _NARROW:
        return _kmeans_by_faiss(vectors, centroids, iterations, seed, start)
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    current = (
        vectors[np.random.default_rng(seed).permutation(n)[:centroids]] if start is None else start.astype(np.float32)
    )
    if n == centroids and start is None:
        return current
    if d == 1:
        return _kmeans_on_a_line(vectors[:, 0], current, iterations)
    nearest, margins, sums = np.empty(n, np.int32), np.empty(n, np.float32), np.empty((centroids, d + 1))
    moved = np.inf
    for _ in range(iterations):
        if not assign_nearest(vectors, np.ascontiguousarray(current.T), moved, nearest, margins, sums):
            break
        before, sizes = current, sums[:, -1].copy()
        current = (sums[:, :-1] / np.maximum(sizes, 1)[:, None]).astype(np.float32)
        split_into_empty(current, sizes)
        moved = float(np.sqrt(np.square(current - before, dtype=np.float64).sum(axis=1).max()))
    return current


def _kmeans_on_a_line(values: np.ndarray, start: np.ndarray, iterations: int) -> np.ndarray:
    """As :func:`kmeans` for values (n,) and a start (K, 1); the centroids (K, 1) float32 come in ascending order."""
    values = np.sort(values)
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    centroids = np.sort(start, axis=0)
    for _ in range(iterations):
        bounds = np.searchsorted(values, (centroids[1:, 0] + centroids[:-1, 0]) * np.float32(0.5))
        bounds = np.concatenate([[0], bounds, [len(values)]])
        sizes = np.diff(bounds).astype(np.float64)
        centroids = (np.diff(sums[bounds]) / np.maximum(sizes, 1))[:, None].astype(np.float32)
        split_into_empty(centroids, sizes)
        centroids = np.sort(centroids, axis=0)
    return centroids


def nearest_on_a_line(values: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Index (n,) of the nearest of ``centroids`` (K,) float32, in any order, to each of ``values`` (n,) float32."""
    order = np.argsort(centroids, kind="stable")
    ascending = centroids[order]
    return order[np.searchsorted((ascending[1:] + ascending[:-1]) * np.float32(0.5), values)]


def _kmeans_by_faiss(
    vectors: np.ndarray, centroids: int, iterations: int, seed: int, start: np.ndarray | None
) -> np.ndarray:
    clustering = faiss.Clustering(vectors.shape[1], centroids)
    quiet_clustering(clustering, iterations, seed)
    clustering.max_points_per_centroid = len(vectors)
    if start is not None:
        set_vector(clustering.centroids, start)
    clustering.train(np.ascontiguousarray(vectors, dtype=np.float32), faiss.IndexFlatL2(vectors.shape[1]))
    return faiss.vector_to_array(clustering.centroids).reshape(centroids, -1)


def learn_codebooks(
    vectors: np.ndarray, subquantizers: int, bits: int, iterations: int, seed: int, start: np.ndarray | None = None
) -> np.ndarray:
    """Codebooks (subquantizers, 2^bits, width) float32 by k-means in each subspace.

    Parameters
    ----------
    vectors : (n >= 2^bits, subquantizers * width) float32
    start : (subquantizers, 2^bits, width) float32, optional
        Codebooks to go on from; otherwise random training vectors.
    """
    cut = vectors.reshape(len(vectors), subquantizers, -1)
    starts = [None] * subquantizers if start is None else start
    return np.stack([kmeans(cut[:, m], 2**bits, iterations, seed, starts[m]) for m in range(subquantizers)])
