"""Small vectors that resemble embeddings: clusters, a decaying spectrum, an offset, norms that vary a little."""

from __future__ import annotations

import functools

import numpy as np

from methods.base import Metric
from methods.fitting.overlap import average_overlap
from methods.queries import TrainingQueries

DIM = 32
N_TRAIN, N_BASE, N_QUERIES = 600, 500, 40
N_TRAINING_QUERIES = 200
K = 10
_CLUSTERS = 20


@functools.cache
def vectors(role: str, n: int, dim: int = DIM) -> np.ndarray:
    """Read-only (n, dim) float32 vectors; every ``role`` has its own draw from one distribution per ``dim``."""
    space = np.random.default_rng(dim)
    spectrum = 1 / np.sqrt(1 + np.arange(dim))
    centers = space.standard_normal((_CLUSTERS, dim)) * spectrum
    rotation, _ = np.linalg.qr(space.standard_normal((dim, dim)))
    rng = np.random.default_rng([dim, *role.encode()])
    values = centers[rng.integers(_CLUSTERS, size=n)] + 0.5 * rng.standard_normal((n, dim)) * spectrum
    values = values @ rotation + 0.1
    values *= rng.lognormal(0.0, 0.1, (n, 1)) / np.linalg.norm(spectrum)
    return frozen(values.astype(np.float32))


def frozen(array: np.ndarray) -> np.ndarray:
    """``array``, made read-only."""
    array.flags.writeable = False
    return array


def train(dim: int = DIM) -> np.ndarray:
    return vectors("train", N_TRAIN, dim)


def base(dim: int = DIM) -> np.ndarray:
    return vectors("base", N_BASE, dim)


def queries(dim: int = DIM) -> np.ndarray:
    return vectors("queries", N_QUERIES, dim)


def training_queries(rows: np.ndarray, queries: np.ndarray | None = None) -> TrainingQueries:
    """Queries to be learned from beside training vectors ``rows`` (n, dim): each asks for the largest product."""
    queries = vectors("training queries", N_TRAINING_QUERIES, rows.shape[1]) if queries is None else queries
    with np.errstate(invalid="ignore"):
        answers = (queries @ np.asarray(rows, np.float32).T).argmax(axis=1) if len(rows) else None
    return TrainingQueries(queries, answers, np.arange(0, len(queries), 4))


def metric_values(queries: np.ndarray, vectors: np.ndarray, metric: Metric) -> np.ndarray:
    """The metric (nq, n) in float64: inner product, cosine (0 for zero vectors) or squared Euclidean distance."""
    queries, vectors = queries.astype(np.float64), vectors.astype(np.float64)
    products = queries @ vectors.T
    squares_q, squares_v = (queries**2).sum(1)[:, None], (vectors**2).sum(1)[None, :]
    if metric is Metric.IP:
        return products
    if metric is Metric.COSINE:
        norms = np.sqrt(squares_q * squares_v)
        return np.divide(products, norms, out=np.zeros_like(products), where=norms > 0)
    return squares_q + squares_v - 2 * products


@functools.cache
def true_neighbors(metric: Metric) -> np.ndarray:
    """(nq, K) rows of :func:`base` nearest to each of :func:`queries`."""
    values = metric_values(queries(), base(), metric)
    return np.argsort(-values if metric.descending else values, axis=1, kind="stable")[:, :K]


def recall(ids: np.ndarray, metric: Metric) -> float:
    """Share of the true K neighbors among ``ids`` (nq, k)."""
    truth = true_neighbors(metric)
    return average_overlap(truth, ids)
