"""Rows and queries that repeat another one."""

from __future__ import annotations

import numpy as np

from methods import Metric
from methods.multivector import Ragged
from methods.vectors import normalized


def keys(vectors: np.ndarray) -> np.ndarray:
    """A number (n,) int64 for every row of float32 vectors (n, d), equal for equal rows; good within one process."""
    return _hashes(vectors + np.float32(0))


def _hashes(arrays: np.ndarray | list[np.ndarray]) -> np.ndarray:
    """Of each array's bytes (n,) int64; what was added 0 to has no -0, which would differ from 0."""
    return np.fromiter((hash(array.tobytes()) for array in arrays), np.int64, len(arrays))


def as_compared(vectors: np.ndarray, metric: object) -> np.ndarray:
    """Vectors (n, d) as the metric compares them: scaled to unit norm for cosine."""
    return normalized(vectors) if metric is Metric.COSINE else vectors


def groups_of(queries: np.ndarray | Ragged, metric: object) -> np.ndarray | None:
    """Numbers (nq,) int64 from 0 on, the same for queries that are equal to the metric; None if all differ.

    Numbered as they first come: the order of hashes differs from process to process, and intervals would with it.

    Queries that are a multiple of each other are one for cosine, as far as float32 rounds both to the same.
    """
    if isinstance(queries, Ragged):
        row_keys = _hashes([queries.set(i) + 0 for i in range(len(queries))])
    else:
        row_keys = keys(as_compared(queries, metric))
    distinct, first, groups = np.unique(row_keys, return_index=True, return_inverse=True)
    return None if len(distinct) == len(row_keys) else np.argsort(np.argsort(first))[groups]
