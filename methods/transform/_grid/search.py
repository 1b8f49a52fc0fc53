"""Searching grid codes: by tables of their bytes for few queries, by one decoding of them for many."""

from __future__ import annotations

import numpy as np

from methods.encoding.offset import mean_weights
from methods.kernels.encoding.grid import byte_tables, scan_grid
from methods.kernels.simd.unpack_symbols import GROUP
from methods.kernels.topk import squared_distances
from methods.metric import Metric
from methods.search.decoding import CodeSpace, DecodingSearcher
from methods.searcher import Searcher
from methods.transform._grid.quantizer import GridQuantizer

_SCAN_QUERIES = 4  # up to so many queries tables beat decoding all codes for a matrix product


class GridSearcher(Searcher):
    """Largest estimates of ``<q, x - mean>`` plus weighted offset, in rotated coordinates.

    Parameters
    ----------
    quantizer : GridQuantizer
        What the codes stand for.
    metric : Metric
    codes : (n, code_size) uint8
        Kept as they are.
    """

    def __init__(self, quantizer: GridQuantizer, metric: Metric, codes: np.ndarray) -> None:
        dim, width = quantizer.plan.matrix.shape
        super().__init__(dim, metric, len(codes))
        self.quantizer, self.codes = quantizer, codes
        self._mean_weights = np.zeros(dim, np.float32)
        if metric is not Metric.L2:
            self._mean_weights = mean_weights(quantizer.plan.mean)
        space = CodeSpace(width + 1, Metric.IP, self._with_offsets)
        self._decoding = DecodingSearcher(space, codes)

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes

    def _with_offsets(self, codes: np.ndarray) -> np.ndarray:
        return np.column_stack([self.quantizer.values(codes), self.quantizer.offsets(codes)])

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        plan, l2 = self.quantizer.plan, self.metric is Metric.L2
        centered = queries - plan.mean if l2 else queries
        mapped = np.ascontiguousarray(centered @ plan.matrix)
        weights = np.ones(len(queries), np.float32) if l2 else queries @ self._mean_weights
        if len(queries) > _SCAN_QUERIES:
            scores, ids = self._decoding._search(np.column_stack([mapped, weights]), k)
        else:
            scores, ids = self._scan(mapped, weights, k)
        if l2:
            return squared_distances(centered, scores), ids
        return scores + (queries @ plan.mean)[:, None], ids

    def _scan(self, mapped: np.ndarray, weights: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        plan, offsets, factors = self.quantizer.plan, self.quantizer.offsets(self.codes), self.quantizer.tables
        counts = np.diff(plan.ends, prepend=0) // GROUP * plan.bits
        sums = np.add.reduceat(mapped, plan.ends - np.diff(plan.ends, prepend=0), axis=1)
        middles = (sums * (2.0 ** (plan.bits - 1) - 0.5)).astype(np.float32)
        keys, ids = np.full((len(mapped), k), np.inf, np.float32), np.full((len(mapped), k), -1, np.int64)
        for at in range(len(mapped)):
            tables = byte_tables(mapped[at : at + 1], plan.ends, plan.bits)[0]
            scan_grid(self.codes, counts, factors, offsets * weights[at], tables, middles[at], keys[at], ids[at])
        return -keys, ids
