"""From values to symbols of the nearest level and back, group by group: what the codes of level methods are made by."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.errors import KernelError
from methods.kernels.simd.unpack_symbols import GROUP, pack, unpack

__all__ = ["CELLS", "cell_starts", "decode_levels", "encode_levels"]

CELLS = 640
_PER_UNIT = 64  # cells in a unit: narrower than the least distance of two thresholds of 8 bits
_EDGE = CELLS / (2 * _PER_UNIT)  # cells cover -5..5


def cell_starts(thresholds: np.ndarray) -> np.ndarray:
    """(CELLS,) uint8: thresholds (m,) ascending that lie at or below the left edge of each cell, the first cell's 0.

    A value in a cell then has this symbol, or the next one if it exceeds the next threshold.
    """
    edges = np.arange(CELLS) / _PER_UNIT - _EDGE
    starts = np.searchsorted(thresholds, edges, side="right")
    starts[0] = 0
    if np.diff(starts).max() > 1:
        raise KernelError("two thresholds share a cell; quantizers finer than 8 bits need more cells")
    return starts.astype(np.uint8)


@njit(cache=True, nogil=True)
def encode_levels(
    values: np.ndarray,
    bits: np.ndarray,
    spreads: np.ndarray,
    starts: np.ndarray,
    thresholds: np.ndarray,
    levels: np.ndarray,
    codes: np.ndarray,
    products: np.ndarray,
) -> None:
    """Codes of rows of values, and what their scales follow from.

    Parameters
    ----------
    values : (n, groups * 8) float32
    bits : (groups,) int64
    spreads : (groups,) float32
        Positive; levels are multiples of them.
    starts : (9, CELLS) uint8
        Row b: :func:`cell_starts` of the thresholds of b bits.
    thresholds : (9, 256) float32
        Ends of the symbols' intervals, the last one inf.
    levels : (9, 256) float32
    codes : (n, >= sum of bits) uint8
        Written.
    products : (n, 2) float64
        Written: the products of a row with what it decodes to, and of that with itself.
    """
    symbols = np.empty(GROUP, np.uint8)
    for i in range(len(values)):
        at, with_decoded, square = 0, np.float64(0), np.float64(0)
        for group in range(len(bits)):
            width = bits[group]
            start, threshold, level = starts[width], thresholds[width], levels[width]
            inverse = np.float32(1) / spreads[group]
            cross, own = np.float32(0), np.float32(0)
            for dim in range(GROUP):
                value = values[i, group * GROUP + dim] * inverse
                cell = np.int64(min(max((value + np.float32(_EDGE)) * np.float32(_PER_UNIT), 0), CELLS - 1))
                symbol = start[cell]
                if value > threshold[symbol]:
                    symbol += np.uint8(1)
                symbols[dim] = symbol
                cross += value * level[symbol]
                own += level[symbol] * level[symbol]
            pack(symbols, width, codes[i, at:])
            at += width
            with_decoded += np.float64(cross) * spreads[group] * spreads[group]
            square += np.float64(own) * spreads[group] * spreads[group]
        products[i, 0], products[i, 1] = with_decoded, square


@njit(cache=True, nogil=True)
def decode_levels(
    codes: np.ndarray, bits: np.ndarray, spreads: np.ndarray, levels: np.ndarray, values: np.ndarray
) -> None:
    """Values (n, groups * 8) float32 of codes (n, >= sum of bits) uint8; levels (9, 256) float32."""
    symbols = np.empty(GROUP, np.uint8)
    for i in range(len(codes)):
        at = 0
        for group in range(len(bits)):
            width = bits[group]
            unpack(codes[i, at:], width, symbols)
            at += width
            for dim in range(GROUP):
                values[i, group * GROUP + dim] = levels[width, symbols[dim]] * spreads[group]
