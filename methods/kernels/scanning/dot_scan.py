"""Scans whose score is linear in a document's symbols: ``(2 * integer_sum + offset) * unit * scale``."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels import topk
from methods.kernels.errors import KernelError
from methods.kernels.machine.path import Path, choose
from methods.kernels.scanning import layout, prepare
from methods.kernels.scanning.factors import Scales, expand
from methods.kernels.scanning.ranged import Ranged, all_rows
from methods.kernels.simd.block_select import may_exceed, push_above
from methods.kernels.simd.dot_tile import dot_tile, packed_dot_tile, unpack_words
from methods.kernels.simd.planar_tile import BLOCK, WIDE

__all__ = ["DotScan", "check_code", "query_weights", "raise_best", "unpack_block"]

MAX_DIM = 65_536  # up to here the integer sum of an SDC score is below 2^24, so a float32 holds it exactly


def check_code(size: int, dim: int, bits: int) -> None:
    """Refuse a code of ``size`` bytes that is not ``dim`` symbols of ``bits`` bits."""
    if bits not in (1, 2, 3, 4):
        raise KernelError(f"bits={bits} is not possible; use 1, 2, 3 or 4 bits a dimension")
    if not 1 <= dim <= MAX_DIM:
        raise KernelError(f"dim={dim} is not possible; use 1 to {MAX_DIM}")
    if size != -(-dim * bits // 8):
        raise KernelError(f"codes of {dim} x {bits} bits take {-(-dim * bits // 8)} bytes, not {size}")


def query_weights(weights: np.ndarray, bits: int, rows: int) -> np.ndarray:
    """Weights (nq, dim) int8 in the order of :func:`.layout.unpack_quads`: (nq, rows * 4) int8."""
    unit = layout.unit_bytes(bits)
    symbols = 8 * unit // bits
    full = np.zeros((len(weights), rows * 4), np.int8)
    full[:, : weights.shape[1]] = weights
    return np.ascontiguousarray(full.reshape(len(weights), rows // symbols, 4, symbols).transpose(0, 1, 3, 2)).reshape(
        full.shape
    )


@njit(cache=True, nogil=True)
def unpack_block(body: np.ndarray, last: np.ndarray, tail: np.ndarray, bits: int, out: np.ndarray) -> None:
    """A packed block into rows of four symbols a word; ``last`` is room for the group that the tail fills in part."""
    unit = 3 if bits == 3 else 1
    groups = len(body) // (unit * BLOCK)
    rest = 1 if len(tail) else 0
    rows = len(out) // BLOCK // (groups + rest)
    end = out[groups * rows * BLOCK :]
    if rest:
        layout.pad_tail(tail, unit, last)
    if bits == 1:
        unpack_words(1, body, groups, out)
        unpack_words(1, last, rest, end)
    elif bits == 2:
        unpack_words(2, body, groups, out)
        unpack_words(2, last, rest, end)
    elif bits == 3:
        unpack_words(3, body, groups, out)
        unpack_words(3, last, rest, end)
    else:
        unpack_words(4, body, groups, out)
        unpack_words(4, last, rest, end)


@njit(cache=True, nogil=True)
def _scan_dot(path: Path, documents: tuple, batch: tuple, heaps: np.ndarray, touched: np.ndarray) -> None:
    """Scan by products: codes unpacked to a byte a dimension, block by block, then multiplied with int8 weights."""
    body, tail, bits, entries, halves, scale_table = documents
    queries, nq, offsets, units, segment = batch
    rows = queries.shape[1] // 4
    unpacked, last = layout.aligned_words(rows * BLOCK), np.empty(3 * BLOCK, np.uint32)
    sums = np.empty((WIDE, BLOCK), np.int32)
    scale = np.ones(BLOCK, np.float32)
    limits = topk.limits(heaps)
    for turn in range(len(touched)):
        block, begin, end = touched[turn, 0], touched[turn, 1], touched[turn, 2]
        unpack_block(body[block], last, tail[block], bits, unpacked)
        largest = expand(block, entries, halves, scale_table, scale)
        first = block * BLOCK
        for query in range(0, nq, WIDE):
            dot_tile(path, 4, unpacked, queries, query * queries.shape[1], rows, rows, segment, sums)
            for q in range(query, min(query + WIDE, nq)):
                if may_exceed(sums, q - query, offsets[q], units[q], scale, largest, limits[q]):
                    push_above(sums, q - query, (offsets[q], units[q]), scale, first, begin, end, q, limits, heaps)


@njit(cache=True, nogil=True)
def _scan_dot_single(path: Path, documents: tuple, batch: tuple, heaps: np.ndarray, touched: np.ndarray) -> None:
    """As :func:`_scan_dot` for one query, whose symbols go from the packed code straight into the products."""
    body, tail, bits, entries, halves, scale_table = documents
    queries, _, offsets, units, segment = batch
    unit, symbols = (3, 8) if bits == 3 else (1, 8 // bits)
    groups = body.shape[1] // (unit * BLOCK)
    step = max(1, segment // symbols)
    last, weights = np.empty(3 * BLOCK, np.uint32), queries[0, groups * symbols * 4 :]
    sums, rest = np.empty((1, BLOCK), np.int32), np.zeros((1, BLOCK), np.int32)
    scale = np.ones(BLOCK, np.float32)
    limits = topk.limits(heaps)
    for turn in range(len(touched)):
        block, begin, end = touched[turn, 0], touched[turn, 1], touched[turn, 2]
        docs = body[block]
        has_tail = 1 if tail.shape[1] else 0
        if has_tail:
            layout.pad_tail(tail[block], unit, last)
        if bits == 1:
            packed_dot_tile(path, 1, docs, queries, groups, step, sums)
            packed_dot_tile(path, 1, last, weights, has_tail, step, rest)
        elif bits == 2:
            packed_dot_tile(path, 2, docs, queries, groups, step, sums)
            packed_dot_tile(path, 2, last, weights, has_tail, step, rest)
        elif bits == 3:
            packed_dot_tile(path, 3, docs, queries, groups, step, sums)
            packed_dot_tile(path, 3, last, weights, has_tail, step, rest)
        else:
            packed_dot_tile(path, 4, docs, queries, groups, step, sums)
            packed_dot_tile(path, 4, last, weights, has_tail, step, rest)
        if has_tail:
            sums += rest
        largest = expand(block, entries, halves, scale_table, scale)
        first = block * BLOCK
        if may_exceed(sums, 0, offsets[0], units[0], scale, largest, limits[0]):
            push_above(sums, 0, (offsets[0], units[0]), scale, first, begin, end, 0, limits, heaps)


@njit(cache=True, nogil=True)
def _taken(batch: tuple, chosen: np.ndarray) -> tuple:
    """The batch of some queries."""
    queries, _, offsets, units, segment = batch
    own_offsets, own_units = prepare.values_of(offsets, chosen), prepare.values_of(units, chosen)
    return prepare.taken(queries, chosen), len(chosen), own_offsets, own_units, segment


@njit(cache=True, nogil=True)
def _visit_dot(
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
        if len(best) == 1:
            _scan_dot_single(path, documents, part, best, touched)
        else:
            _scan_dot(path, documents, part, best, touched)
        prepare.put_rows(heaps, chosen, best)


@njit(cache=True, nogil=True)
def raise_best(
    sums: np.ndarray, row: int, line: tuple, scale: np.ndarray, owner: np.ndarray, first: int, best: np.ndarray
) -> None:
    """Raise ``best[owner[i]]`` to the scores (as of :func:`push_above`) of a block's codes from ``first`` on."""
    offset, unit = np.int32(line[0]), np.float32(line[1])
    for doc in range(min(BLOCK, len(owner) - first)):
        score = np.float32(np.int32(np.int32(2) * np.int32(sums[row, doc]) + offset)) * unit * scale[doc]
        document = owner[first + doc]
        best[document] = max(best[document], score)


