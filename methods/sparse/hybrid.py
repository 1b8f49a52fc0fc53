"""Hybrid search: the best by a dense code and the best by postings, made one list.

Linear: scores of each list are stretched to 0..1 and averaged with a weight (Zhuang et al., PromptReps, EMNLP 2024,
section 3.3). Reciprocal rank: an item counts ``1 / (60 + rank)`` in each list (Cormack, Clarke and Buettcher, SIGIR
2009).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from methods.kernels.fusion import merge, stretched
from methods.searcher import Searcher
from methods.sparse.postings import Postings

__all__ = ["HybridQueries", "HybridSearcher", "linear", "reciprocal_rank"]

_CONSTANT = 60  # of reciprocal ranks

Ranked = tuple[np.ndarray, np.ndarray]  # scores (nq, n), best first, and ids (nq, n), -1 padded


def linear(dense: Ranked, sparse: Ranked, weight: float, k: int, descending: bool = True) -> Ranked:
    """The ``k`` best by ``(1 - weight)`` times the dense scores plus ``weight`` times the sparse ones, both stretched.

    An item that is in one list alone has 0 in the other. ``descending`` is False where dense scores are distances.
    """
    by_code = stretched(*dense, 1 if descending else -1, np.nan, 1.0 - weight)
    by_postings = stretched(*sparse, 1, 0.0, float(weight))  # who is not in a list that is not full has no word of it
    return merge(by_code, dense[1], by_postings, sparse[1], k)


def reciprocal_rank(dense: Ranked, sparse: Ranked, k: int) -> Ranked:
    """The ``k`` best by the sum of ``1 / (60 + rank)`` over the lists that an item is in."""
    values = [np.tile(_reciprocal(ids.shape[1]), (len(ids), 1)) for _, ids in (dense, sparse)]
    return merge(values[0], dense[1], values[1], sparse[1], k)


def _reciprocal(count: int) -> np.ndarray:
    return (1.0 / (_CONSTANT + 1 + np.arange(count))).astype(np.float32)


@dataclass(frozen=True)
class HybridQueries:
    """Queries as vectors (nq, dim) and as the texts that these were made from."""

    vectors: np.ndarray
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, some: slice) -> HybridQueries:
        return HybridQueries(self.vectors[some], self.texts[some])


class HybridSearcher:
    """Searches by codes and by postings, and makes one list of both.

    Parameters
    ----------
    dense : Searcher
    sparse : Postings
        Of the texts of the same items.
    weight : float or None
        Of the sparse scores, from 0 to 1, for :func:`linear`; None for :func:`reciprocal_rank`.
    candidates : int
        Items of each list, if no more are to be returned.
    """

    def __init__(self, dense: Searcher, sparse: Postings, weight: float | None, candidates: int) -> None:
        self.dense, self.sparse, self.weight, self.candidates = dense, sparse, weight, candidates
        self.size, self.padding, self.descending, self.estimates_metric = dense.size, dense.padding, True, False

    @property
    def nbytes(self) -> int:
        """Resident bytes of codes and postings."""
        return self.dense.nbytes + self.sparse.nbytes

    def search(self, queries: HybridQueries, k: int) -> Ranked:
        """Fused scores (nq, k) float32, best first, and ids (nq, k) int64, -inf and -1 padded."""
        count = max(k, self.candidates)
        by_code = self.dense.search(queries.vectors, count)
        return self.fuse(by_code, self.sparse.search(queries.texts, count), k)

    def fuse(self, dense: Ranked, sparse: Ranked, k: int) -> Ranked:
        """One list of two that were searched."""
        if self.weight is None:
            return reciprocal_rank(dense, sparse, k)
        return linear(dense, sparse, self.weight, k, self.dense.descending)
