"""Scans whose score is linear in a document's symbols: ``(2 or so times an integer sum + offset) * unit * scale``."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from methods.errors import MethodError
from methods.kernels import layout, scales, scan, topk
from methods.kernels.path import Path, choose
from methods.kernels.tiles import BLOCK, WIDE, dot_tile, planar_tile

__all__ = ["DotScan", "NibbleScan", "check_code", "query_weights"]

MAX_DIM = 65_536  # up to here the integer sum of an SDC score is below 2^24, so a float32 holds it exactly


def check_code(size: int, dim: int, bits: int) -> None:
    """Refuse a code of ``size`` bytes that is not ``dim`` symbols of ``bits`` bits."""
    if bits not in (1, 2, 3, 4):
        raise MethodError(f"bits={bits} is not possible; use 1, 2, 3 or 4 bits a dimension")
    if not 1 <= dim <= MAX_DIM:
        raise MethodError(f"dim={dim} is not possible; use 1 to {MAX_DIM}")
    if size != -(-dim * bits // 8):
        raise MethodError(f"codes of {dim} x {bits} bits take {-(-dim * bits // 8)} bytes, not {size}")


def query_weights(weights: np.ndarray, bits: int, rows: int) -> np.ndarray:
    """Weights (nq, dim) int8 in the order of :func:`~methods.kernels.layout.unpack_quads`: (nq, rows * 4) int8."""
    unit = layout.unit_bytes(bits)
    symbols = 8 * unit // bits
    full = np.zeros((len(weights), rows * 4), np.int8)
    full[:, : weights.shape[1]] = weights
    return np.ascontiguousarray(full.reshape(len(weights), rows // symbols, 4, symbols).transpose(0, 1, 3, 2)).reshape(
        full.shape
    )


@njit(cache=True, nogil=True)
def _select(sums: np.ndarray, line: tuple, scale: np.ndarray, first: int, size: int, heap: np.ndarray) -> None:
    """Push onto ``heap`` the documents of a block whose score is above the k-th best."""
    factor, offset, unit = np.int32(line[0]), np.int32(line[1]), np.float32(line[2])
    limit = topk.key_score(heap[0])
    hit = False
    for doc in range(BLOCK):
        hit |= np.float32(np.int32(factor * np.int32(sums[doc]) + offset)) * unit * scale[doc] > limit
    if hit:
        for doc in range(size):
            score = np.float32(np.int32(factor * np.int32(sums[doc]) + offset)) * unit * scale[doc]
            if score > limit:
                topk.push(heap, topk.score_key(score, first + doc))


@njit(cache=True, nogil=True)
def _scan_dot(path: Path, documents: tuple, batch: tuple, heaps: np.ndarray, start: int, stop: int) -> None:
    """Scan by products: codes unpacked to a byte a dimension, block by block, then multiplied with int8 weights."""
    body, tail, n, bits, entries, halves, scale_table = documents
    queries, nq, offsets, units, segment = batch
    rows = queries.shape[1] // 4
    unpacked = np.empty(rows * BLOCK, np.uint32)
    sums = np.empty((WIDE, BLOCK), np.int32)
    scale = np.empty(BLOCK, np.float32)
    flat = queries.reshape(-1)
    for block in range(start, stop):
        layout.unpack_quads(body[block], tail[block], bits, unpacked)
        scales.expand(block, entries, halves, scale_table, scale)
        first = block * BLOCK
        size = min(BLOCK, n - first)
        for query in range(0, nq, WIDE):
            place = query * queries.shape[1]
            if nq == 1:
                dot_tile(path, 1, unpacked, flat, place, rows, rows, segment, sums)
            else:
                dot_tile(path, 4, unpacked, flat, place, rows, rows, segment, sums)
            for q in range(query, min(query + WIDE, nq)):
                _select(sums[q - query], (2, offsets[q], units[q]), scale, first, size, heaps[q])


@njit(cache=True, parallel=True)
def _scan_dot_parallel(path: Path, documents: tuple, batch: tuple, heaps: np.ndarray) -> None:
    parts, blocks = len(heaps), len(documents[0])
    for part in prange(parts):
        _scan_dot(path, documents, batch, heaps[part], part * blocks // parts, (part + 1) * blocks // parts)


@njit(cache=True, nogil=True)
def _scan_planar(path: Path, documents: tuple, batch: tuple, heaps: np.ndarray, start: int, stop: int) -> None:
    """Scan by byte-sized terms: a table's (AVX2, nibbles) or differing bits (bytes)."""
    blocks, n, entries, halves, scale_table = documents
    queries, nq, rows, table, segment, factor, offset, unit = batch
    expand = rows * BLOCK != blocks.shape[1]  # the path reads nibbles, two rows a byte
    nibbles = np.empty(rows * BLOCK if expand else 0, np.uint8)
    sums = np.empty((WIDE, BLOCK), np.int16)
    scale = np.empty(BLOCK, np.float32)
    flat = queries.reshape(-1)
    for block in range(start, stop):
        docs = blocks[block]
        if expand:
            layout.unpack_nibbles(docs, nibbles)
            docs = nibbles
        scales.expand(block, entries, halves, scale_table, scale)
        first = block * BLOCK
        size = min(BLOCK, n - first)
        for query in range(0, nq, WIDE):
            place = query * queries.shape[1]
            if nq == 1:
                planar_tile(path, 1, docs, flat, place, rows, table, rows, segment, sums)
            else:
                planar_tile(path, 4, docs, flat, place, rows, table, rows, segment, sums)
            for q in range(query, min(query + WIDE, nq)):
                _select(sums[q - query], (factor, offset, unit), scale, first, size, heaps[q])


