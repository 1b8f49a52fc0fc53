"""Scans of codes of 1 or 2 bits against such codes, by terms that fit a byte."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels import topk
from methods.kernels.machine.cpu import SHORT_TABLES
from methods.kernels.machine.path import Path, choose
from methods.kernels.scanning import layout, prepare
from methods.kernels.scanning.dot_scan import raise_best
from methods.kernels.scanning.factors import Scales, expand
from methods.kernels.scanning.hamming import planar_batch
from methods.kernels.scanning.ranged import Ranged, all_rows
from methods.kernels.simd.block_select import may_exceed, push_above
from methods.kernels.simd.planar_tile import BLOCK, TABLE, WIDE, planar_tile

__all__ = ["NibbleScan"]


@njit(cache=True, nogil=True)
def _scan(path: Path, documents: tuple, batch: tuple, heaps: np.ndarray, touched: np.ndarray) -> None:
    """Scan by byte-sized terms: a table's (AVX2) or agreeing bits."""
    blocks, entries, halves, scale_table = documents
    queries, nq, rows, table, segments, offsets, unit, unpacks = batch
    nibbles = np.zeros(rows * BLOCK if unpacks else 0, np.uint8)
    sums = np.empty((WIDE, BLOCK), np.int16)
    scale = np.ones(BLOCK, np.float32)
    limits = topk.limits(heaps)
    tile = queries.nbytes // ((nq + WIDE - 1) // WIDE)  # bytes of the queries that a tile serves
    for turn in range(len(touched)):
        block, begin, end = touched[turn, 0], touched[turn, 1], touched[turn, 2]
        docs = blocks[block]
        if unpacks:
            layout.unpack_nibbles(docs, nibbles)
            docs = nibbles
        largest = expand(block, entries, halves, scale_table, scale)
        first = block * BLOCK
        for query in range(0, nq, WIDE):
            if nq == 1:
                planar_tile(path, 1, docs, queries, 0, rows, table, rows, segments[0], sums)
            else:
                place = query // WIDE * tile
                planar_tile(path, 4, docs, queries, place, rows, table, rows, segments[query // WIDE], sums)
            for q in range(query, min(query + WIDE, nq)):
                if may_exceed(sums, q - query, offsets[q], unit, scale, largest, limits[q]):
                    push_above(sums, q - query, (offsets[q], unit), scale, first, begin, end, q, limits, heaps)


@njit(cache=True, nogil=True)
def _taken(batch: tuple, chosen: np.ndarray) -> tuple:
    """The batch of some queries."""
    queries, _, rows, table, segments, offsets, unit, unpacks = batch
    unpacks = unpacks and len(chosen) > 1
    own_offsets = prepare.values_of(offsets, chosen)
    return prepare.taken(queries, chosen), len(chosen), rows, table, segments, own_offsets, unit, unpacks


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
    for visit in range(len(query_ends) - 1):
        chosen = queries[query_ends[visit] : query_ends[visit + 1]]
        part, best = (_taken(batch, chosen), prepare.rows_of(heaps, chosen)) if len(queries) else (batch, heaps)
        touched = layout.touched(ranges[range_ends[visit] : range_ends[visit + 1]])
        _scan(path, documents, part, best, touched)
        prepare.put_rows(heaps, chosen, best)


@njit(cache=True, nogil=True)
def _fold(path: Path, documents: tuple, batch: tuple, owner: np.ndarray, best: np.ndarray) -> None:
    """As :func:`_scan`, the scores of an owner's codes folded into their largest."""
    blocks, entries, halves, scale_table = documents
    queries, nq, rows, table, segments, offsets, unit, unpacks = batch
    nibbles = np.zeros(rows * BLOCK if unpacks else 0, np.uint8)
    sums = np.empty((WIDE, BLOCK), np.int16)
    scale = np.ones(BLOCK, np.float32)
    tile = queries.nbytes // ((nq + WIDE - 1) // WIDE)
    for block in range(len(blocks)):
        docs = blocks[block]
        if unpacks:
            layout.unpack_nibbles(docs, nibbles)
            docs = nibbles
        expand(block, entries, halves, scale_table, scale)
        for query in range(0, nq, WIDE):
            if nq == 1:
                planar_tile(path, 1, docs, queries, 0, rows, table, rows, segments[0], sums)
            else:
                place = query // WIDE * tile
                planar_tile(path, 4, docs, queries, place, rows, table, rows, segments[query // WIDE], sums)
            for q in range(query, min(query + WIDE, nq)):
                raise_best(sums, q - query, (offsets[q], unit), scale, owner, block * BLOCK, best[q])


def _nibble_products() -> tuple[np.ndarray, np.ndarray]:
    """Half of the sums of the products of two dimensions' levels, lifted to be at least 0.

    Returns
    -------
    products : (256,) uint8
        Entry 16 * query nibble + document nibble.
    largest : (16,) uint8
        The largest entry of each query nibble, which is also twice what its entries were lifted by.
    """
    pairs = np.stack(np.divmod(np.arange(16), 4), axis=1) * 2 - 3
    sums = pairs @ pairs.T
    largest = sums.max(axis=1)
    return ((sums + largest[:, None]) // 2).astype(np.uint8).ravel(), largest.astype(np.uint8)


@njit(cache=True)
def _segments(largest: np.ndarray) -> np.ndarray:
    """For every four queries, the most rows (an even number) whose terms sum to at most 255, wherever they start.

    ``largest`` (nq, rows) uint8, nq a multiple of four, is the largest term of every row.
    """
    out = np.empty(len(largest) // WIDE, np.int64)
    for tile in range(len(out)):
        segment, fits = 2 * (255 // 6 // 2 + 1), False  # 6 is the least of the largest terms
        while not fits:
            segment -= 2
            fits = True
            for query in range(tile * WIDE, (tile + 1) * WIDE):
                for first in range(0, largest.shape[1], segment):
                    total = np.int64(0)
                    for row in range(first, min(first + segment, largest.shape[1])):
                        total += np.int64(largest[query, row])
                    if total > 255:
                        fits = False
        out[tile] = segment
    return out


class NibbleScan(Ranged):
    """Codes of 1 or 2 bits a dimension against such codes, by terms that fit a byte.

    One bit: the bits that agree, on any path. Two bits: half of the products of two dimensions at once, looked up
    (AVX2 only: :meth:`suits`).
    """

    def __init__(self, codes: np.ndarray, dim: int, bits: int, factors: Scales, path: str | None) -> None:
        self.path, self.bits, self.size, self.factors = choose(path), bits, len(codes), factors
        self.visits = all_rows(len(codes))
        self.unused = 8 * codes.shape[1] - dim * bits
        self.blocks = layout.planar(codes)
        self.blocks[:, (codes.shape[1] - 1) * BLOCK :] &= np.uint8(256 - 2**self.unused)
        # Unused bits are zero in queries and documents: they agree as bits, and as lowest levels their product is 9.
        self.offset = -dim - 2 * self.unused if bits == 1 else -9 * (self.unused // 2)

    @staticmethod
    def suits(path: str | None, dim: int, bits: int) -> bool:
        """Whether sums stay within 16 bits and the path has what it takes."""
        return (bits == 1 and dim <= 32_000) or (bits == 2 and dim <= 3_600 and choose(path).name in SHORT_TABLES)

    @property
    def nbytes(self) -> int:
        return self.blocks.nbytes

    def search(self, codes: np.ndarray, k: int, threads: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Scores (nq, k) float32 and ids (nq, k) int64 for query codes (nq, size) uint8."""
        path, documents, batch = self._prepare(codes)
        heaps = prepare.run(_visit, path, documents, batch, min(k, self.size), threads, self.visits)
        keys, ids = topk.results(heaps, k)
        return topk.scores(keys), ids

    def fold(self, codes: np.ndarray, owner: np.ndarray, best: np.ndarray) -> None:
        """As :meth:`DotScan.fold`."""
        path, documents, batch = self._prepare(codes)
        _fold(path, documents, batch, owner, best)

    def _prepare(self, codes: np.ndarray) -> tuple[Path, tuple, tuple]:
        """Path, documents and queries as the kernels read them."""
        codes = codes.copy()
        codes[:, -1] &= np.uint8(256 - 2**self.unused)
        offsets = np.full(len(codes), self.offset)
        if self.bits == 1:
            path, batch = planar_batch(codes, self.path, invert=True, together=self.visits.shared)
            queries, nq, rows, table, segment = batch
            segments = np.full(-(-nq // WIDE), segment)
        else:
            path, queries, table, nq = Path(TABLE), prepare.table_queries(codes), _PRODUCTS, len(codes)
            rows, largest = queries.shape[1], _LARGEST[queries >> 4]
            # Queries that are put together later take what suits all.
            segments = _segments(largest) if self.visits.shared else np.full(-(-nq // WIDE), _SAFE_ROWS)
            offsets = offsets - largest[:nq].sum(axis=1, dtype=np.int64)
        unpacks = path.name in ("avx2", TABLE) and nq > 1
        batch = (queries, nq, rows, table, segments, offsets, np.float32(0.25 ** (self.bits - 1)), unpacks)
        return path, (self.blocks, *self.factors.arrays), batch


_PRODUCTS, _LARGEST = _nibble_products()
_SAFE_ROWS = 255 // int(_LARGEST.max()) // 2 * 2
