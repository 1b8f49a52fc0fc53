"""Searching codes of QINCo2: a shortlist by lookup tables, then the decoded vectors of those on it."""

from __future__ import annotations

from itertools import pairwise

import faiss
import numpy as np

from methods.base import Codec, Searcher
from methods.search.flat_codes import FlatCodesSearcher

_QUERIES, _DECODED = 1024, 4096  # whose products are held at a time


class ShortlistSearcher(Searcher):
    """Inner products with decoded vectors, for the codes whose sums of codewords have the largest.

    QINCo2 searches in the same way, by an additive decoder of pairs of codes. Here the codewords
    themselves serve, which training starts from and the networks correct.

    Parameters
    ----------
    codec : Codec
        Decodes the shortlist.
    index : faiss.IndexFlatCodes
        Trained and empty; its scores make the shortlist.
    codes : (n, code_size) uint8
    shortlist : int
        Codes decoded for each neighbor requested (for each of ten, if fewer are).
    """

    def __init__(self, codec: Codec, index: faiss.IndexFlatCodes, codes: np.ndarray, shortlist: int) -> None:
        super().__init__(codec.dim, codec.metric, len(codes))
        self.codec, self.codes, self.shortlist = codec, codes, shortlist
        self._first = FlatCodesSearcher(codec, index, codes)

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        scores, ids = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        for start in range(0, len(queries), _QUERIES):
            block = slice(start, start + _QUERIES)
            listed = self._first._search(queries[block], min(self.size, self.shortlist * max(k, 10)))[1]
            listed.sort(axis=1)  # of equals, the smaller id stays first
            products = self._products(queries[block], listed)
            order = np.argsort(-products, axis=1, kind="stable")[:, :k]
            scores[block] = np.take_along_axis(products, order, axis=1)
            ids[block] = np.take_along_axis(listed, order, axis=1)
        return scores, ids

    def _products(self, queries: np.ndarray, listed: np.ndarray) -> np.ndarray:
        """Inner products (nq, s) of queries and the decoded vectors ``listed`` (nq, s); each is decoded once."""
        distinct, which = np.unique(listed, return_inverse=True)
        which = which.ravel()
        places = np.argsort(which, kind="stable")
        edges = np.searchsorted(which[places], np.arange(0, len(distinct) + _DECODED, _DECODED))
        products = np.empty(listed.size, np.float32)
        for turn, (low, high) in enumerate(pairwise(edges)):
            start, here = turn * _DECODED, places[low:high]
            decoded = self.codec._decode(self.codes[distinct[start : start + _DECODED]])
            products[here] = (queries @ decoded.T)[here // listed.shape[1], which[here] - start]
        return products.reshape(listed.shape)
