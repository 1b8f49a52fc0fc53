"""The best of a matrix of scores, block by block: what a search by matrix products keeps."""

from __future__ import annotations

import numba
import numpy as np
from numba import njit, prange

from methods.kernels import topk

__all__ = ["BestScores"]

_TOGETHER = 64  # scores that are compared with a limit at a time


@njit(cache=True, nogil=True)
def _fold(products: np.ndarray, less: np.ndarray, first: int, heap: np.ndarray) -> None:
    """Push scores ``products[i] - less[i]`` (n,) float32, of documents from ``first`` on, into ``heap`` (k,) int64."""
    n, limit = len(products), topk.key_score(heap[0])
    for start in range(0, n, _TOGETHER):
        stop = min(start + _TOGETHER, n)
        above = np.int32(0)
        for i in range(start, stop):  # counted, which is done for many at a time; a running maximum is not
            above += np.int32(products[i] - less[i] > limit)
        if above:
            for i in range(start, stop):
                score = products[i] - less[i]
                if score > limit:
                    topk.push(heap, topk.score_key(score, first + i))
                    limit = topk.key_score(heap[0])


@njit(cache=True, nogil=True)
def _fold_rows(products: np.ndarray, less: np.ndarray, first: int, heaps: np.ndarray) -> None:
    for query in range(len(heaps)):
        _fold(products[query], less, first, heaps[query])


@njit(cache=True, parallel=True)
def _fold_rows_parallel(products: np.ndarray, less: np.ndarray, first: int, heaps: np.ndarray) -> None:
    for query in prange(len(heaps)):
        _fold(products[query], less, first, heaps[query])


class BestScores:
    """The ``k`` greatest scores of each query among documents that come in blocks; ties by the smaller id.

    Parameters
    ----------
    queries, k : int
        At least 1.
    """

    def __init__(self, queries: int, k: int) -> None:
        self._heaps = np.full((queries, k), topk.EMPTY)

    def add(self, products: np.ndarray, less: np.ndarray, first: int, first_query: int = 0) -> None:
        """Documents from ``first`` on, whose scores with queries from ``first_query`` on are ``products - less``.

        Parameters
        ----------
        products : (nq, n) float32
            Rows are contiguous. What is not a number is left out.
        less : (n,) float32
        first, first_query : int
        """
        fold = _fold_rows if numba.get_num_threads() == 1 else _fold_rows_parallel
        fold(products, less, first, self._heaps[first_query : first_query + len(products)])

    def results(self) -> tuple[np.ndarray, np.ndarray]:
        """Scores (queries, k) float32, descending and -inf padded, and ids (queries, k) int64, -1 padded."""
        keys, ids = topk.results(self._heaps[None], self._heaps.shape[1])
        return topk.scores(keys), ids
