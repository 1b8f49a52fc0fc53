"""Searching the codes: a block of levels times its factors against what the query became."""

from __future__ import annotations

from collections.abc import Callable

import faiss
import numpy as np

from methods.base import Metric, Searcher

_BLOCK = 8192


class LevelSearcher(Searcher):
    """Exhaustive search by the inner product of query weights with levels times factors, in float32."""

    def __init__(
        self,
        dim: int,
        metric: Metric,
        codes: np.ndarray,
        unpack: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
        weights: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        super().__init__(dim, metric, len(codes))
        self.codes, self.unpack, self.weights = codes, unpack, weights

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        weights = np.ascontiguousarray(self.weights(queries), np.float32)
        best = faiss.ResultHeap(len(queries), k, keep_max=True)
        for start in range(0, self.size, _BLOCK):
            levels, factors = self.unpack(self.codes[start : start + _BLOCK])
            scores, ids = faiss.knn(
                weights, levels * factors[:, None], min(k, len(levels)), metric=faiss.METRIC_INNER_PRODUCT
            )
            best.add_result(scores, ids + start)
        best.finalize()
        return best.D, best.I
