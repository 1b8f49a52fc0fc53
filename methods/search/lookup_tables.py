"""Search of codes made of codebook indices: by lookup tables for few queries, by one decoding for many.

A table of query-to-centroid products makes a score one addition a subvector (ADC; Jégou et al. 2011, section 3), and
a scan costs the same for every query. Many queries together are served faster by decoding each code once and
multiplying matrices. Both give the score of the decoded vector, up to rounding.

``renormalize`` divides inner products by the norm of the decoded vector. Decoded vectors are shorter than the vectors,
by an amount that differs from one to the next; where all vectors have unit norm, that difference only disturbs the
ranking.
"""

from __future__ import annotations

from collections.abc import Callable

import faiss
import numpy as np

from methods.kernels.scanning.renormalized_pq import renormalized_scan
from methods.search.decoding import CodeSpace, DecodingSearcher
from methods.search.flat_codes import FlatCodesSearcher
from methods.search.table_ranges import MakesRanges
from methods.searcher import Searcher, Space

SCAN_QUERIES = 32  # from here on decoding is the faster way, on 70,000 codes of 24 to 192 bytes
_TABLES = 8  # queries that share a pass over the codes: their tables together stay in the L2 cache


class TableSearcher(FlatCodesSearcher):
    """Search through a faiss index for few queries, by decoding for many.

    Parameters
    ----------
    codec, index, codes, before, ranges
        As for :class:`~methods.search.flat_codes.FlatCodesSearcher`.
    renormalize : bool
        Divide inner products by the decoded norm.
    codebooks : (M, 256, width) float32, optional
        Of 8-bit product codes, whose norm is a sum over subspaces too: lets few queries be renormalized by tables.
    """

    def __init__(
        self,
        codec: Space,
        index: faiss.IndexFlatCodes,
        codes: np.ndarray,
        before: Callable[[np.ndarray], np.ndarray] | None = None,
        renormalize: bool = False,
        codebooks: np.ndarray | None = None,
        ranges: MakesRanges | None = None,
    ) -> None:
        super().__init__(codec, index, codes, before, ranges)
        space = CodeSpace(index.d, codec.metric.inner, index.sa_decode)
        self._decoding: Searcher = DecodingSearcher(space, codes, renormalize)
        self._renormalize, self._codebooks = renormalize, codebooks
        # faiss makes tables of subvectors of two dimensions eight centroids at a time, and raises where there are less.
        self._has_tables = not (isinstance(index, faiss.IndexPQ) and index.pq.dsub == 2 and index.pq.ksub % 8)

    def _scan(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        few = len(queries) <= SCAN_QUERIES and self._has_tables
        if not few or (self._renormalize and self._codebooks is None):
            return self._decoding._search(queries, k)
        if self._renormalize:
            return self._renormalized(queries, k)
        return super()._scan(queries, k)

    def _renormalized(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        assert self._codebooks is not None
        squares = (self._codebooks**2).sum(axis=2)
        scores, ids = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        for start in range(0, len(queries), _TABLES):
            block = slice(start, start + _TABLES)
            scores[block], ids[block] = renormalized_scan(
                self.codes, _tables(self._codebooks, queries[block]), squares, k
            )
        return scores, ids


def _tables(codebooks: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Inner products (nq, M, 256) of the queries' subvectors and the centroids."""
    m, _, width = codebooks.shape
    cut = queries.reshape(len(queries), m, width)
    products = np.matmul(codebooks, cut.transpose(1, 2, 0))  # (M, 256, nq)
    return np.ascontiguousarray(products.transpose(2, 0, 1))
