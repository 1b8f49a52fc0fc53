"""Searching codes through a faiss index that holds just them."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from methods.searcher import Searcher, Space

__all__ = ["FlatCodesSearcher"]


class FlatCodesSearcher(Searcher):
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
    """

    def __init__(self, codec: Space, index: faiss.IndexFlatCodes, codes: np.ndarray, before: Any = None) -> None:
        super().__init__(codec.dim, codec.metric, len(codes))
        # The index reads our array in place: a copy would double the memory of a large set of codes.
        vector: Any = faiss.MaybeOwnedVectorUInt8
        index.codes = vector.create_view(faiss.swig_ptr(codes), codes.size, vector().owner)
        index.ntotal = len(codes)
        self.codes, self.index, self.before = codes, index, before

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        if self.before is not None:
            queries = np.ascontiguousarray(self.before(queries), dtype=np.float32)
        scores, ids = self.index.search(queries, k)
        return scores, ids.astype(np.int64, copy=False)
