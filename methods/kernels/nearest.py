"""Search by squared distance among recurrent binary codes that keep the lengths of what they decode to."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from methods.kernels import layout, scales, scan, topk
from methods.kernels.adc import quantize_queries
from methods.kernels.dots import dot_tile
from methods.kernels.errors import KernelError
from methods.kernels.level_scores import expand_lengths, push_finer
from methods.kernels.linear import DotScan, check_code, unpack_block
from methods.kernels.path import Path
from methods.kernels.tiles import BLOCK, WIDE

__all__ = ["NearestScanner"]


@njit(cache=True, nogil=True)
def _scan_nearest(path: Path, documents: tuple, batch: tuple, heaps: np.ndarray, start: int, stop: int) -> None:
    """Products as in :mod:`methods.kernels.linear`, of two rows of weights a query, less half of squared lengths."""
    body, tail, n, bits, entries, halves, scale_table, lengths, length_tables = documents
    weights, nq, offsets, units, segment = batch
    rows = weights.shape[1] // 4
    unpacked, last = np.empty(rows * BLOCK, np.uint32), np.empty(3 * BLOCK, np.uint32)
    sums = np.empty((WIDE, BLOCK), np.int32)
    scale, halved = np.ones(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    limits = np.full(nq, -np.inf, np.float32)
    for block in range(start, stop):
        unpack_block(body[block], last, tail[block], bits, unpacked)
        scales.expand(block, entries, halves, scale_table, scale)
        expand_lengths(lengths[block], 0, length_tables, halved)
        for doc in range(BLOCK):
            halved[doc] *= scale[doc] * scale[doc]
        first = block * BLOCK
        size = min(BLOCK, n - first)
        for query in range(0, nq, WIDE // 2):
            dot_tile(path, 4, unpacked, weights, 2 * query * weights.shape[1], rows, rows, segment, sums)
            for q in range(query, min(query + WIDE // 2, nq)):
                line = (offsets[2 * q], units[2 * q], offsets[2 * q + 1], units[2 * q + 1])
                push_finer(sums, 2 * (q - query), line, scale, halved, (first, size, q), limits, heaps[q])


@njit(cache=True, parallel=True)
def _scan_nearest_parallel(path: Path, documents: tuple, batch: tuple, heaps: np.ndarray) -> None:
    parts, blocks = len(heaps), len(documents[0])
    for part in prange(parts):
        _scan_nearest(path, documents, batch, heaps[part], part * blocks // parts, (part + 1) * blocks // parts)


class NearestScanner:
    """Exhaustive search by distance to ``factor * levels``, for real queries; ties by the smaller id.

    Where variances differ much, as those of vectors whose distances are asked for do, weights rounded to int8 lose the
    small ones. So a query has two rows of weights, the second of what rounding the first left over: products of 15 bits
    at twice the price.

    Parameters
    ----------
    codes, dim, bits
        As for :class:`~methods.kernels.sdc.SDCScanner`.
    entries, factors : (n,) uint8, (256,) float32
        Each document's entry in the table of factors.
    lengths, length_tables : (n, 2) uint8, (2, 256) float32
        The product of what the tables say of a document's two is half of the squared length of what its levels decode
        to, before the factor.
    threads, path
        As for :class:`~methods.kernels.sdc.SDCScanner`.

    Attributes
    ----------
    nbytes, padding : int
        Bytes kept (entries and lengths included), and how many of them only fill up the last block.
    """

    def __init__(
        self,
        codes: np.ndarray,
        dim: int,
        bits: int,
        entries: np.ndarray,
        factors: np.ndarray,
        lengths: np.ndarray,
        length_tables: np.ndarray,
        threads: int | None = None,
        path: str | None = None,
    ) -> None:
        codes, lengths = scan.as_codes(codes, None, "codes"), scan.as_codes(lengths, 2, "lengths")
        check_code(codes.shape[1], dim, bits)
        if len(lengths) != len(codes):
            raise KernelError(f"lengths must be {len(codes)} rows; there are {len(lengths)}")
        if length_tables.shape != (2, 256) or length_tables.dtype != np.float32:
            raise KernelError(f"length_tables must be float32 of shape (2, 256), not {length_tables.shape}")
        self.size, self.code_size = codes.shape
        self.dim, self.bits, self.threads = dim, bits, threads
        self.scales = scales.Scales(entries, factors, self.size)
        self._scan = DotScan(codes, bits, self.scales, path)
        self._lengths, self._length_tables = layout.planar(lengths), length_tables
        self.path = self._scan.path

    @property
    def nbytes(self) -> int:
        return self._scan.nbytes + self.scales.nbytes + self._lengths.nbytes

    @property
    def padding(self) -> int:
        return layout.padding(self.size, self.code_size + self.scales.bytes_each + 2)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The ``k`` nearest codes of each query.

        Parameters
        ----------
        queries : (nq, dim) float32
            Finite; what levels are weighed with.
        k : int
            At least 1.

        Returns
        -------
        scores : (nq, k) float32
            Descending: the product less half of the code's squared length; -inf padded.
        ids : (nq, k) int64
            Rows of the codes; padded with -1.
        """
        queries = np.asarray(queries, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise KernelError(f"queries must have shape (nq, {self.dim}), not {queries.shape}")
        scan.check_k(k)
        coarse, units = quantize_queries(queries)
        fine, fine_units = quantize_queries(queries - coarse * units[:, None])
        weights = np.stack([coarse, fine], axis=1).reshape(-1, self.dim)
        both = np.stack([units, fine_units], axis=1).ravel() * np.float32(0.5 ** (self.bits - 1))
        documents, (rows, _, *rest) = self._scan.prepare(weights, both)
        kernels = (_scan_nearest, _scan_nearest_parallel)
        held = (*documents, self._lengths, self._length_tables)
        heaps = scan.run(*kernels, self.path, held, (rows, len(queries), *rest), min(k, self.size), self.threads)
        keys, ids = topk.results(heaps, k)
        return topk.scores(keys), ids
