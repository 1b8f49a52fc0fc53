"""Searching codes through a faiss index that holds just them."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from methods.search.table_ranges import MakesRanges, RangedSearcher, TableRanges
from methods.searcher import Space

__all__ = ["FlatCodesSearcher"]


class FlatCodesSearcher(RangedSearcher):
    """Search by a trained ``faiss.IndexFlatCodes``, which holds the codes and nothing else per vector.

    Parameters
    ----------
    codec : Codec
        The codec that made the codes; only its ``dim`` and ``metric`` are read.
    index : faiss.IndexFlatCodes
        Trained and empty; reads the codes where they are.
    codes : (n, code_size) uint8
        In the index's own code format.
    before : callable, optional
        What is done to queries (nq, dim) first: a rotation, padding.
    ranges : callable, optional
        Makes what searches some of the codes, by such queries.
    """

    def __init__(
        self,
        codec: Space,
        index: faiss.IndexFlatCodes,
        codes: np.ndarray,
        before: Any = None,
        ranges: MakesRanges | None = None,
    ) -> None:
        super().__init__(codec.dim, codec.metric, len(codes))
        # The index reads our array in place: a copy would double the memory of a large set of codes.
        vector: Any = faiss.MaybeOwnedVectorUInt8
        index.codes = vector.create_view(faiss.swig_ptr(codes), codes.size, vector().owner)
        index.ntotal = len(codes)
        self.codes, self.index, self.before, self._new_ranges = codes, index, before, ranges

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes

    @property
    def adds_shares(self) -> bool:
        return isinstance(self._ranges, TableRanges) and self._ranges.adds_shares

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        if self.before is not None:
            queries = np.ascontiguousarray(self.before(queries), dtype=np.float32)
        return self._search_ranges(queries, k) if self._limited else self._scan(queries, k)

    def _scan(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`_search` of all codes, for queries that :attr:`before` made."""
        scores, ids = self.index.search(queries, k)
        return scores, ids.astype(np.int64, copy=False)
