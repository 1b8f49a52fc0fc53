"""Searchers whose own scan of codes can be limited to some rows, beside a decoding of all of them for many queries."""

from __future__ import annotations

from typing import Self

import numpy as np

from methods.kernels.scanning.ranged import Visits, all_rows, by_all, shallow_copy
from methods.searcher import Searcher

__all__ = ["VisitingSearcher", "arrays"]

_SCAN_QUERIES = 4  # up to so many queries a scan of the codes beats decoding them for a matrix product


class VisitingSearcher(Searcher):
    """Base: a subclass keeps its ``codes`` (n, code_size) uint8, and asks for :meth:`_scanned` before it decodes."""

    codes: np.ndarray
    _visits: Visits | None = None  # None: all rows

    def within(self, rows: np.ndarray | Visits) -> Self | None:
        visits = rows if isinstance(rows, Visits) else by_all(rows)
        part = shallow_copy(self)
        part.size = visits.most_rows
        part._visits = None if visits.shared and part.size == len(self.codes) else visits
        return part

    def _scanned(self, queries: int) -> Visits | None:
        """What a scan for so many queries visits; None where decoding all codes is faster."""
        if self._visits is None and queries > _SCAN_QUERIES:
            return None
        return self._visits or all_rows(len(self.codes))


def arrays(visits: Visits) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The arrays of ``visits``, as kernels take them."""
    return visits.queries, visits.query_ends, visits.ranges, visits.range_ends