@njit(cache=True, parallel=True)
def _scan_planar_parallel(path: Path, documents: tuple, batch: tuple, heaps: np.ndarray) -> None:
    parts, blocks = len(heaps), len(documents[0])
    for part in prange(parts):
        _scan_planar(path, documents, batch, heaps[part], part * blocks // parts, (part + 1) * blocks // parts)


class DotScan:
    """Codes of 1..4 bits a dimension against int8 weights, on any path."""

    def __init__(self, codes: np.ndarray, bits: int, factors: scales.Scales, path: str | None) -> None:
        self.path, self.bits, self.size, self.factors = choose(path), bits, len(codes), factors
        self.body, self.tail = layout.quads(codes, bits)
        unit = layout.unit_bytes(bits)
        self.rows = -(-codes.shape[1] // (4 * unit)) * (8 * unit // bits)

    @property
    def nbytes(self) -> int:
        return self.body.nbytes + self.tail.nbytes

    def search(
        self, weights: np.ndarray, units: np.ndarray, k: int, threads: int | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Scores (nq, k) float32 and ids (nq, k) int64: ``sum of weights * (2 symbol - 2^b + 1) * units * scale``."""
        top = 2**self.bits - 1
        largest = int(np.abs(weights.astype(np.int16)).max(initial=1))
        queries = scan.pad_queries(query_weights(weights, self.bits, self.rows))
        offsets = -top * weights.sum(axis=1, dtype=np.int32)
        segment = max(1, 32767 // (2 * top * largest))
        documents = (self.body, self.tail, self.size, self.bits, *self.factors.arrays)
        batch = (queries, len(weights), offsets, units.astype(np.float32), segment)
        heaps = scan.run(_scan_dot, _scan_dot_parallel, self.path, documents, batch, min(k, self.size), threads)
        keys, ids = topk.results(heaps, k)
        return topk.scores(keys), ids


def _nibble_products() -> np.ndarray:
    """(256,) uint8: entry 16 * query + document is (sum of the products of two dimensions' levels + 18) / 2."""
    pairs = np.stack(np.divmod(np.arange(16), 4), axis=1) * 2 - 3
    return ((pairs @ pairs.T + 18) // 2).astype(np.uint8).ravel()


class NibbleScan:
    """Codes of 1 or 2 bits a dimension against such codes, by terms that fit a byte.

    One bit: the bits that differ, on any path. Two bits: half of the products of two dimensions at once, looked up
    (AVX2 only: :meth:`suits`).
    """

    def __init__(self, codes: np.ndarray, dim: int, bits: int, factors: scales.Scales, path: str | None) -> None:
        from methods.kernels.hamming import NIBBLE_DISTANCES

        self.path, self.dim, self.bits, self.size, self.factors = choose(path), dim, bits, len(codes), factors
        self.blocks = layout.planar(codes)
        self.code_size = codes.shape[1]
        unused = 8 * self.code_size - dim * bits
        self.blocks[:, (self.code_size - 1) * BLOCK :] &= np.uint8(256 - 2**unused)
        avx2 = self.path.name == "avx2"
        self.rows = self.code_size * (2 if avx2 else 1)
        if bits == 1:
            self.table, self.factor, self.offset, largest = NIBBLE_DISTANCES, -2, dim, 4 if avx2 else 8
        else:
            self.table, self.factor, largest = _nibble_products(), 2, 18
            self.offset = -18 * self.rows - 9 * (unused // 2)
        self.segment = 255 // largest

    @staticmethod
    def suits(path: str | None, dim: int, bits: int) -> bool:
        """Whether sums stay within 16 bits and the path has what it takes."""
        return (bits == 1 and dim <= 32_000) or (bits == 2 and dim <= 3_600 and choose(path).name == "avx2")

    @property
    def nbytes(self) -> int:
        return self.blocks.nbytes

    def search(self, codes: np.ndarray, k: int, threads: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Scores (nq, k) float32 and ids (nq, k) int64 for query codes (nq, size) uint8."""
        codes = codes.copy()
        codes[:, -1] &= np.uint8(256 - 2 ** (8 * self.code_size - self.dim * self.bits))
        line = (self.factor, self.offset, np.float32(0.25 ** (self.bits - 1)))
        documents = (self.blocks, self.size, *self.factors.arrays)
        batch = (scan.planar_queries(codes, self.path), len(codes), self.rows, self.table, self.segment, *line)
        heaps = scan.run(_scan_planar, _scan_planar_parallel, self.path, documents, batch, min(k, self.size), threads)
        keys, ids = topk.results(heaps, k)
        return topk.scores(keys), ids
