"""Codes with non-uniform levels of their own for each subvector: one of 256 sets of levels between its two bounds.

A code is, for each subvector, ``[lower: float16] [upper: float16] [set of levels: uint8]``, and then the symbols,
packed as :mod:`methods.kernels.simd.unpack_symbols` says. Symbol s stands for ``lower + (upper - lower) * levels[set,
s]``. Bounds are multiples of one global scale.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.encoding.interval import half
from methods.kernels.scanning.expanded_rows import push_row, sort_heaps, visitors
from methods.kernels.simd.unpack_symbols import GROUP, pack, unpack

__all__ = ["CELLS", "HEADER_BYTES", "cell_starts", "decode_nonuniform", "encode_nonuniform", "scan_nonuniform"]

HEADER_BYTES = 5  # of a subvector
CELLS = 512
_EVERY = 4  # growth rates of which one is tried first


def cell_starts(thresholds: np.ndarray) -> np.ndarray:
    """(sets, CELLS) uint8: of thresholds (sets, symbols) within 0..1, ascending and closed by inf, how many lie at or
    below the left edge of each cell."""
    edges = np.arange(CELLS) / CELLS
    return np.stack([np.searchsorted(row[:-1], edges, side="right") for row in thresholds]).astype(np.uint8)


@njit(cache=True, nogil=True)
def _symbol(place: np.float32, starts: np.ndarray, thresholds: np.ndarray) -> np.int64:
    """The symbol of the nearest level to a place within 0..1."""
    cell = min(int(place * np.float32(CELLS)), CELLS - 1)
    symbol = np.int64(starts[cell])
    while place > thresholds[symbol]:
        symbol += 1
    return symbol


@njit(cache=True, nogil=True)
def _error(places: np.ndarray, starts: np.ndarray, thresholds: np.ndarray, levels: np.ndarray) -> np.float32:
    total = np.float32(0)
    for j in range(len(places)):
        difference = places[j] - levels[_symbol(places[j], starts, thresholds)]
        total += difference * difference
    return total


@njit(cache=True, nogil=True)
def _best_set(
    places: np.ndarray, midpoints: int, starts: np.ndarray, thresholds: np.ndarray, levels: np.ndarray
) -> int:
    """The set of least error: of every fourth growth rate with all midpoints, and then of those about the best."""
    rates, best, least = len(levels) // midpoints, 0, np.float32(np.inf)
    for index in range(len(levels)):
        if index // midpoints % _EVERY == 0:
            error = _error(places, starts[index], thresholds[index], levels[index])
            if error < least:
                best, least = index, error
    rate, midpoint = best // midpoints, best % midpoints
    for near in range(max(rate - _EVERY + 1, 0), min(rate + _EVERY, rates)):
        for beside in range(max(midpoint - 1, 0), min(midpoint + 2, midpoints)):
            index = near * midpoints + beside
            error = _error(places, starts[index], thresholds[index], levels[index])
            if error < least:
                best, least = index, error
    return best


@njit(cache=True, nogil=True)
def encode_nonuniform(
    values: np.ndarray,
    ends: np.ndarray,
    bounds: np.ndarray,
    midpoints: int,
    bits: int,
    starts: np.ndarray,
    thresholds: np.ndarray,
    levels: np.ndarray,
    sets: np.ndarray,
    codes: np.ndarray,
) -> None:
    """The set of levels of each subvector and the symbols.

    Parameters
    ----------
    values : (n, dim) float32
    ends : (subvectors,) int64
        All but the last are multiples of 8.
    bounds : (n, subvectors, 2) float32
    midpoints : int
        Sets are ordered by growth rate, and then by so many midpoints.
    bits : int
    starts, thresholds, levels : (256, CELLS) uint8, (256, 2^bits) float32, (256, 2^bits) float32
        See :func:`cell_starts`; thresholds lie between the levels.
    sets : (n, subvectors) uint8
        Written.
    codes : (n, bytes of symbols) uint8
        Written.
    """
    dim = values.shape[1]
    places, symbols = np.empty(dim, np.float32), np.empty(GROUP, np.uint8)
    for i in range(len(values)):
        at = start = 0
        for subvector in range(len(ends)):
            end, lower, upper = ends[subvector], bounds[i, subvector, 0], bounds[i, subvector, 1]
            inverse = np.float32(1) / (upper - lower) if upper > lower else np.float32(0)
            for j in range(start, end):
                places[j] = min(max((values[i, j] - lower) * inverse, np.float32(0)), np.float32(1))
            index = _best_set(places[start:end], midpoints, starts, thresholds, levels)
            sets[i, subvector] = index
            for group in range(start, end, GROUP):
                for j in range(GROUP):
                    inside = group + j < end
                    symbols[j] = _symbol(places[group + j], starts[index], thresholds[index]) if inside else 0
                pack(symbols, bits, codes[i, at:])
                at += bits
            start = end


@njit(cache=True, nogil=True)
def _expand(code: np.ndarray, ends: np.ndarray, bits: int, scale: float, levels: np.ndarray, row: np.ndarray) -> None:
    """One code into ``row`` (dim,) float32."""
    symbols = np.empty(GROUP, np.uint8)
    at, start = HEADER_BYTES * len(ends), 0
    for subvector in range(len(ends)):
        head = HEADER_BYTES * subvector
        lower = half(code[head], code[head + 1]) * np.float32(scale)
        width = half(code[head + 2], code[head + 3]) * np.float32(scale) - lower
        own = levels[code[head + 4]]
        for group in range(start, ends[subvector], GROUP):
            unpack(code[at:], bits, symbols)
            at += bits
            for j in range(min(GROUP, ends[subvector] - group)):
                row[group + j] = lower + width * own[symbols[j]]
        start = ends[subvector]


@njit(cache=True, nogil=True)
def decode_nonuniform(
    codes: np.ndarray, ends: np.ndarray, bits: int, scale: float, levels: np.ndarray, rows: np.ndarray
) -> None:
    """Expand codes (n, size) uint8 into ``rows`` (n, dim) float32, before the mean is added."""
    for i in range(len(codes)):
        _expand(codes[i], ends, bits, scale, levels, rows[i])


@njit(cache=True, nogil=True)
def scan_nonuniform(
    codes: np.ndarray,
    ends: np.ndarray,
    bits: int,
    scale: float,
    levels: np.ndarray,
    queries: np.ndarray,
    l2: bool,
    visits: tuple,
    keys: np.ndarray,
    ids: np.ndarray,
) -> None:
    """As :func:`methods.kernels.encoding.interval.interval_scan`, for these codes."""
    visiting_queries, query_ends, ranges, range_ends = visits
    row, weights = np.empty(queries.shape[1], np.float32), np.zeros(len(queries), np.float32)
    for visit in range(len(query_ends) - 1):
        visiting = visitors(visit, visiting_queries, query_ends, len(queries))
        for piece in range(range_ends[visit], range_ends[visit + 1]):
            for i in range(ranges[piece, 0], ranges[piece, 1]):
                _expand(codes[i], ends, bits, scale, levels, row)
                push_row(row, i, visiting, queries, l2, weights, np.float32(0), keys, ids)
    sort_heaps(keys, ids)
