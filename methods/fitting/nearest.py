"""The exact nearest by inner product, for whatever is learned from neighbors."""

from __future__ import annotations

import faiss
import numpy as np

__all__ = ["nearest"]


def nearest(vectors: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Rows of the ``vectors`` with the largest inner products, best first: (nq, min(k, n)) int64.

    faiss takes blocks of both sides: beside the result, memory depends on neither's number.

    Parameters
    ----------
    vectors : (n, dim) float32
        At least one.
    queries : (nq, dim) float32
    k : int
    """
    _, rows = faiss.knn(queries, vectors, min(k, len(vectors)), metric=faiss.METRIC_INNER_PRODUCT)
    return np.maximum(rows, 0)  # -1 stands for a product that is no number
