"""Rows and queries that repeat another one."""

from __future__ import annotations

import numpy as np

from methods import Metric
from methods.multivector import Ragged
from methods.vectors import normalized


def keys(vectors: np.ndarray) -> np.ndarray:
    """A number (n,) int64 for every row of float32 vectors (n, d), equal for equal rows; good within one process."""
    rows = vectors + np.float32(0)  # -0 becomes 0
    return np.fromiter((hash(row.tobytes()) for row in rows), np.int64, len(rows))


def as_compared(vectors: np.ndarray, metric: object) -> np.ndarray:
    """Vectors (n, d) as the metric compares them: scaled to unit norm for cosine."""
    return normalized(vectors) if metric is Metric.COSINE else vectors


def groups_of(queries: np.ndarray | Ragged, metric: object) -> np.ndarray | None:
    """Numbers (nq,) int64 from 0 on, the same for queries that are equal to the metric; None if all differ.

    Numbered as they first come: the order of hashes differs from process to process, and intervals would with it.

    Queries that are a multiple of each other are one for cosine, as far as float32 rounds both to the same.
    """
    if isinstance(queries, Ragged):
        found = np.array([hash((queries.set(i) + 0).tobytes()) for i in range(len(queries))], np.int64)
    else:
        found = keys(as_compared(queries, metric))
    distinct, first, groups = np.unique(found, return_index=True, return_inverse=True)
    return None if len(distinct) == len(found) else np.argsort(np.argsort(first))[groups]