@njit(cache=True, nogil=True)
def _fold_dot(path: Path, documents: tuple, batch: tuple, owner: np.ndarray, best: np.ndarray) -> None:
    """As :func:`_scan_dot`, the scores of an owner's codes folded into their largest."""
    body, tail, bits, entries, halves, scale_table = documents
    queries, nq, offsets, units, segment = batch
    rows = queries.shape[1] // 4
    unpacked, last = layout.aligned_words(rows * BLOCK), np.empty(3 * BLOCK, np.uint32)
    sums = np.empty((WIDE, BLOCK), np.int32)
    scale = np.ones(BLOCK, np.float32)
    for block in range(len(body)):
        unpack_block(body[block], last, tail[block], bits, unpacked)
        expand(block, entries, halves, scale_table, scale)
        for query in range(0, nq, WIDE):
            dot_tile(path, 4, unpacked, queries, query * queries.shape[1], rows, rows, segment, sums)
            for q in range(query, min(query + WIDE, nq)):
                raise_best(sums, q - query, (offsets[q], units[q]), scale, owner, block * BLOCK, best[q])


class DotScan(Ranged):
    """Codes of 1..4 bits a dimension against int8 weights, on any path."""

    def __init__(self, codes: np.ndarray, bits: int, factors: Scales, path: str | None) -> None:
        self.path, self.bits, self.size, self.factors = choose(path), bits, len(codes), factors
        self.visits = all_rows(len(codes))
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
        documents, batch = self.prepare(weights, units)
        heaps = prepare.run(_visit_dot, self.path, documents, batch, min(k, self.size), threads, self.visits)
        keys, ids = topk.results(heaps, k)
        return topk.scores(keys), ids

    def fold(self, weights: np.ndarray, units: np.ndarray, owner: np.ndarray, best: np.ndarray) -> None:
        """Raise ``best[q, owner[i]]`` to the score of query q and code i, for all of them; one thread."""
        documents, batch = self.prepare(weights, units)
        _fold_dot(self.path, documents, batch, owner, best)

    def prepare(self, weights: np.ndarray, units: np.ndarray) -> tuple[tuple, tuple]:
        """Documents and queries as the kernels read them."""
        top = 2**self.bits - 1
        largest = int(np.abs(weights.astype(np.int16)).max(initial=1))
        queries = prepare.pad_queries(query_weights(weights, self.bits, self.rows))
        offsets = -top * weights.sum(axis=1, dtype=np.int32)
        segment = max(1, 32767 // (2 * top * largest))
        documents = (self.body, self.tail, self.bits, *self.factors.arrays)
        return documents, (queries, len(weights), offsets, units.astype(np.float32), segment)
