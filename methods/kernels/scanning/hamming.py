"""Hamming distances of packed codes, the k smallest of a scan."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels import topk
from methods.kernels.errors import KernelError
from methods.kernels.machine.cpu import SHORT_TABLES
from methods.kernels.machine.path import Path, choose
from methods.kernels.scanning import layout, prepare
from methods.kernels.scanning.ranged import Ranged, all_rows
from methods.kernels.simd.block_select import NO_DISTANCE, any_below, push_below
from methods.kernels.simd.planar_tile import BLOCK, TRIPLE, WIDE, planar_tile

__all__ = ["HammingScanner"]

LONGEST = 4095  # bytes: distances up to 32,760 are summed in 16 bits


def _pair_distances() -> np.ndarray:
    """Distances between nibbles, for two queries at once: (4096,) uint8.

    Entry ``16 * first + second`` of 16 bytes (the document's nibble) has the first query's distance in the low half
    and the second's in the high half.
    """
    distances = np.bitwise_count(np.arange(16)[:, None] ^ np.arange(16)).astype(np.uint8)
    return (distances[:, None, :] | distances[None, :, :] << 4).ravel()


_PAIR_DISTANCES = _pair_distances()


def planar_batch(codes: np.ndarray, path: Path, invert: bool = False, together: bool = True) -> tuple[Path, tuple]:
    """The path to take for these query codes, and (queries, nq, rows, table, segment) for it.

    The terms are the bits that differ, or with ``invert`` those that agree. A single query takes the generic tile, and
    so do several that do not scan ``together``: AVX2 has them in pairs.
    """
    codes = ~codes if invert else codes
    if path.name not in SHORT_TABLES or len(codes) == 1 or not together:
        path = Path("portable") if path.name == "avx2" else path
        queries = prepare.byte_queries(codes)
        return path, (queries, len(codes), codes.shape[1], _PAIR_DISTANCES, 255 // 8)
    queries = prepare.pair_queries(codes)
    return Path("avx2"), (queries, len(codes), queries.shape[1], _PAIR_DISTANCES, 255 // (4 * TRIPLE) * TRIPLE)


@njit(cache=True, nogil=True)
def _limits(heaps: np.ndarray) -> np.ndarray:
    """The largest distance (nq,) int16 of each query's best so far."""
    limits = np.empty(len(heaps), np.int16)
    for query in range(len(heaps)):
        limits[query] = min(heaps[query, 0] >> 32, np.int64(NO_DISTANCE))
    return limits


@njit(cache=True, nogil=True)
def _scan(path: Path, documents: tuple, batch: tuple, heaps: np.ndarray, touched: np.ndarray) -> None:
    """Scan the blocks that are :func:`.layout.touched`; the best of each query stay in ``heaps`` (nq, k) int64."""
    (blocks,) = documents
    queries, nq, rows, table, segment = batch
    unpacks = rows * BLOCK != blocks.shape[1]  # the path reads nibbles, two rows a byte
    nibbles = np.zeros(rows * BLOCK if unpacks else 0, np.uint8)
    sums = np.empty((WIDE, BLOCK), np.int16)
    limits = _limits(heaps)
    tile = queries.nbytes // ((nq + WIDE - 1) // WIDE)  # bytes of the queries that a tile serves
    for turn in range(len(touched)):
        block, begin, end = touched[turn, 0], touched[turn, 1], touched[turn, 2]
        docs = blocks[block]
        if unpacks:
            layout.unpack_nibbles(docs, nibbles)
            docs = nibbles
        first = block * BLOCK
        for query in range(0, nq, WIDE):
            if nq == 1:
                planar_tile(path, 1, docs, queries, 0, rows, table, rows, segment, sums)
            else:
                place = query // WIDE * tile
                planar_tile(path, 4, docs, queries, place, rows, table, rows, segment, sums)
            for q in range(query, min(query + WIDE, nq)):
                if any_below(sums, q - query, limits[q]):
                    push_below(sums, q - query, first, begin, end, q, limits, heaps)


@njit(cache=True, nogil=True)
def _taken(batch: tuple, chosen: np.ndarray) -> tuple:
    """The batch of some queries."""
    queries, _, rows, table, segment = batch
    return prepare.taken(queries, chosen), len(chosen), rows, table, segment


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


class HammingScanner(Ranged):
    """Exhaustive search by Hamming distance; equal distances are ordered by the smaller id.

    Parameters
    ----------
    codes : (n, size) uint8
        At most 4,095 bytes each. They are copied into a layout for scanning: blocks of 64 documents, byte by byte.
    threads : int, optional
        Threads a search uses; numba's setting where not given.
    path : {"portable", "avx2", "avx512_vnni", "avx512"}, optional
        By default ``BENCH_KERNELS``, else the fastest that the CPU supports.

    Attributes
    ----------
    nbytes, padding : int
        Bytes kept, and how many of them only fill up the last block.
    """

    def __init__(self, codes: np.ndarray, threads: int | None = None, path: str | None = None) -> None:
        codes = prepare.as_codes(codes, None, "codes")
        if not 1 <= codes.shape[1] <= LONGEST:
            raise KernelError(f"codes of {codes.shape[1]} bytes cannot be scanned; use 1 to {LONGEST}")
        self.size, self.code_size = codes.shape
        self.visits = all_rows(self.size)
        self.threads, self.path = threads, choose(path)
        self.blocks = layout.planar(codes)

    @property
    def nbytes(self) -> int:
        return self.blocks.nbytes

    @property
    def padding(self) -> int:
        return layout.padding(self.size, self.code_size)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The ``k`` nearest codes of each query.

        Parameters
        ----------
        queries : (nq, size) uint8
        k : int
            At least 1.

        Returns
        -------
        distances : (nq, k) int32
            Ascending; padded with int32's largest value where k exceeds the number of codes.
        ids : (nq, k) int64
            Rows of the codes; padded with -1.
        """
        queries = prepare.as_codes(queries, self.code_size, "queries")
        prepare.check_k(k)
        path, batch = planar_batch(queries, self.path, together=self.visits.shared)
        heaps = prepare.run(_visit, path, (self.blocks,), batch, min(k, self.size), self.threads, self.visits)
        keys, ids = topk.results(heaps, k)
        return topk.distances(keys), ids
