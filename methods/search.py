"""Exhaustive search over any decodable codec: decode a block of codes, score it in float32, keep the best."""

from __future__ import annotations

import faiss
import numpy as np

from methods.base import Codec, Searcher
from methods.faiss_index import faiss_metric
from methods.vectors import normalized

_BLOCK_BYTES = 8 << 20  # decoded floats at a time: stays near the cache, bounds the memory of a search


class DecodingSearcher(Searcher):
    """Scores every code by the metric on its decoded vector; keeps only the codes.

    Parameters
    ----------
    codec : Codec
        A fitted, decodable codec.
    codes : (n, code_size) uint8
        Kept as they are, without a copy.
    renormalize : bool
        Divide decoded vectors by their norm first: right where the original vectors have unit norm.
    """

    def __init__(self, codec: Codec, codes: np.ndarray, renormalize: bool = False) -> None:
        super().__init__(codec.dim, codec.metric, len(codes))
        self.codec, self.codes, self.renormalize = codec, codes, renormalize

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        best = faiss.ResultHeap(len(queries), k, keep_max=self.descending)
        step = max(1024, _BLOCK_BYTES // (4 * self.dim))
        for start in range(0, self.size, step):
            decoded = self.codec._decode(self.codes[start : start + step])
            if self.renormalize:
                decoded = normalized(decoded)
            scores, ids = faiss.knn(queries, decoded, min(k, len(decoded)), metric=faiss_metric(self.metric))
            best.add_result(scores, ids + start)
        best.finalize()
        return best.D, best.I
