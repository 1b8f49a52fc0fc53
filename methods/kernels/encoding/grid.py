"""Codes on uniform grids of half-integers, one segment of dimensions after the other, each with a factor of its own.

A code is ``[offset: float16] [factor: a byte a segment] [symbols, packed as methods.kernels.simd.unpack_symbols
says]``. Symbol s of b bits stands for the level ``s - 2^(b-1) + 1/2``; a segment's levels are multiplied with its
factor.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.encoding.interval import half
from methods.kernels.heap import push
from methods.kernels.scanning.expanded_rows import sort_heaps, visitors
from methods.kernels.simd.unpack_symbols import GROUP, pack, planes, unpack

__all__ = ["OFFSET_BYTES", "byte_tables", "decode_grid", "encode_grid", "scan_grid"]

OFFSET_BYTES = 2
_LEAST_STEP = 0.3  # of the step at which a grid reaches the largest value


@njit(cache=True, nogil=True)
def _round_to(values: np.ndarray, step: float, half: int, levels: np.ndarray) -> tuple[float, float]:
    """The levels nearest to ``values / step``, within the grid; their products with the values and with themselves."""
    cross, own, inverse, most = np.float64(0), np.float64(0), np.float64(1) / step, np.float64(half) - 0.5
    for j in range(len(values)):
        level = min(max(np.floor(values[j] * inverse) + 0.5, -most), most)
        levels[j] = level
        cross += values[j] * level
        own += level * level
    return cross, own


@njit(cache=True, nogil=True)
def _adjust(
    values: np.ndarray, half: int, rounds: int, levels: np.ndarray, cross: float, own: float
) -> tuple[float, float]:
    """Coordinate descent on the angle between values and levels: a level moves by one while the cosine rises."""
    most = np.float64(half) - 0.5
    for _ in range(rounds):
        moved = False
        for j in range(len(values)):
            value = np.float64(values[j])
            for way in (1.0, -1.0):
                while abs(levels[j] + way) <= most:
                    new_cross, new_own = cross + way * value, own + 2 * way * levels[j] + 1
                    if new_cross <= 0 or new_cross * new_cross * own <= cross * cross * new_own * (1 + 1e-9):
                        break
                    levels[j] += way
                    cross, own, moved = new_cross, new_own, True
        if not moved:
            break
    return cross, own


@njit(cache=True, nogil=True)
def _fill(values: np.ndarray, bits: int, tries: int, rounds: int, levels: np.ndarray, trial: np.ndarray) -> tuple:
    """Levels of one segment, and their products with the values and with themselves."""
    half = 1 << (bits - 1)
    largest = np.float64(0)
    for j in range(len(values)):
        largest = max(largest, abs(np.float64(values[j])))
    if largest < 1e-30:
        levels[:] = 0.5
        return 0.0, 0.25 * len(values)
    cross, own = _round_to(values, largest / half, half, levels)
    for attempt in range(1, tries if bits > 1 else 1):
        step = largest / half * (1 - (1 - _LEAST_STEP) * attempt / (tries - 1))
        new_cross, new_own = _round_to(values, step, half, trial)
        if new_cross * new_cross * own > cross * cross * new_own:
            cross, own = new_cross, new_own
            levels[:] = trial
    if bits > 1:
        cross, own = _adjust(values, half, rounds, levels, cross, own)
    return cross, own


@njit(cache=True, nogil=True)
def encode_grid(
    values: np.ndarray,
    ends: np.ndarray,
    bits: np.ndarray,
    tries: int,
    rounds: int,
    codes: np.ndarray,
    products: np.ndarray,
) -> None:
    """Symbols of rows of values, and what factors follow from.

    Parameters
    ----------
    values : (n, width) float32
        Width is a multiple of 8, and so is every end.
    ends, bits : (segments,) int64
        Where segments end, and the bits of their symbols.
    tries : int
        Steps that are tried for the grid of a segment: 1 takes the one whose ends lie at the largest value.
    rounds : int
        Most rounds of coordinate descent after that.
    codes : (n, sum of bits times groups) uint8
        Written: the symbols.
    products : (n, segments, 3) float64
        Written: products of values with themselves, of values with levels, of levels with themselves.
    """
    width = values.shape[1]
    levels, trial, symbols = np.empty(width, np.float64), np.empty(width, np.float64), np.empty(GROUP, np.uint8)
    for i in range(len(values)):
        at = start = 0
        for segment in range(len(ends)):
            end, half = ends[segment], np.float64(1 << (bits[segment] - 1))
            row = values[i, start:end]
            square = np.float64(0)
            for j in range(len(row)):
                square += np.float64(row[j]) * row[j]
            cross, own = _fill(row, bits[segment], tries, rounds, levels[start:end], trial[start:end])
            products[i, segment, 0], products[i, segment, 1], products[i, segment, 2] = square, cross, own
            for first in range(start, end, GROUP):
                for j in range(GROUP):
                    symbols[j] = np.uint8(levels[first + j] + half - 0.5)
                pack(symbols, bits[segment], codes[i, at:])
                at += bits[segment]
            start = end


@njit(cache=True, nogil=True)
def _expand(code: np.ndarray, ends: np.ndarray, bits: np.ndarray, tables: np.ndarray, row: np.ndarray) -> None:
    """Levels times factors of one code into ``row`` (width,) float32."""
    symbols = np.empty(GROUP, np.uint8)
    at, start = OFFSET_BYTES + len(ends), 0
    for segment in range(len(ends)):
        factor = tables[segment, code[OFFSET_BYTES + segment]]
        middle = np.float32(1 << (bits[segment] - 1)) - np.float32(0.5)
        for first in range(start, ends[segment], GROUP):
            unpack(code[at:], bits[segment], symbols)
            at += bits[segment]
            for j in range(GROUP):
                row[first + j] = (np.float32(symbols[j]) - middle) * factor
        start = ends[segment]


@njit(cache=True, nogil=True)
def decode_grid(codes: np.ndarray, ends: np.ndarray, bits: np.ndarray, tables: np.ndarray, values: np.ndarray) -> None:
    """Values (n, width) float32 of whole codes (n, code_size) uint8; ``tables`` (segments, 256): factors of bytes."""
    for i in range(len(codes)):
        _expand(codes[i], ends, bits, tables, values[i])


def byte_tables(queries: np.ndarray, ends: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """What each byte of symbols adds to the products of queries with symbols, (nq, symbol bytes, 256) float32.

    Symbols are sums of the parts that lie in their planes, so that every byte adds on its own.

    Parameters
    ----------
    queries : (nq, width) float32
    ends, bits : (segments,) int64
    """
    tables = np.empty((len(queries), int((np.diff(ends, prepend=0) // GROUP * bits).sum()), 256), np.float32)
    at = start = 0
    for end, width in zip(ends, bits):
        groups, left, byte = (end - start) // GROUP, int(width), 0
        own = queries[:, start:end].reshape(len(queries), groups, GROUP)
        block = tables[:, at : at + groups * width].reshape(len(queries), groups, width, 256)
        for plane in planes(int(width)):
            left -= plane
            shifts = plane * np.arange(GROUP // plane)
            parts = (np.arange(256) >> shifts[:, None] & (1 << plane) - 1).astype(np.float32) * np.float32(1 << left)
            # Byte j of a plane holds dimensions j, j + plane, ...
            dims = own.reshape(len(queries), groups, GROUP // plane, plane).swapaxes(2, 3)
            block[:, :, byte : byte + plane] = dims @ parts
            byte += plane
        tables[:, at : at + groups * width] = block.reshape(len(queries), groups * width, 256)
        at, start = at + groups * width, end
    return tables


@njit(cache=True, nogil=True)
def scan_grid(
    codes: np.ndarray,
    counts: np.ndarray,
    factors: np.ndarray,
    offsets: np.ndarray,
    weights: np.ndarray,
    tables: np.ndarray,
    middles: np.ndarray,
    visits: tuple,
    keys: np.ndarray,
    ids: np.ndarray,
) -> None:
    """The codes of the largest ``<query, values> + weight * offset``.

    ``keys`` come filled with inf and take the negatives, in order; equal ones are ordered by the smaller id.

    Parameters
    ----------
    codes : (n, code_size) uint8
    counts : (segments,) int64
        Bytes of each segment's symbols.
    factors : (segments, 256) float32
        Of the factors' bytes.
    offsets : (2,) float32
        Middle and unit of the offsets of codes.
    weights : (nq,) float32
    tables : (nq, symbol bytes, 256) float32
        See :func:`byte_tables`.
    middles : (nq, segments) float32
        Products of the queries with what a symbol of zeros is short of the middle of the grid.
    visits : tuple
        Which queries are compared with which rows: the arrays of :class:`.ranged.Visits`.
    keys, ids : (nq, k) float32 and int64
    """
    queries, query_ends, ranges, range_ends = visits
    for visit in range(len(query_ends) - 1):
        for query in visitors(visit, queries, query_ends, len(keys)):
            own, best, labels = tables[query], keys[query], ids[query]
            for piece in range(range_ends[visit], range_ends[visit + 1]):
                for i in range(ranges[piece, 0], ranges[piece, 1]):
                    stored = half(codes[i, 0], codes[i, 1]) * offsets[1] + offsets[0]
                    key = -(stored * weights[query] + _product(codes[i], counts, factors, own, middles[query]))
                    if key < best[0]:
                        push(best, labels, key, i)
    sort_heaps(keys, ids)


@njit(cache=True, nogil=True, inline="always")
def _product(
    code: np.ndarray, counts: np.ndarray, factors: np.ndarray, tables: np.ndarray, middles: np.ndarray
) -> np.float32:
    """The product of a query with the values of a code, from the query's tables."""
    total, at, header = np.float32(0), 0, OFFSET_BYTES + len(counts)
    for segment in range(len(counts)):
        first, second, end = np.float32(0), np.float32(0), at + counts[segment]
        while at + 1 < end:
            first += tables[at, code[header + at]]
            second += tables[at + 1, code[header + at + 1]]
            at += 2
        if at < end:
            first += tables[at, code[header + at]]
            at += 1
        total += factors[segment, code[OFFSET_BYTES + segment]] * (first + second - middles[segment])
    return total
