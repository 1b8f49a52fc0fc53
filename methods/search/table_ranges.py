"""Search of some rows of codes whose scores are sums over bytes: what an index scans of product codes and of levels.

A scan of all codes has faster ways (faiss's, or one product of matrices for many queries), which cannot be limited to
ranges of rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, Self

import numpy as np

from methods.kernels.scanning.byte_tables import ByteTableScan, byte_tables
from methods.kernels.scanning.ranged import Visits, by_all, shallow_copy
from methods.metric import Metric
from methods.searcher import Searcher

__all__ = ["MakesRanges", "RangedSearcher", "TableRanges", "in_tables"]


class RangeScan(Protocol):
    """What searches some rows."""

    @property
    def size(self) -> int: ...

    def within(self, rows: np.ndarray | Visits) -> Self: ...

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]: ...


MakesRanges = Callable[[], RangeScan | None]  # None: the codes have no such scan

_BITS = (1, 2, 4, 8)  # of an index, of which a byte holds a whole number


def in_tables(bits: int) -> bool:
    """Whether indices of so many ``bits`` lie whole in bytes."""
    return bits in _BITS


class TableRanges:
    """Scores ranges of codes by tables of their bytes.

    Parameters
    ----------
    scan : ByteTableScan
    codebooks : (M, 2^bits, width) float32
        Of the indices in the bytes that are scanned.
    metric : Metric
        Under l2 a distance is ``constant - 2 * score``, at least 0; otherwise a similarity is ``constant + score``.
    queries : callable, optional
        (nq, dim) float32 -> what the codebooks are multiplied with (nq, d) float32, and the constants, (nq,) float32
        or 0. The queries as they are, and 0, where left out.
    shared : int
        Codebooks, one after the other, that stand for the same subvector.
    distances : bool
        Entries are minus half of squared distances, not products.
    """

    def __init__(
        self,
        scan: ByteTableScan,
        codebooks: np.ndarray,
        metric: Metric,
        queries: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | float]] | None = None,
        shared: int = 1,
        distances: bool = False,
    ) -> None:
        self._scan, self._metric, self._prepared = scan, metric, queries
        self._codebooks = np.ascontiguousarray(codebooks.transpose(0, 2, 1), np.float32)
        self._shared, self._distances = shared, distances

    @property
    def size(self) -> int:
        return self._scan.size

    @property
    def adds_shares(self) -> bool:
        """As :attr:`.Searcher.adds_shares`: what is scanned are products, not halves of distances."""
        return self._metric is not Metric.L2

    def within(self, rows: np.ndarray | Visits) -> Self:
        """As :meth:`.Ranged.within`."""
        part = shallow_copy(self)
        part._scan = self._scan.within(rows)
        return part

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Scores (nq, k) float32, best first, and rows (nq, k) int64, -1 padded, of ``queries`` (nq, dim) float32."""
        values, constants = (queries, 0) if self._prepared is None else self._prepared(queries)
        visits, step, part = self._scan.visits.by_query(len(queries)), self._scan.at_once(), shallow_copy(self._scan)
        results = []
        for first in range(0, len(queries), step):
            last = min(first + step, len(queries))
            part.visits = visits.of_queries(first, last)
            tables = byte_tables(values[first:last], self._codebooks, self._shared, self._distances)
            results.append(part.search(tables, k))
        scores, ids = results[0] if len(results) == 1 else map(np.concatenate, zip(*results))
        constants = np.asarray(constants, np.float32).reshape(-1, 1)
        if self._metric is Metric.L2:
            return np.maximum(constants - 2 * scores, 0), ids
        return constants + scores, ids


class RangedSearcher(Searcher):
    """Base of searchers of all rows that search some of them by another scan of the same codes.

    A subclass keeps the codes in ``codes``, may say in ``_new_ranges`` how that scan (:class:`TableRanges`, say) is
    made, which a search of all rows does without, and makes the latter where ``_limited`` is False.
    """

    codes: np.ndarray
    _new_ranges: MakesRanges | None = None
    _ranges: RangeScan | None = None
    _limited: bool = False

    def within(self, rows: np.ndarray | Visits) -> Self | None:
        if self._ranges is None and self._new_ranges is not None:
            self._ranges = self._new_ranges()
        if self._ranges is None:
            return None
        visits = rows if isinstance(rows, Visits) else by_all(rows)
        part = shallow_copy(self)
        part._ranges = self._ranges.within(visits)
        part.size = part._ranges.size
        part._limited = not (visits.shared and part.size == len(self.codes))
        return part

    def _search_ranges(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`_search` of some codes, for queries as the ranges take them."""
        assert self._ranges is not None
        return self._ranges.search(queries, k)
