"""Scans of codes whose score is a sum of table entries, one for each of some bytes of a code.

Product codes are such (ADC; Jégou et al. 2011, section 3), and all codes of levels of 1, 2, 4 or 8 bits: what the
indices of one byte add to a score has 256 values. Tables are made for each query; a scan costs one addition a byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from methods.kernels import topk
from methods.kernels.encoding.interval import half
from methods.kernels.errors import KernelError
from methods.kernels.machine.path import Path, choose
from methods.kernels.machine.threads import read_only
from methods.kernels.scanning import prepare
from methods.kernels.scanning.ranged import Ranged, all_rows

__all__ = ["COSINE", "FACTORS", "NORM", "PLAIN", "ByteTableScan", "Scoring", "byte_tables"]

PLAIN, FACTORS, COSINE, NORM = range(4)  # how a code's own numbers enter its score; see Scoring

_BYTE = 256  # values of a byte
_ROWS = 256  # codes whose sums are held at a time
_TABLES = 1 << 22  # bytes of the tables of queries that are scanned for in one call
_NO_SQUARES = np.empty((0, _BYTE), np.float32)
_WIDE = 16  # dimensions of a subvector from which a product of matrices makes the tables
_MINUS_HALF = np.float32(-0.5)


@dataclass(frozen=True)
class Scoring:
    """How a score follows from the sum of a code's entries, and from numbers in the code.

    Attributes
    ----------
    kind : int
        ``PLAIN``: the sum. ``FACTORS``: times a factor, plus ``weight`` times an addend, both float32 in the code.
        ``COSINE``: over the root of the sum of the code's ``squares``, 0 where that is 0. ``NORM``: times a norm,
        float16 in the code, plus ``weight`` times the squared norm and the sum of the code's ``squares``.
    factor_at, addend_at : int
        Bytes of a code at which the factor (or norm) and the addend begin.
    weight : float
    squares : (bytes, 256) float32
        Tables for all queries; for ``COSINE`` and ``NORM``.
    """

    kind: int = PLAIN
    factor_at: int = 0
    addend_at: int = 0
    weight: float = 0.0
    squares: np.ndarray | None = None


@njit(cache=True, nogil=True)
def _add_entries(codes: np.ndarray, tables: np.ndarray, first: int, start: int, sums: np.ndarray) -> None:
    """Add to each of ``sums`` (count,) the entries of a code's bytes from ``first`` on; codes begin at row ``start``.

    Each sum is in the order of the bytes, so that equal codes have equal scores. Eight codes at once: their additions
    do not wait for each other.
    """
    count = len(sums)
    at = 0
    while at + 8 <= count:
        row = start + at
        a, b, c, d = sums[at], sums[at + 1], sums[at + 2], sums[at + 3]
        e, f, g, h = sums[at + 4], sums[at + 5], sums[at + 6], sums[at + 7]
        for place in range(len(tables)):
            table, byte = tables[place], first + place
            a += table[codes[row, byte]]
            b += table[codes[row + 1, byte]]
            c += table[codes[row + 2, byte]]
            d += table[codes[row + 3, byte]]
            e += table[codes[row + 4, byte]]
            f += table[codes[row + 5, byte]]
            g += table[codes[row + 6, byte]]
            h += table[codes[row + 7, byte]]
        sums[at], sums[at + 1], sums[at + 2], sums[at + 3] = a, b, c, d
        sums[at + 4], sums[at + 5], sums[at + 6], sums[at + 7] = e, f, g, h
        at += 8
    for rest in range(at, count):
        total = sums[rest]
        for place in range(len(tables)):
            total += tables[place, codes[start + rest, first + place]]
        sums[rest] = total


@njit(cache=True, nogil=True)
def _add_all(codes: np.ndarray, runs: np.ndarray, tables: np.ndarray, start: int, sums: np.ndarray) -> None:
    """Sums of the entries of all ``runs`` (r, 2) of bytes: the first of each run, and how many."""
    sums[:] = 0
    done = 0
    for run in range(len(runs)):
        count = runs[run, 1]
        _add_entries(codes, tables[done : done + count], runs[run, 0], start, sums)
        done += count


@njit(cache=True, inline="always")
def _single(code: np.ndarray, at: int) -> np.float32:
    """The float32 of four bytes, wherever they lie."""
    low = np.uint32(code[at]) | np.uint32(code[at + 1]) << np.uint32(8)
    high = np.uint32(code[at + 2]) | np.uint32(code[at + 3]) << np.uint32(8)
    return np.uint32(low | high << np.uint32(16)).view(np.float32)


@njit(cache=True, nogil=True)
def _score(documents: tuple, start: int, sums: np.ndarray, squares: np.ndarray) -> None:
    """Sums to scores, in place; ``squares`` (count,) are those of the same codes."""
    codes, _, kind, factor_at, addend_at, weight, _ = documents
    if kind == FACTORS:
        for place in range(len(sums)):
            code = codes[start + place]
            sums[place] = sums[place] * _single(code, factor_at) + weight * _single(code, addend_at)
    elif kind == COSINE:
        for place in range(len(sums)):
            square = squares[place]
            sums[place] = sums[place] * np.float32(1 / np.sqrt(square)) if square > 0 else np.float32(0)
    elif kind == NORM:
        for place in range(len(sums)):
            code = codes[start + place]
            norm = half(code[factor_at], code[factor_at + 1])
            sums[place] = norm * (sums[place] + weight * norm * squares[place])


@njit(cache=True, nogil=True)
def _scan(documents: tuple, tables: np.ndarray, heap: np.ndarray, low: int, high: int, share: np.float32) -> None:
    """The best of rows ``low`` to ``high`` for the query of ``tables`` (bytes, 256), in ``heap`` (k,).

    ``share`` is added to their scores.
    """
    codes, runs, kind, _, _, _, squares = documents
    sums, others = np.empty(_ROWS, np.float32), np.zeros(_ROWS, np.float32)
    limit = topk.key_score(heap[0])
    for start in range(low, high, _ROWS):
        count = min(_ROWS, high - start)
        part = sums[:count]
        _add_all(codes, runs, tables, start, part)
        if len(squares):
            _add_all(codes, runs, squares, start, others[:count])
        if kind != PLAIN:
            _score(documents, start, part, others)
        for place in range(count):
            score = part[place] + share
            if score >= limit and score > -np.inf:
                topk.push(heap, topk.score_key(score, start + place))
                limit = topk.key_score(heap[0])


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
    tables, nq, shares = batch
    for visit in range(len(query_ends) - 1):
        visiting = query_ends[visit + 1] - query_ends[visit] if len(queries) else nq
        for place in range(visiting):
            query = queries[query_ends[visit] + place] if len(queries) else place
            for piece in range(range_ends[visit], range_ends[visit + 1]):
                share = shares[piece] if len(shares) else np.float32(0)
                _scan(documents, tables[query], heaps[query], ranges[piece, 0], ranges[piece, 1], share)


@njit(cache=True, nogil=True)
def _entries(values: np.ndarray, codebooks: np.ndarray, shared: int, distances: bool, entries: np.ndarray) -> None:
    """What each index adds to a score, (nq, M, 2^bits); see :func:`byte_tables`."""
    count, width, size = codebooks.shape
    for query in range(len(entries)):
        for number in range(count):
            for dimension in range(width):
                value = values[query, number // shared * width + dimension]
                for entry in range(size):
                    level = codebooks[number, dimension, entry]
                    added = _MINUS_HALF * (value - level) * (value - level) if distances else value * level
                    entries[query, number, entry] = entries[query, number, entry] + added if dimension else added


@njit(cache=True)
def _half_byte(entries: np.ndarray, first: int, last: int, out: np.ndarray) -> None:
    """Sums (16,) of the entries (M, 2^bits) of indices ``first`` up to ``last``, the first in the lowest bits."""
    out[0], size = 0, 1
    for number in range(first, last):
        for entry in range(entries.shape[1] - 1, -1, -1):
            for place in range(size):
                out[entry * size + place] = out[place] + entries[number, entry]
        size *= entries.shape[1]
    for place in range(size, len(out)):  # unused bits add nothing
        out[place] = out[place % size]


@njit(cache=True, nogil=True)
def _join(entries: np.ndarray, tables: np.ndarray) -> None:
    """Tables (nq, bytes, 256) of the ``entries`` (nq, M, 2, 4 or 16) of 8, 4 or 2 indices in a byte."""
    count, half = entries.shape[1], 4 // _bits_of(entries.shape[2])
    low, high = np.empty(16, np.float32), np.empty(16, np.float32)
    for query in range(len(tables)):
        for byte in range(tables.shape[1]):
            first = 2 * byte * half
            middle = min(count, first + half)
            _half_byte(entries[query], first, middle, low)
            _half_byte(entries[query], middle, min(count, middle + half), high)
            for upper in range(16):
                added = high[upper]
                for lower in range(16):
                    tables[query, byte, 16 * upper + lower] = low[lower] + added


@njit(cache=True)
def _bits_of(entries: int) -> int:
    bits = 0
    while 1 << bits < entries:
        bits += 1
    return bits


def byte_tables(values: np.ndarray, codebooks: np.ndarray, shared: int = 1, distances: bool = False) -> np.ndarray:
    """What each byte adds to a score.

    Parameters
    ----------
    values : (nq, d) float32
        Queries, cut into subvectors of ``width``.
    codebooks : (M, width, 2^bits) float32
        The entries of an index lie along the last axis; ``bits`` is 1, 2, 4 or 8.
    shared : int
        Codebooks, one after the other, that stand for the same subvector.
    distances : bool
        Entries are minus half of squared distances, not products.

    Returns
    -------
    (nq, ceil(M * bits / 8), 256) float32
    """
    count, width, size = codebooks.shape
    values = np.ascontiguousarray(values, np.float32)
    if width >= _WIDE and not distances:
        entries = _products(values, codebooks, shared)
    else:
        entries = np.empty((len(values), count, size), np.float32)
        _entries(values, codebooks, shared, distances, entries)
    if size == _BYTE:
        return entries
    tables = np.empty((len(values), -(-count * (size.bit_length() - 1) // 8), _BYTE), np.float32)
    _join(entries, tables)
    return tables


def _products(values: np.ndarray, codebooks: np.ndarray, shared: int) -> np.ndarray:
    """As :func:`_entries`, by products of matrices."""
    width = codebooks.shape[1]
    cut = values.reshape(len(values), -1, width).transpose(1, 0, 2).repeat(shared, axis=0)
    return np.ascontiguousarray(np.matmul(cut, codebooks).transpose(1, 0, 2))


class ByteTableScan(Ranged):
    """Scans codes by tables of their bytes; adds the shares of its visits.

    Parameters
    ----------
    codes : (n, size) uint8
        Kept as they are where rows are contiguous.
    runs : sequence of (first, count)
        The bytes of a code that have tables, in the tables' order.
    scoring : Scoring
    """

    def __init__(self, codes: np.ndarray, runs: Sequence[tuple[int, int]], scoring: Scoring | None = None) -> None:
        self.codes = read_only(prepare.as_codes(codes, None, "codes"))
        self.runs, self.size = np.array(runs, np.int64).reshape(-1, 2), len(codes)
        if (self.runs < 0).any() or (self.runs.sum(axis=1) > codes.shape[1]).any():
            raise KernelError(f"runs={list(runs)} reach outside of codes of {codes.shape[1]} bytes")
        self.visits = all_rows(self.size)
        given = scoring or Scoring()
        squares = _NO_SQUARES if given.squares is None else np.ascontiguousarray(given.squares, np.float32)
        numbers = (given.kind, given.factor_at, given.addend_at, np.float32(given.weight))
        self._documents = (self.codes, self.runs, *numbers, squares)

    @property
    def width(self) -> int:
        """Bytes of a code that have tables."""
        return int(self.runs[:, 1].sum())

    def search(self, tables: np.ndarray, k: int, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The ``k`` best codes of each query.

        Parameters
        ----------
        tables : (nq, bytes, 256) float32
        k : int
            At least 1.

        Returns
        -------
        scores : (nq, k) float32
            Descending; -inf padded.
        ids : (nq, k) int64
            Rows of the codes; padded with -1. Ties by the smaller row.
        """
        prepare.check_k(k)
        if tables.shape[1:] != (self.width, _BYTE) or tables.dtype != np.float32:
            raise KernelError(
                f"tables must be float32 of shape (nq, {self.width}, {_BYTE}), not {tables.dtype} of {tables.shape}"
            )
        batch = (np.ascontiguousarray(tables), len(tables), np.ascontiguousarray(self.visits.shares))
        heaps = prepare.run(_visit, choose(None), self._documents, batch, min(k, self.size), threads, self.visits)
        keys, ids = topk.results(heaps, k)
        return topk.scores(keys), ids

    def at_once(self) -> int:
        """Queries whose tables are held at a time."""
        return max(1, _TABLES // (4 * _BYTE * max(1, self.width)))
