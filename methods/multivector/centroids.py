"""Centroids of all vectors of a collection, as late-interaction engines use them."""

from __future__ import annotations

import faiss
import numpy as np

from methods.faiss_tools import quiet_clustering
from methods.multivector.ragged import Ragged
from methods.vectors import normalized

__all__ = ["centroid_products", "learn_centroids", "nearest_centroids", "typical_length", "usual_count"]

_SAMPLE_PER_CENTROID = 16
_ITERATIONS = 4


def usual_count(total: int) -> int:
    """ColBERTv2's number of centroids for so many vectors: 2^floor(log2(16 sqrt(total))), at most a fourth of them."""
    return 1 << max(0, min(int(np.log2(16 * np.sqrt(total))), int(np.log2(max(1, total / 4)))))


def centroid_products(centroids: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Of each of K centroids, and of zeros behind them, with each vector of ``query`` (m, dim): (K + 1, m) float32."""
    products = np.zeros((len(centroids) + 1, len(query)), np.float32)
    np.matmul(centroids, query.T, out=products[:-1])
    return products


def learn_centroids(documents: Ragged, count: int, seed: int) -> np.ndarray:
    """(count, dim) float32 unit centroids by four iterations of spherical k-means on a sample of the vectors.

    Vectors may be of any length: what k-means sees is scaled by a power of two, which changes no digit.
    """
    most = _SAMPLE_PER_CENTROID * count
    rows = np.arange(documents.total)
    if documents.total > most:
        rows = np.sort(np.random.default_rng(seed).choice(documents.total, most, replace=False))
    sample = np.asarray(documents.vectors[rows], np.float32)
    exponent = round(float(np.log2(typical_length(sample))))
    sample = np.ldexp(sample, -exponent) if exponent else sample
    if count >= len(sample):
        return normalized(np.resize(sample, (count, documents.dim)))
    clustering = faiss.Clustering(documents.dim, count)
    quiet_clustering(clustering, _ITERATIONS, seed)
    clustering.spherical = True
    clustering.max_points_per_centroid = len(sample)
    clustering.train(sample, faiss.IndexFlatIP(documents.dim))  # type: ignore[call-arg]
    return faiss.vector_to_array(clustering.centroids).reshape(count, documents.dim)


def typical_length(vectors: np.ndarray) -> float:
    """The median length of those of (n, dim) float32 vectors that are not zero; 1 where all are."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    return float(np.median(lengths[lengths > 0])) if lengths.any() else 1.0


def nearest_centroids(vectors: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """(n,) int64: the centroid of largest inner product with each of (n, dim) float32 vectors."""
    _, nearest = faiss.knn(vectors, centroids, 1, metric=faiss.METRIC_INNER_PRODUCT)
    return nearest[:, 0]
