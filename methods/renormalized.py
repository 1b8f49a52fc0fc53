"""Search of product codes with renormalised scores, for vectors of unit norm.

The decoded vector of a quantizer is shorter than the vector, by an amount that differs from vector to vector. Where
all vectors have unit norm, dividing the inner product by the decoded norm takes that difference out of the ranking.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from methods.base import Codec, Searcher
from methods.kernels.pq import renormalized_scan

_QUERIES = 8  # queries that share a pass over the codes: their tables together stay in the L2 cache


class RenormalizedSearcher(Searcher):
    """Table-driven search (ADC) of 8-bit product codes; the norm is summed from a table too, none is stored.

    Parameters
    ----------
    codec : Codec
        The codec of the codes; its metric is ip or cosine.
    codes : (n, M) uint8
        Kept without a copy.
    codebooks : (M, 256, width) float32
    before : callable
        What brings queries (nq, dim) into the space of the codebooks (nq, M * width).
    """

    def __init__(
        self,
        codec: Codec,
        codes: np.ndarray,
        codebooks: np.ndarray,
        before: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        super().__init__(codec.dim, codec.metric, len(codes))
        self.codes, self.codebooks, self.before = codes, codebooks, before
        self.squares = (codebooks**2).sum(axis=2)

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        scores, ids = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        for start in range(0, len(queries), _QUERIES):
            block = slice(start, start + _QUERIES)
            scores[block], ids[block] = renormalized_scan(self.codes, self._tables(queries[block]), self.squares, k)
        return scores, ids

    def _tables(self, queries: np.ndarray) -> np.ndarray:
        """Inner products (nq, M, 256) of subvectors and centroids."""
        m, _, width = self.codebooks.shape
        cut = self.before(queries).reshape(len(queries), m, width)
        products = np.matmul(self.codebooks, cut.transpose(1, 2, 0))  # (M, 256, nq)
        return np.ascontiguousarray(products.transpose(2, 0, 1))
