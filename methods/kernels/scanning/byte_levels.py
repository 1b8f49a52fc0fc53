"""Scans of codes of one byte a dimension, a level in that dimension's range, as they lie: no layout of their own."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels import topk
from methods.kernels.machine.path import Path, choose
from methods.kernels.machine.threads import read_only
from methods.kernels.scanning import prepare
from methods.kernels.scanning.ranged import Ranged, all_rows
from methods.kernels.simd.byte_tile import LANES, byte_tile

__all__ = ["ByteLevelScan"]

_TOGETHER = 4  # codes whose sums are added up side by side


@njit(cache=True, nogil=True)
def _scan(documents: tuple, weights: np.ndarray, heap: np.ndarray, low: int, high: int) -> None:
    """The best of rows ``low`` to ``high`` for a query's ``weights`` (dim,), in ``heap`` (k,) int64."""
    codes, steps, distances = documents
    dim = len(weights)
    sums, limit = np.empty(_TOGETHER, np.float32), topk.key_score(heap[0])
    in_lanes = dim // LANES * LANES
    row = low
    while row < high:
        count = _TOGETHER if row + _TOGETHER <= high else 1
        if distances:
            if count == _TOGETHER:
                byte_tile(_TOGETHER, True, codes, row * dim, weights, steps, dim, sums)
            else:
                byte_tile(1, True, codes, row * dim, weights, steps, dim, sums)
        elif count == _TOGETHER:
            byte_tile(_TOGETHER, False, codes, row * dim, weights, steps, dim, sums)
        else:
            byte_tile(1, False, codes, row * dim, weights, steps, dim, sums)
        for place in range(count):
            score = sums[place]
            for dimension in range(in_lanes, dim):
                value = np.float32(codes[row + place, dimension])
                if distances:
                    value = weights[dimension] + steps[dimension] * value
                    score += value * value
                else:
                    score += weights[dimension] * value
            score = -score if distances else score
            if score >= limit and score > -np.inf:
                topk.push(heap, topk.score_key(score, row + place))
                limit = topk.key_score(heap[0])
        row += count


@njit(cache=True, nogil=True)
def _visit(
    path: Path,
    documents: tuple,
    batch: tuple,
    heaps: np.ndarray,
    queries: np.ndarray,
    query_ends: np.ndarray,
    ranges: np.ndarray,
    range_ends: np.ndarray,
) -> None:
    """The scan of :func:`.prepare.run`: the best of each query end in ``heaps`` (nq, k) int64."""
    weights, nq = batch
    for visit in range(len(query_ends) - 1):
        visiting = query_ends[visit + 1] - query_ends[visit] if len(queries) else nq
        for piece in range(range_ends[visit], range_ends[visit + 1]):
            for place in range(visiting):
                query = queries[query_ends[visit] + place] if len(queries) else place
                _scan(documents, weights[query], heaps[query], ranges[piece, 0], ranges[piece, 1])


class ByteLevelScan(Ranged):
    """Search by inner product or squared distance; ties by the smaller row.

    A byte ``c`` of dimension ``d`` stands for ``low[d] + width[d] * (c + 1/2) / 255``.

    Parameters
    ----------
    codes : (n, dim) uint8
        Kept as they are where rows are contiguous.
    low, width : (dim,) float32
    distances : bool
        Order by squared distance.
    """

    def __init__(self, codes: np.ndarray, low: np.ndarray, width: np.ndarray, distances: bool) -> None:
        self.codes = read_only(prepare.as_codes(codes, len(low), "codes"))
        self.size, self.distances = len(codes), bool(distances)
        self.visits = all_rows(self.size)
        self._steps = np.ascontiguousarray(width, np.float32) / np.float32(255)
        self._start = np.ascontiguousarray(low, np.float32) + self._steps / 2

    def search(self, queries: np.ndarray, k: int, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The ``k`` best codes of each query.

        Parameters
        ----------
        queries : (nq, dim) float32
        k : int
            At least 1.

        Returns
        -------
        scores : (nq, k) float32
            Descending products, -inf padded; or ascending squared distances, inf padded.
        ids : (nq, k) int64
            Rows of the codes; padded with -1.
        """
        prepare.check_k(k)
        weights = queries - self._start if self.distances else queries * self._steps
        documents = (self.codes, -self._steps, self.distances)
        batch = (np.ascontiguousarray(weights, np.float32), len(queries))
        heaps = prepare.run(_visit, choose(None), documents, batch, min(k, self.size), threads, self.visits)
        keys, ids = topk.results(heaps, k)
        scores = topk.scores(keys)
        return (-scores if self.distances else scores + (queries @ self._start)[:, None]), ids
