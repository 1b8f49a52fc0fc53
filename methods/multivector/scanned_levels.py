"""MaxSim by a scan of codes of levels, and of the best documents again by what their codes stand for.

Decoded, every vector of a collection goes through memory as floats, once a search. A scan unpacks 64 codes at a time
for all vectors of a query, as small integers that stay in the cache, and multiplies them with the query rounded to
int8. Errors that this makes in the order are mended by decoding the few documents that scored best.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from methods.multivector.base import SetSearcher
from methods.multivector.candidates import best_candidates, score_candidates
from methods.multivector.common_length import CommonLength
from methods.multivector.ragged import Ragged
from methods.multivector.stretch import Stretch
from methods.multivector.zero_vectors import Places
from methods.search.products import ProductSearcher

__all__ = ["LevelSetSearcher"]

_FEWEST = 10  # documents that are decoded beyond those requested: as many again, and at least so many
_OFF_LENGTH = 3  # times as many where decoding changes lengths, of which the scan knows nothing
_VECTORS = 128  # query vectors that are scanned for at once: their weights stay in the cache


class LevelSetSearcher(SetSearcher):
    """Scores by what codes decode to, of the documents that score best in a scan; keeps only the codes, laid out anew.

    Parameters
    ----------
    inner : ProductSearcher
        Over the codes of all documents' vectors, but for zeros.
    places : Places
        Of the documents among these codes.
    stretch : Stretch
        What vectors went through before they were coded.
    decode : callable
        What codes (m, code_size) uint8 stand for, at their common length: (m, dim) float32.
    length : CommonLength
    """

    def __init__(
        self,
        inner: ProductSearcher,
        places: Places,
        stretch: Stretch,
        decode: Callable[[np.ndarray], np.ndarray],
        length: CommonLength,
    ) -> None:
        super().__init__(inner.dim, len(places))
        self.inner, self.places, self.stretch, self.decode, self.length = inner, places, stretch, decode, length
        self.padding = inner.padding

    @property
    def nbytes(self) -> int:
        return self.inner.nbytes + self.places.nbytes

    def _search(self, queries: Ragged, k: int) -> tuple[np.ndarray, np.ndarray]:
        more = max(k, _FEWEST) * (_OFF_LENGTH if self.length.length else 1)
        count = min(self.size, k + more)
        candidates = np.tile(np.arange(count), (len(queries), 1))
        if count < self.size:
            for start, some in queries.blocks(_VECTORS):
                rough = self._scanned(some)
                best = np.argpartition(-rough, count - 1, axis=1)[:, :count]
                candidates[start : start + len(some)] = np.sort(best, axis=1)
        mean = self.inner.size / self.size
        scores = score_candidates(self._gather, queries, candidates, mean)
        return best_candidates(scores, candidates, k)

    def _scanned(self, queries: Ragged) -> np.ndarray:
        """Scores (nq, n) of all documents by the scan."""
        vectors = self.stretch.queries(queries.vectors)
        best = self.inner.largest_products(vectors, self.places.offsets)
        if not self.stretch.is_identity:
            best += (queries.vectors @ self.stretch.mean)[:, None]
        if self.places.any_zeros:
            best = np.where(self.places.zeros, np.maximum(best, 0), best)
        return np.add.reduceat(best, queries.offsets[:-1], axis=0)

    def _gather(self, ids: np.ndarray) -> Ragged:
        rows, places, offsets = self.places.take(ids)
        decoded = self.decode(self.inner.codes_of(rows))
        if len(decoded) == offsets[-1]:
            return Ragged(decoded, offsets)
        vectors = np.zeros((offsets[-1], self.dim), np.float32)
        vectors[places] = decoded
        return Ragged(vectors, offsets)
