"""A first look at all documents by a centroid's number for each vector, of which the best are then scored by codes.

Santhanam et al., PLAID, CIKM 2022, section 4: a document's score by the centroids of its vectors alone (centroid
interaction) leaves few candidates. Two bytes a vector name one of thousands of centroids, and products with a query are
computed once for each centroid.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from methods.kernels.sets.centroid_scores import numbered_chamfer
from methods.multivector.base import Codes, SetSearcher
from methods.multivector.centroid_tree import CentroidTree
from methods.multivector.centroids import centroid_products, usual_count
from methods.multivector.ragged import Ragged

__all__ = ["NUMBER_BYTES", "CandidateSetSearcher", "behind_numbers", "centroid_count", "joined", "numbers_of"]

NUMBER_BYTES = 2
_MOST = 1 << 15  # centroids


def centroid_count(vectors: int) -> int:
    """How many centroids so many vectors of a collection get: ColBERTv2's number, 32,768 at most."""
    return min(_MOST, usual_count(vectors))


def numbers_of(documents: Ragged, tree: CentroidTree) -> np.ndarray:
    """(total,) uint16: the centroid of each vector; behind the last one's the number of vectors of zeros."""
    numbers = tree.assign(documents.vectors)
    return np.where(documents.zeros(), len(tree), numbers).astype(np.uint16)


def behind_numbers(numbers: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows (total, size) uint8 behind the two bytes of their numbers (total,) uint16."""
    return np.hstack([numbers.astype("<u2")[:, None].view(np.uint8), rows])


def joined(numbers: np.ndarray, codes: Codes, vector_size: int) -> Codes:
    """Codes of ``vector_size`` bytes a vector behind the numbers (total,) uint16 of the vectors."""
    rows = behind_numbers(numbers, codes.rows(vector_size))
    return Codes(rows.ravel(), codes.offsets // vector_size * rows.shape[1], codes.fixed)


class CandidateSetSearcher(SetSearcher):
    """Searches the codes of the documents that score best by their centroids; keeps numbers and codes.

    Parameters
    ----------
    tree : CentroidTree
    numbers : (total,) uint16
        As :func:`numbers_of` gives them.
    codes : Codes
        Of the same documents, without the numbers.
    vector_size : int
        Bytes of a vector's code.
    searcher_of : callable
        A searcher over numbers and codes of some documents that scores all of them.
    candidates : int
        Documents that are searched for each requested one.
    """

    def __init__(
        self,
        tree: CentroidTree,
        numbers: np.ndarray,
        codes: Codes,
        vector_size: int,
        searcher_of: Callable[[np.ndarray, Codes], SetSearcher],
        candidates: int,
    ) -> None:
        super().__init__(tree.leaves.shape[1], len(codes))
        self.tree, self.numbers, self.codes, self.vector_size = tree, numbers, codes, vector_size
        self.searcher_of, self.candidates = searcher_of, candidates
        self._offsets = codes.offsets // vector_size
        self.estimates_metric = searcher_of(*self._taken(np.arange(1))).estimates_metric

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes + self.numbers.nbytes

    def _search(self, queries: Ragged, k: int) -> tuple[np.ndarray, np.ndarray]:
        count = min(self.size, k * self.candidates)
        if count == self.size:
            return self.searcher_of(self.numbers, self.codes).search(queries, k)
        scores, ids = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        for i in range(len(queries)):
            rough = numbered_chamfer(self.numbers, self._offsets, centroid_products(self.tree.leaves, queries.set(i)))
            some = np.sort(np.argpartition(-rough, count - 1)[:count])
            scores[i : i + 1], places = self.searcher_of(*self._taken(some)).search(queries[i : i + 1], k)
            ids[i] = some[places[0]]
        return scores, ids

    def _taken(self, ids: np.ndarray) -> tuple[np.ndarray, Codes]:
        """Numbers and codes of some documents, a vector at a time."""
        lengths = np.diff(self._offsets)[ids]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        rows = np.repeat(self._offsets[ids] - offsets[:-1], lengths) + np.arange(offsets[-1])
        taken = self.codes.rows(self.vector_size)[rows]
        return self.numbers[rows], Codes(taken.ravel(), offsets * self.vector_size, self.codes.fixed)
