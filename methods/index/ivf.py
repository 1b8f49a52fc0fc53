"""An inverted file over the codes of any dense method: a query visits the lists whose centroids are best.

Jégou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search" (PAMI 2011), section 4. Codes lie list
after list, and a list is a range of rows: a query is prepared once, and the method's own scan visits the ranges. Of
residuals it is prepared for each list, but where scores are products and the scan adds each list's share to them. A
searcher that cannot be limited to ranges is made anew over the codes of the lists that are visited.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.base import Codec
from methods.errors import MethodError
from methods.index.partition import Partition
from methods.index.row_ids import RowIds
from methods.kernels.scanning.ranged import Visits, by_all, shallow_copy
from methods.metric import Metric
from methods.searcher import Searcher

__all__ = ["IVFSearcher", "codec_metric"]

_FEW_VISITORS = 2  # queries that share a list
_MANY_VISITORS = 32  # from which on a list of residuals is scanned faster by itself, for all of them
_PAIRS = 4_096  # of a query and a list that it visits, scanned at a time
_SHARES = 16_384  # of such pairs, where a query is prepared once for all its lists
_FEW_LISTS = 4  # parts of all lists; fewer are multiplied with a query one by one
_OFFSET_BYTES = 8  # of the row at which a list begins


def codec_metric(metric: Metric, residual: bool) -> Metric:
    """The metric of the codec: residuals of normalized vectors have no common length, so theirs is ip for cosine."""
    return Metric.parse(metric).inner if residual else Metric.parse(metric)


class IVFSearcher(Searcher):
    """Searches the lists that are nearest to a query.

    Parameters
    ----------
    codec : Codec
        Fitted; of metric :func:`codec_metric`.
    codes : (n, code_size) uint8
        Of the vectors, or of their residuals (:meth:`.Partition.residuals`), in the order of the vectors.
    partition : Partition
        Fitted.
    assigned : (n,) int
        Each vector's list.
    probes : int
        Lists that a query visits, at most all of them; see :meth:`probing`.
    residual : bool
        Whether codes stand for vectors less their list's centroid. The centroid's share of a score is added exactly.
    ids : {"packed", "int32", "int64", "elias_fano", "none"}
        As :class:`.RowIds` stores them.
    overwrite_codes : bool
        Whether ``codes`` may be put in the order of the lists where they lie, which saves a copy of them.

    Attributes
    ----------
    ids_nbytes : int
        Of the ids.
    nbytes : int
        Of codes and ids.
    parts : dict
        Bytes of what is stored once: ``centroids``, and the ``offsets`` of the lists.
    """

    def __init__(
        self,
        codec: Codec,
        codes: np.ndarray,
        partition: Partition,
        assigned: np.ndarray,
        probes: int = 1,
        residual: bool = False,
        ids: str = "packed",
        overwrite_codes: bool = False,
    ) -> None:
        super().__init__(partition.dim, partition.metric, len(codes))
        if codec.metric is not codec_metric(partition.metric, residual) or len(assigned) != len(codes):
            raise MethodError(
                f"an index of {partition.metric} with residual={residual} needs a codec of metric "
                f"{codec_metric(partition.metric, residual)} and a list for each of its codes; the codec's metric is "
                f"{codec.metric}, and there are {len(assigned)} for {len(codes)}"
            )
        self.partition, self.residual = partition, bool(residual)
        self.probes = self._checked(probes)
        self._offsets = np.append(0, np.cumsum(np.bincount(assigned, minlength=partition.lists)))
        order = np.argsort(assigned, kind="stable")
        self._ids = RowIds(order, ids, self._offsets)
        codes = _in_order(codes, order, overwrite_codes)
        del order
        scan = codec.searcher(codes)
        self.descending, self.estimates_metric, self.padding = scan.descending, scan.estimates_metric, scan.padding
        if residual and not self.estimates_metric:
            raise MethodError(
                f"{codec.name} orders by another scale than the metric's, to which no centroid's share can be added; "
                "use residual=false"
            )
        self.ids_nbytes, self._scan_nbytes = self._ids.nbytes, int(scan.nbytes)
        ranged = scan.within(np.array([[0, len(codes)]])) is not None
        # One of the two is kept: a scan of ranges in its own layout, or codes that a searcher is made of when visited.
        self._scan: Searcher | None = scan if ranged else None
        self._codec, self._codes = codec, codes[:0] if ranged else codes

    @property
    def nbytes(self) -> int:
        return self._scan_nbytes + self.ids_nbytes

    @property
    def parts(self) -> dict[str, int]:
        return {"centroids": self.partition.nbytes, "offsets": _OFFSET_BYTES * (self.partition.lists + 1)}

    def probing(self, probes: int) -> IVFSearcher:
        """The same index, of which a query visits ``probes`` lists; shares everything."""
        other = shallow_copy(self)
        other.probes = self._checked(probes)
        return other

    def visited_share(self, queries: np.ndarray) -> float:
        """Share of the codes that a search visits, on average over ``queries`` (nq, dim) floating."""
        lists = self.partition.nearest(self.partition.prepared(queries), self.probes)
        return float(np.diff(self._offsets)[lists].sum(axis=1).mean() / max(1, self.size))

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        if self.probes == self.partition.lists and not self.residual:
            scores, rows = self._scanned(queries, np.array([[0, self.size]]), k)
            return scores, self._ids[rows]
        lists = self.partition.nearest(queries, self.probes)
        shared = lists.size > _FEW_VISITORS * self.partition.lists
        if self._scan is not None and not self.residual:
            visits = _by_list(lists, self._offsets) if shared else _by_query(lists, self._offsets)
            scores, rows = self._visited(queries, visits, k)
        elif self._scan is not None and self._scan.adds_shares:
            scores, rows = self._scanned_with_shares(queries, lists, k)
        elif self._scan is not None and lists.size <= _MANY_VISITORS * self.partition.lists:
            scores, rows = self._scanned_by_pair(queries, lists, k)
        elif self.residual or shared:
            scores, rows = self._scanned_by_list(queries, lists, k)
        else:
            scores, rows = self._scanned_by_query(queries, lists, k)
        return scores, self._ids[rows]

    def _visited(self, queries: np.ndarray, visits: Visits, k: int) -> tuple[np.ndarray, np.ndarray]:
        """One scan, of which each query sees its own rows."""
        scores, rows = self._nothing(len(queries), k)
        assert self._scan is not None
        part = self._scan.within(visits)
        assert part is not None
        if part.size:
            best, where = part._search(queries, min(k, part.size))
            scores[:, : best.shape[1]] = np.where(where < 0, scores[:, :1], best)
            rows[:, : best.shape[1]] = where
        return scores, rows

    def _scanned_by_query(self, queries: np.ndarray, lists: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """One scan a query, of all its lists."""
        scores, rows = self._nothing(len(queries), k)
        for query in range(len(queries)):
            ranges = _by_query(lists[query : query + 1], self._offsets).ranges
            best, where = self._scanned(queries[query : query + 1], ranges, k)
            scores[query, : best.shape[1]], rows[query, : best.shape[1]] = best, where
        return scores, rows

    def _scanned_by_pair(self, queries: np.ndarray, lists: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Of residuals: one scan for all pairs of a query and a list that it visits, then the best of each query's."""
        scores, rows = self._nothing(len(queries), k)
        most = max(1, _PAIRS // lists.shape[1])
        for first in range(0, len(queries), most):
            block, some = queries[first : first + most], lists[first : first + most]
            centroids = self.partition.centroids[some.ravel()]
            compared = np.repeat(block, some.shape[1], axis=0)
            if self.metric is Metric.L2:
                compared -= centroids
                share = np.float32(0)
            else:
                share = np.einsum("ij,ij->i", compared, centroids)[:, None]
            pairs = np.arange(some.size + 1)
            ranges = np.column_stack([self._offsets[some.ravel()], self._offsets[some.ravel() + 1]])
            near, where = self._visited(compared, Visits(pairs[:-1], pairs, ranges, pairs), k)
            near, where = (near + share).reshape(len(block), -1), where.reshape(len(block), -1)
            best = np.argsort(-near if self.descending else near, axis=1, kind="stable")[:, :k]
            scores[first : first + most] = np.take_along_axis(near, best, axis=1)
            rows[first : first + most] = np.take_along_axis(where, best, axis=1)
        return scores, rows

    def _scanned_with_shares(self, queries: np.ndarray, lists: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Of residuals under a product, <q, c + r> = <q, c> + <q, r>: one scan a query, whose lists add the first."""
        scores, rows = self._nothing(len(queries), k)
        probes, centroids = lists.shape[1], self.partition.centroids
        most = max(1, _SHARES // probes)
        for first in range(0, len(queries), most):
            block, some = queries[first : first + most], lists[first : first + most]
            if probes * _FEW_LISTS < len(centroids):
                shares = np.einsum("ij,ikj->ik", block, centroids[some])
            else:
                shares = np.take_along_axis(block @ centroids.T, some, axis=1)
            ranges = np.column_stack([self._offsets[some.ravel()], self._offsets[some.ravel() + 1]])
            own = np.arange(len(block) + 1)
            visits = Visits(own[:-1], own, ranges, own * probes, shares.ravel())
            scores[first : first + most], rows[first : first + most] = self._visited(block, visits, k)
        return scores, rows

    def _scanned_by_list(self, queries: np.ndarray, lists: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """One scan a list, for all queries that visit it; the best so far are kept for each query."""
        scores, rows = self._nothing(len(queries), k)
        places = np.argsort(lists, axis=None, kind="stable")
        for same in np.split(places, np.flatnonzero(np.diff(lists.ravel()[places])) + 1):
            number, visiting = lists.ravel()[same[0]], same // lists.shape[1]
            ranges = self._offsets[None, number : number + 2]
            compared, share = queries[visiting], np.float32(0)
            if self.residual and self.metric is Metric.L2:
                compared = compared - self.partition.centroids[number]
            elif self.residual:
                share = (compared @ self.partition.centroids[number])[:, None]
            near, where = self._scanned(compared, ranges, k)
            both = np.concatenate([scores[visiting], near + share], axis=1)
            best = np.argsort(-both if self.descending else both, axis=1, kind="stable")[:, :k]
            scores[visiting] = np.take_along_axis(both, best, axis=1)
            rows[visiting] = np.take_along_axis(np.concatenate([rows[visiting], where], axis=1), best, axis=1)
        return scores, rows

    def _scanned(self, queries: np.ndarray, ranges: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Scores and rows (nq, at most k) of the best in ``ranges`` (r, 2)."""
        count = int((ranges[:, 1] - ranges[:, 0]).sum())
        if count == 0:
            return self._nothing(len(queries), 0)
        if self._scan is not None:
            part = self._scan.within(ranges)
            assert part is not None
            return part._search(queries, min(k, count))
        pieces = [self._codes[low:high] for low, high in ranges]
        part = self._codec.searcher(pieces[0] if len(pieces) == 1 else np.concatenate(pieces))
        scores, places = part._search(queries, min(k, count))
        rows = np.concatenate([np.arange(low, high) for low, high in ranges])
        return scores, np.where(places < 0, -1, rows[places])

    def _nothing(self, count: int, k: int) -> tuple[np.ndarray, np.ndarray]:
        worst = -np.inf if self.descending else np.inf
        return np.full((count, k), worst, np.float32), np.full((count, k), -1, np.int64)

    def _checked(self, probes: int) -> int:
        if int(probes) != probes or probes < 1:
            raise MethodError(f"probes={probes} is not a number of lists; use an integer of at least 1")
        return min(int(probes), self.partition.lists)


def _by_query(lists: np.ndarray, offsets: np.ndarray) -> Visits:
    """One visit a query, of its ``lists`` (nq, probes), ascending; lists that follow each other are one piece."""
    ranges, range_ends = _pieces(lists, offsets)
    if len(lists) == 1:
        return by_all(ranges)
    return Visits(np.arange(len(lists)), np.arange(len(lists) + 1), ranges, range_ends)


@njit(cache=True, nogil=True)
def _pieces(lists: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pieces (r, 2) of rows, and where each query's begin and end (nq + 1,)."""
    ranges, range_ends = np.empty((lists.size, 2), np.int64), np.zeros(len(lists) + 1, np.int64)
    count = 0
    for query in range(len(lists)):
        for number in lists[query]:
            low, high = offsets[number], offsets[number + 1]
            if low < high:
                if count > range_ends[query] and ranges[count - 1, 1] == low:
                    ranges[count - 1, 1] = high
                else:
                    ranges[count, 0], ranges[count, 1] = low, high
                    count += 1
        range_ends[query + 1] = count
    return ranges[:count], range_ends


def _by_list(lists: np.ndarray, offsets: np.ndarray) -> Visits:
    """One visit a list, of all queries that it is among the ``lists`` (nq, probes) of."""
    places = np.argsort(lists, axis=None, kind="stable")
    numbers, counts = np.unique(lists, return_counts=True)
    ranges = np.column_stack([offsets[numbers], offsets[numbers + 1]])
    return Visits(places // lists.shape[1], np.append(0, np.cumsum(counts)), ranges, np.arange(len(numbers) + 1))


def _in_order(codes: np.ndarray, order: np.ndarray, overwrite: bool) -> np.ndarray:
    """``codes[order]``; where they are overwritten, a byte of each is copied at a time."""
    if not overwrite:
        return codes[order]
    for column in codes.T:
        column[:] = column[order]
    return codes
