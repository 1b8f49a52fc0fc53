"""A scan of some rows: what the scanners share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self, TypeVar

import numpy as np
from numba import njit

__all__ = ["Ranged", "Visits", "all_rows", "by_all", "shallow_copy"]

_ALL_QUERIES = np.empty(0, np.int64)
_NO_SHARES = np.empty(0, np.float32)

_Object = TypeVar("_Object")


def shallow_copy(original: _Object) -> _Object:
    """Another object with the same attributes, in a tenth of the time of ``copy.copy``: searches of parts are short."""
    other: _Object = object.__new__(type(original))
    other.__dict__.update(original.__dict__)
    return other


@dataclass(frozen=True)
class Visits:
    """Which queries scan which rows: visit after visit, each of some queries to some pieces of rows.

    Pieces that one query visits do not overlap.

    Attributes
    ----------
    queries : (v,) int64
        Of all visits, one visit after the other; where there are none, all queries scan all pieces.
    query_ends : (visits + 1,) int64
        Visit ``i`` is of ``queries[query_ends[i]:query_ends[i + 1]]``.
    ranges : (r, 2) int64
        First row of each piece, and the one after its last.
    range_ends : (visits + 1,) int64
        As ``query_ends``, of ``ranges``.
    shares : (r,) float32
        What a piece's rows add to their scores, for scans that say that they do so; nothing where there are none.
        Each query has one visit then, and they are in the order of the queries.
    """

    queries: np.ndarray
    query_ends: np.ndarray
    ranges: np.ndarray
    range_ends: np.ndarray
    shares: np.ndarray = field(default_factory=lambda: _NO_SHARES)

    @property
    def shared(self) -> bool:
        """Whether all queries scan the same rows."""
        return not len(self.queries)

    @property
    def most_rows(self) -> int:
        """Rows that one query scans, at most."""
        sizes = self.ranges[:, 1] - self.ranges[:, 0]
        if self.shared:
            return int(sizes.sum())
        sizes = np.append(0, np.cumsum(sizes))
        rows = np.repeat(np.diff(sizes[self.range_ends]), np.diff(self.query_ends))
        return int(np.bincount(self.queries, weights=rows).max(initial=0))

    def by_query(self, count: int) -> Visits:
        """The same as one visit for each of ``count`` queries; as they are where all queries scan the same rows."""
        single = np.array_equal(self.query_ends, np.arange(count + 1)) and np.array_equal(
            self.queries, np.arange(count)
        )
        if self.shared or single:
            return self
        ranges, range_ends = _by_query(self.queries, self.query_ends, self.ranges, self.range_ends, count)
        return Visits(np.arange(count), np.arange(count + 1), ranges, range_ends)

    def of_queries(self, first: int, last: int) -> Visits:
        """Of visits by query, those of the queries from ``first`` up to ``last``, which are numbered from 0 then."""
        if self.shared:
            return self
        ends = self.range_ends[first : last + 1]
        own, pieces = np.arange(last - first + 1), slice(ends[0], ends[-1])
        return Visits(own[:-1], own, self.ranges[pieces], ends - ends[0], self.shares[pieces])


def by_all(ranges: np.ndarray) -> Visits:
    """All queries scan the pieces ``ranges`` (r, 2) int64."""
    return Visits(_ALL_QUERIES, np.zeros(2, np.int64), ranges, np.array([0, len(ranges)]))


def all_rows(size: int) -> Visits:
    """All queries scan all of ``size`` rows."""
    return by_all(np.array([[0, size]], np.int64))


@njit(cache=True, nogil=True)
def _by_query(
    queries: np.ndarray, query_ends: np.ndarray, ranges: np.ndarray, range_ends: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The pieces (r, 2) of each of ``count`` queries, in the order of the visits, and where each query's end."""
    ends = np.zeros(count + 1, np.int64)
    for visit in range(len(query_ends) - 1):
        for place in range(query_ends[visit], query_ends[visit + 1]):
            ends[queries[place] + 1] += range_ends[visit + 1] - range_ends[visit]
    for query in range(count):
        ends[query + 1] += ends[query]
    pieces, filled = np.empty((ends[-1], 2), np.int64), ends.copy()
    for visit in range(len(query_ends) - 1):
        for place in range(query_ends[visit], query_ends[visit + 1]):
            query = queries[place]
            for piece in range(range_ends[visit], range_ends[visit + 1]):
                pieces[filled[query], 0], pieces[filled[query], 1] = ranges[piece, 0], ranges[piece, 1]
                filled[query] += 1
    return pieces, ends


class Ranged:
    """Base: scans the rows of :attr:`visits`, which are all of them at first.

    Attributes
    ----------
    size : int
        Number of rows that a query scans, at most.
    visits : Visits
    """

    _inner: ClassVar[str] = ""  # the attribute that scans, if another one does

    size: int
    visits: Visits

    def within(self, rows: np.ndarray | Visits) -> Self:
        """The same scan of some rows alone; their numbers stay what they are.

        Parameters
        ----------
        rows : (r, 2) int64, or Visits
            Pieces that all queries scan, which do not overlap; or which queries of the next search scan which rows.

        Notes
        -----
        Nothing is copied but a few references.
        """
        visits = rows if isinstance(rows, Visits) else by_all(rows)
        part = shallow_copy(self)
        part.visits, part.size = visits, visits.most_rows
        if self._inner:
            setattr(part, self._inner, getattr(self, self._inner).within(visits))
        return part
