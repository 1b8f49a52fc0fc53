"""Scalar codes: scanning and decoding without a float copy of the codes.

An *interval* code holds each value as ``lower + step * level``, with the two bounds of the vector's interval as
float16 in its first four bytes; two more bytes may hold an offset along one direction (float16 too). Levels of
``bits`` < 8 lie in planes: with ``width = ceil(dim * bits / 8)`` bytes, dimension ``j`` is in byte ``j % width`` at bit
``bits * (j // width)``. A plane is then a run of consecutive dimensions, which is what lets the compiler use whole
vector registers. A second level of ``residual_bits`` may follow in the same layout; it refines the first by equal steps
over its cell.

A scan expands one code at a time into a row of floats that stays in the first-level cache. The readable
references are :func:`methods.scalar._interval.decode_reference` and the table
``methods.scalar.floating.FLOAT8_VALUES``.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.scanning.expanded_rows import push_row, sort_heaps, visitors

__all__ = [
    "float8_decode",
    "float8_scan",
    "half",
    "interval_decode",
    "interval_scan",
]

_BOUNDS = 4  # bytes of the two float16 bounds, behind which an offset may follow
_NOTHING = np.float32(0)


@njit(cache=True, inline="always")
def half(low: int, high: int) -> np.float32:
    """The finite float16 of two bytes, by placing its bits in a float32 and repairing the exponent."""
    bits = np.uint32(low) | (np.uint32(high) << np.uint32(8))
    magnitude = np.uint32((bits & np.uint32(0x7FFF)) << np.uint32(13)).view(np.float32) * np.float32(2.0**112)
    return -magnitude if bits & np.uint32(0x8000) else magnitude


@njit(cache=True)
def _set_levels(levels: np.ndarray, bits: int, lower: np.float32, step: np.float32, row: np.ndarray) -> None:
    """``row[j] = lower + step * level[j]``."""
    width = len(levels)
    if bits == 8:
        for j in range(len(row)):
            row[j] = lower + step * np.float32(np.int32(levels[j]))
        return
    mask = np.uint8((1 << bits) - 1)
    for plane in range(8 // bits):
        part = row[plane * width : (plane + 1) * width]
        shift = np.uint8(plane * bits)
        for i in range(len(part)):
            part[i] = lower + step * np.float32(np.int32(np.uint8(levels[i] >> shift) & mask))


@njit(cache=True)
def _add_levels(levels: np.ndarray, bits: int, step: np.float32, row: np.ndarray) -> None:
    """``row[j] += step * level[j]``."""
    width = len(levels)
    if bits == 8:
        for j in range(len(row)):
            row[j] += step * np.float32(np.int32(levels[j]))
        return
    mask = np.uint8((1 << bits) - 1)
    for plane in range(8 // bits):
        part = row[plane * width : (plane + 1) * width]
        shift = np.uint8(plane * bits)
        for i in range(len(part)):
            part[i] += step * np.float32(np.int32(np.uint8(levels[i] >> shift) & mask))


@njit(cache=True)
def _interval_row(code: np.ndarray, header: int, bits: int, residual_bits: int, scale: float, row: np.ndarray) -> None:
    """Expand one interval code into ``row`` (dim,) float32; ``scale`` multiplies the stored bounds."""
    lower = half(code[0], code[1]) * np.float32(scale)
    upper = half(code[2], code[3]) * np.float32(scale)
    step = (upper - lower) / np.float32((1 << bits) - 1)
    end = header + (len(row) * bits + 7) // 8
    if residual_bits == 0:
        _set_levels(code[header:end], bits, lower, step, row)
        return
    _set_levels(code[header:end], bits, lower - np.float32(0.5) * step, step, row)
    _add_levels(code[end:], residual_bits, step / np.float32((1 << residual_bits) - 1), row)


@njit(cache=True, inline="always")
def _float8(byte: int) -> np.float32:
    """The value of an e4m3 byte (not NaN): its exponent and mantissa as those of a float32, times 2^120."""
    magnitude = np.uint32(np.uint32(byte & np.uint8(0x7F)) << np.uint32(20))
    sign = np.uint32(np.uint32(byte & np.uint8(0x80)) << np.uint32(24))
    return np.uint32(magnitude | sign).view(np.float32) * np.float32(2.0**120)


@njit(cache=True)
def _float8_row(code: np.ndarray, scale: float, row: np.ndarray) -> None:
    """Expand one float8 code into ``row`` (dim,) float32."""
    for j in range(len(row)):
        row[j] = _float8(code[j]) * np.float32(scale)


@njit(cache=True)
def interval_decode(
    codes: np.ndarray, header: int, bits: int, residual_bits: int, scale: float, rows: np.ndarray
) -> None:
    """Expand interval ``codes`` (n, size) uint8 into ``rows`` (n, dim) float32, before mean and offset are added.

    Levels begin after ``header`` bytes: 4, or 6 with an offset.
    """
    for i in range(len(codes)):
        _interval_row(codes[i], header, bits, residual_bits, scale, rows[i])


@njit(cache=True, nogil=True)
def interval_scan(
    codes: np.ndarray,
    header: int,
    bits: int,
    residual_bits: int,
    scale: float,
    queries: np.ndarray,
    along: np.ndarray,
    l2: bool,
    visits: tuple,
    keys: np.ndarray,
    ids: np.ndarray,
) -> None:
    """The best of interval ``codes`` for ``queries`` (nq, dim) float32: least squared distances, or greatest products.

    ``keys`` (nq, k) float32 come filled with inf and leave sorted: squared distances, or negated inner products.
    ``ids`` (nq, k) int64 are the rows; equal keys are ordered by the smaller row. Levels begin after ``header`` bytes:
    4, or 6 with an offset, of which a product takes ``along`` (nq,) times as much (the query along its direction, times
    its unit). ``visits`` says which queries are compared with which rows: the arrays of :class:`.ranged.Visits`.
    """
    visiting_queries, query_ends, ranges, range_ends = visits
    row, offset = np.empty(queries.shape[1], np.float32), _NOTHING
    for visit in range(len(query_ends) - 1):
        visiting = visitors(visit, visiting_queries, query_ends, len(queries))
        for piece in range(range_ends[visit], range_ends[visit + 1]):
            for i in range(ranges[piece, 0], ranges[piece, 1]):
                _interval_row(codes[i], header, bits, residual_bits, scale, row)
                if header > _BOUNDS:
                    offset = half(codes[i, _BOUNDS], codes[i, _BOUNDS + 1])
                push_row(row, i, visiting, queries, l2, along, offset, keys, ids)
    sort_heaps(keys, ids)


@njit(cache=True)
def float8_decode(codes: np.ndarray, scale: float, rows: np.ndarray) -> None:
    """Expand float8 ``codes`` (n, dim) uint8 into ``rows`` (n, dim) float32."""
    for i in range(len(codes)):
        _float8_row(codes[i], scale, rows[i])


@njit(cache=True, nogil=True)
def float8_scan(
    codes: np.ndarray, scale: float, queries: np.ndarray, l2: bool, visits: tuple, keys: np.ndarray, ids: np.ndarray
) -> None:
    """As :func:`interval_scan`, for float8 ``codes`` (n, dim) uint8."""
    visiting_queries, query_ends, ranges, range_ends = visits
    row, weights = np.empty(queries.shape[1], np.float32), np.zeros(len(queries), np.float32)
    for visit in range(len(query_ends) - 1):
        visiting = visitors(visit, visiting_queries, query_ends, len(queries))
        for piece in range(range_ends[visit], range_ends[visit + 1]):
            for i in range(ranges[piece, 0], ranges[piece, 1]):
                _float8_row(codes[i], scale, row)
                push_row(row, i, visiting, queries, l2, weights, _NOTHING, keys, ids)
    sort_heaps(keys, ids)
