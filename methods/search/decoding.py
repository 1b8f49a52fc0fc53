"""Exhaustive search over any decodable codec: decode a block of codes, score it in float32, keep the best."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import faiss
import numpy as np

from methods.faiss_tools import faiss_metric
from methods.kernels.scanning.block_best import BestScores
from methods.kernels.topk import squared_distances
from methods.metric import Metric
from methods.searcher import Searcher, Space
from methods.vectors import normalized

__all__ = ["CodeSpace", "Decodes", "DecodingSearcher"]

_BLOCK_BYTES = 8 << 20  # decoded floats at a time: stays near the cache, bounds the memory of a search
_FEW_QUERIES = 20  # up to here faiss compares one by one, to the last bit of a distance
_QUERIES, _ROWS = 512, 2048  # whose scores (4 MB) are looked through while they are near


class Decodes(Space, Protocol):
    """What scores of decoded vectors need: a codec, or a :class:`CodeSpace`."""

    def _decode(self, codes: np.ndarray, /) -> np.ndarray:
        """Vectors (n, dim) float32 of codes (n, code_size) uint8."""


@dataclass
class CodeSpace:
    """Where codes are decoded, if not to vectors as they were: to rotated or padded ones."""

    dim: int
    metric: Metric
    _decode: Callable[[np.ndarray], np.ndarray]


class DecodingSearcher(Searcher):
    """Scores every code by the metric on its decoded vector; keeps only the codes.

    Parameters
    ----------
    codec : Codec or CodeSpace
        A fitted, decodable codec.
    codes : (n, code_size) uint8
        Kept as they are, without a copy.
    renormalize : bool
        Divide decoded vectors by their norm first: right where the original vectors have unit norm.
    """

    def __init__(self, codec: Decodes, codes: np.ndarray, renormalize: bool = False) -> None:
        super().__init__(codec.dim, codec.metric, len(codes))
        self.codec, self.codes, self.renormalize = codec, codes, renormalize

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        if len(queries) > _FEW_QUERIES:
            return self._search_by_products(queries, k)
        best = faiss.ResultHeap(len(queries), k, keep_max=self.descending)
        for start, decoded in self._decoded():
            scores, ids = faiss.knn(queries, decoded, min(k, len(decoded)), metric=faiss_metric(self.metric))
            best.add_result(scores, ids + start)
        best.finalize()
        return best.D, best.I

    def _search_by_products(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`_search`, by products of matrices: ||q - x||^2 = ||q||^2 + ||x||^2 - 2 <q, x>.

        The queries' mean is subtracted from both first: far from the origin, cancellation would lose the distances.
        """
        best, nearest = BestScores(len(queries), k), self.metric is Metric.L2
        center = queries.mean(axis=0, dtype=np.float64).astype(np.float32) if nearest else np.float32(0)
        queries = queries - center if nearest else queries
        for start, decoded in self._decoded():
            for at in range(0, len(decoded), _ROWS):
                rows = decoded[at : at + _ROWS] - center if nearest else decoded[at : at + _ROWS]
                less = np.einsum("ij,ij->i", rows, rows) / 2 if nearest else np.zeros(len(rows), np.float32)
                for first in range(0, len(queries), _QUERIES):
                    best.add(queries[first : first + _QUERIES] @ rows.T, less, start + at, first)
        scores, ids = best.results()
        if nearest:
            scores = squared_distances(queries, scores)
        return scores, ids

    def _decoded(self) -> Iterator[tuple[int, np.ndarray]]:
        """Blocks of decoded vectors, each with the number of its first."""
        step = max(1024, _BLOCK_BYTES // (4 * self.dim))
        for start in range(0, self.size, step):
            decoded = self.codec._decode(self.codes[start : start + step])
            yield start, normalized(decoded) if self.renormalize else decoded
