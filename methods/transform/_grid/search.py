"""Searching grid codes: by tables of their bytes for few queries, by one decoding of them for many."""

from __future__ import annotations

import numpy as np

from methods.encoding.offset import mean_weights
from methods.kernels.encoding.grid import byte_tables, scan_grid
from methods.kernels.scanning.ranged import Visits
from methods.kernels.sets.grid_maxsim import largest_grid_products
from methods.kernels.simd.unpack_symbols import GROUP
from methods.kernels.topk import squared_distances
from methods.metric import Metric
from methods.search.decoding import CodeSpace, DecodingSearcher
from methods.search.products import ProductSearcher
from methods.search.visiting import VisitingSearcher, arrays
from methods.transform._grid.quantizer import GridQuantizer

_TABLES = 1 << 22  # bytes of the tables of queries that are scanned for in one call


class GridSearcher(VisitingSearcher, ProductSearcher):
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
        visits = self._scanned(len(queries))
        if visits is None:
            scores, ids = self._decoding._search(np.column_stack([mapped, weights]), k)
        else:
            scores, ids = self._scan(mapped, weights.astype(np.float32), visits.by_query(len(queries)), k)
        if l2:
            return squared_distances(centered, scores), ids
        return scores + (queries @ plan.mean)[:, None], ids

    def largest_products(self, queries: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        quantizer, plan = self.quantizer, self.quantizer.plan
        grid = (plan.ends, plan.bits, quantizer.tables, quantizer.offset_range)
        mapped, weights = queries @ plan.matrix, queries @ self._mean_weights
        best = largest_grid_products(self.codes, *grid, mapped, weights, offsets)
        return best + (queries @ plan.mean)[:, None]

    def codes_of(self, rows: np.ndarray) -> np.ndarray:
        return self.codes[rows]

    def _scan(self, mapped: np.ndarray, weights: np.ndarray, visits: Visits, k: int) -> tuple[np.ndarray, np.ndarray]:
        plan, offsets = self.quantizer.plan, np.asarray(self.quantizer.offset_range, np.float32)
        counts = np.diff(plan.ends, prepend=0) // GROUP * plan.bits
        sums = np.add.reduceat(mapped, plan.ends - np.diff(plan.ends, prepend=0), axis=1)
        middles = (sums * (2.0 ** (plan.bits - 1) - 0.5)).astype(np.float32)
        keys, ids = np.full((len(mapped), k), np.inf, np.float32), np.full((len(mapped), k), -1, np.int64)
        step = max(1, _TABLES // (1024 * max(1, plan.symbol_bytes)))
        for first in range(0, len(mapped), step):
            some = slice(first, min(first + step, len(mapped)))
            tables = byte_tables(mapped[some], plan.ends, plan.bits)
            own = arrays(visits.of_queries(some.start, some.stop))
            queries = (offsets, weights[some], tables, middles[some])
            scan_grid(self.codes, counts, self.quantizer.tables, *queries, own, keys[some], ids[some])
        return -keys, ids
