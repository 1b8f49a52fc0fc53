"""Search of recurrent binary codes by queries of 15 bits, with a length or an offset of each document beside them."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels import topk
from methods.kernels.errors import KernelError
from methods.kernels.machine.path import Path
from methods.kernels.scanning import layout, prepare
from methods.kernels.scanning.adc import quantize_queries
from methods.kernels.scanning.dot_scan import DotScan, check_code, unpack_block
from methods.kernels.scanning.factors import Scales, expand
from methods.kernels.scanning.level_scores import expand_lengths, push_finer, sum_stages
from methods.kernels.scanning.ranged import Ranged, all_rows
from methods.kernels.simd.dot_tile import dot_tile
from methods.kernels.simd.planar_tile import BLOCK, WIDE

__all__ = ["NearestScanner"]


@njit(cache=True, nogil=True)
def _scan_nearest(path: Path, documents: tuple, batch: tuple, heaps: np.ndarray, touched: np.ndarray) -> None:
    """Products as in :mod:`.dot_scan`, of two rows of weights a query, plus weighted offsets."""
    body, tail, bits, entries, halves, scale_table, extra, added_tables, squared = documents
    weights, nq, offsets, units, segment, added_weights = batch
    rows = weights.shape[1] // 4
    unpacked, last = layout.aligned_words(rows * BLOCK), np.empty(3 * BLOCK, np.uint32)
    sums = np.empty((WIDE, BLOCK), np.int32)
    scale, added = np.ones(BLOCK, np.float32), np.zeros(BLOCK, np.float32)
    limits = topk.limits(heaps)
    for turn in range(len(touched)):
        block, begin, end = touched[turn, 0], touched[turn, 1], touched[turn, 2]
        unpack_block(body[block], last, tail[block], bits, unpacked)
        expand(block, entries, halves, scale_table, scale)
        if squared:
            expand_lengths(extra[block], 0, added_tables, added)
            for doc in range(BLOCK):
                added[doc] *= scale[doc] * scale[doc]
        else:
            sum_stages(extra[block], 0, added_tables, added)
        first = block * BLOCK
        for query in range(0, nq, WIDE // 2):
            dot_tile(path, 4, unpacked, weights, 2 * query * weights.shape[1], rows, rows, segment, sums)
            for q in range(query, min(query + WIDE // 2, nq)):
                line = (offsets[2 * q], units[2 * q], offsets[2 * q + 1], units[2 * q + 1])
                where = (first, begin, end, q)
                push_finer(sums, 2 * (q - query), line, scale, added, added_weights[q], where, limits, heaps[q])


@njit(cache=True, nogil=True)
def _taken(batch: tuple, chosen: np.ndarray) -> tuple:
    """The batch of some queries."""
    weights, _, offsets, units, segment, added_weights = batch
    rows = np.empty(2 * len(chosen), np.int64)
    for place in range(len(rows)):
        rows[place] = 2 * chosen[place // 2] + place % 2
    own_offsets, own_units = prepare.values_of(offsets, rows), prepare.values_of(units, rows)
    own_added = prepare.values_of(added_weights, chosen)
    return prepare.taken(weights, rows), len(chosen), own_offsets, own_units, segment, own_added


@njit(cache=True, nogil=True)
def _visit_nearest(
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
    for visit in range(len(query_ends) - 1):
        chosen = queries[query_ends[visit] : query_ends[visit + 1]]
        part, best = (_taken(batch, chosen), prepare.rows_of(heaps, chosen)) if len(queries) else (batch, heaps)
        touched = layout.touched(ranges[range_ends[visit] : range_ends[visit + 1]])
        _scan_nearest(path, documents, part, best, touched)
        prepare.put_rows(heaps, chosen, best)


class NearestScanner(Ranged):
    """Exhaustive search by distance to, or product with, ``factor * levels``, for real queries; ties by the smaller id.

    Where variances differ much, as those of vectors whose distances are sought do, weights rounded to int8 lose the
    small ones. So a query has two rows of weights, the second of what rounding left of the first: products of 15 bits
    at twice the price.

    Parameters
    ----------
    codes, dim, bits
        As for :class:`~methods.kernels.scanning.sdc.SDCScanner`.
    entries, factors : (n,) uint8, (256,) float32
        Each document's entry in the table of factors.
    extra, tables : (n, bytes) uint8, (bytes, 256) float32
        What is kept beside the levels. Where ``squared``, two bytes: the product of what the tables say of them is half
        of the squared length of what the levels decode to, before the factor. Else an offset, the sum of what the
        tables say of its bytes (none: no offset), which is added times a weight of the query.
    squared : bool
        Whether ``extra`` is a squared length, and scores order by distance.
    threads, path
        As for :class:`~methods.kernels.scanning.sdc.SDCScanner`.

    Attributes
    ----------
    nbytes, padding : int
        Bytes kept (entries and what is beside the levels included), and how many of them only fill up the last block.
    """

    def __init__(
        self,
        codes: np.ndarray,
        dim: int,
        bits: int,
        entries: np.ndarray,
        factors: np.ndarray,
        extra: np.ndarray,
        tables: np.ndarray,
        squared: bool = True,
        threads: int | None = None,
        path: str | None = None,
    ) -> None:
        codes, extra = prepare.as_codes(codes, None, "codes"), prepare.as_codes(extra, None, "extra")
        check_code(codes.shape[1], dim, bits)
        if len(extra) != len(codes) or (squared and extra.shape[1] != 2):
            raise KernelError(f"extra must be {len(codes)} rows, of 2 bytes where squared, not {extra.shape}")
        if tables.shape != (extra.shape[1], 256) or tables.dtype != np.float32:
            raise KernelError(f"tables must be float32 of shape ({extra.shape[1]}, 256), not {tables.shape}")
        self.size, self.code_size = codes.shape
        self.visits = all_rows(self.size)
        self.dim, self.bits, self.threads = dim, bits, threads
        self.scales = Scales(entries, factors, self.size)
        self._scan = DotScan(codes, bits, self.scales, path)
        self._extra, self._tables, self.squared = layout.planar(extra), np.ascontiguousarray(tables), bool(squared)
        self.path = self._scan.path

    @property
    def nbytes(self) -> int:
        return self._scan.nbytes + self.scales.nbytes + self._extra.nbytes

    @property
    def padding(self) -> int:
        return layout.padding(self.size, self.code_size + self.scales.bytes_each + len(self._tables))

    def search(self, queries: np.ndarray, k: int, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The ``k`` nearest codes of each query.

        Parameters
        ----------
        queries : (nq, dim) float32
            Finite; what levels are multiplied with.
        k : int
            At least 1.
        weights : (nq,) float32
            What documents' offsets are multiplied with; 1 where it is not given, and not for squared lengths.

        Returns
        -------
        scores : (nq, k) float32
            Descending: the product plus the weighted offset, or less half of the squared length; -inf padded.
        ids : (nq, k) int64
            Rows of the codes; padded with -1.
        """
        queries = np.asarray(queries, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise KernelError(f"queries must have shape (nq, {self.dim}), not {queries.shape}")
        prepare.check_k(k)
        coarse, units = quantize_queries(queries)
        fine, fine_units = quantize_queries(queries - coarse * units[:, None])
        rounded = np.stack([coarse, fine], axis=1).reshape(-1, self.dim)
        both = np.stack([units, fine_units], axis=1).ravel() * np.float32(0.5 ** (self.bits - 1))
        documents, (rows, _, *rest) = self._scan.prepare(rounded, both)
        added = np.full(len(queries), -1 if self.squared else 1, np.float32)
        if weights is not None and not self.squared:
            added = np.ascontiguousarray(weights, np.float32)
        documents, batch = (*documents, self._extra, self._tables, self.squared), (rows, len(queries), *rest, added)
        heaps = prepare.run(_visit_nearest, self.path, documents, batch, min(k, self.size), self.threads, self.visits)
        keys, ids = topk.results(heaps, k)
        return topk.scores(keys), ids
