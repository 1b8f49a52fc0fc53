"""From the sums of a block of levels to scores and heaps, where more than a factor belongs to a score."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from methods.kernels import topk
from methods.kernels.simd.planar_tile import BLOCK

__all__ = [
    "expand_lengths",
    "extremes",
    "half_squares",
    "largest_terms",
    "multiply_sizes",
    "product_limit",
    "push_finer",
    "push_nearest",
    "push_scores",
    "size_bytes",
    "staged_scores",
    "sum_stages",
]


@njit(cache=True, nogil=True)
def half_squares(
    words: np.ndarray, wide_rows: int, tops: np.ndarray, squares: np.ndarray, scale: np.ndarray, out: np.ndarray
) -> None:
    """``out[doc] = scale^2 / 2 * sum over rows of squares[row] * sum over the row's dimensions of its integers^2``."""
    # Integer by integer, as they lie in memory: added up for each document only at the end.
    levels, numbers = words.view(np.uint8), words.view(np.int16)
    wide, narrow = np.zeros(2 * BLOCK, np.float32), np.zeros(4 * BLOCK, np.float32)
    for row in range(wide_rows):
        weight, line = squares[row], numbers[2 * BLOCK * row : 2 * BLOCK * (row + 1)]
        for place in range(2 * BLOCK):
            number = np.float32(line[place])
            wide[place] += weight * (number * number)
    for row in range(wide_rows, len(squares)):
        weight, top, fine = squares[row], tops[row - wide_rows], levels[4 * BLOCK * row : 4 * BLOCK * (row + 1)]
        for place in range(4 * BLOCK):
            number = np.float32(np.int32(np.int32(2) * np.int32(fine[place]) - top))
            narrow[place] += weight * (number * number)
    for doc in range(BLOCK):
        low = (narrow[4 * doc] + narrow[4 * doc + 1]) + (narrow[4 * doc + 2] + narrow[4 * doc + 3])
        out[doc] = low + (wide[2 * doc] + wide[2 * doc + 1])
    for doc in range(BLOCK):
        out[doc] *= np.float32(0.5) * scale[doc] * scale[doc]


@njit(cache=True, nogil=True)
def push_nearest(
    sums: np.ndarray,
    row: int,
    line: tuple,
    scale: np.ndarray,
    half_squares: np.ndarray,
    place: tuple,
    limits: np.ndarray,
    heap: np.ndarray,
) -> None:
    """As :func:`methods.kernels.simd.block_select.push_above` for products less half of the document's square."""
    offset, unit = np.int32(line[0]), np.float32(line[1])
    scores = np.empty(BLOCK, np.float32)
    for doc in range(BLOCK):
        product = np.float32(np.int32(np.int32(2) * sums[row, doc]) + offset) * unit * scale[doc]
        scores[doc] = product - half_squares[doc]
    push_scores(scores, place, limits, heap)


@njit(cache=True, nogil=True)
def push_finer(
    sums: np.ndarray,
    row: int,
    line: tuple,
    scale: np.ndarray,
    added: np.ndarray,
    weight: float,
    place: tuple,
    limits: np.ndarray,
    heap: np.ndarray,
) -> None:
    """Products of a query of two rows of weights, ``row`` and the next, plus ``weight`` times ``added`` (64,).

    ``line`` has offset and unit of both rows.
    """
    scores, factor = np.empty(BLOCK, np.float32), np.float32(weight)
    for doc in range(BLOCK):
        coarse = np.float32(np.int32(np.int32(2) * sums[row, doc]) + np.int32(line[0])) * np.float32(line[1])
        fine = np.float32(np.int32(np.int32(2) * sums[row + 1, doc]) + np.int32(line[2])) * np.float32(line[3])
        scores[doc] = (coarse + fine) * scale[doc] + factor * added[doc]
    push_scores(scores, place, limits, heap)


@njit(cache=True, nogil=True)
def expand_lengths(stages: np.ndarray, first: int, tables: np.ndarray, out: np.ndarray) -> None:
    """``out[doc]``: the product of what tables (2, 256) say of stages ``first`` and ``first + 1``; 0 without them."""
    out[:] = 0
    if len(tables):
        for doc in range(BLOCK):
            high, low = stages[first * BLOCK + doc], stages[(first + 1) * BLOCK + doc]
            out[doc] = tables[0, high] * tables[1, low]


@njit(cache=True, nogil=True)
def sum_stages(stages: np.ndarray, first: int, tables: np.ndarray, out: np.ndarray) -> None:
    """``out[doc]``: the sum of what tables (count, 256) say of stages ``first``, ``first + 1``, ...; 0 without them.

    Two stages at once: half of the sums are not written and read again.
    """
    stage = len(tables) % 2
    for doc in range(BLOCK):
        out[doc] = tables[0, stages[first * BLOCK + doc]] if stage else np.float32(0)
    while stage < len(tables):
        high, low, start = tables[stage], tables[stage + 1], (first + stage) * BLOCK
        for doc in range(BLOCK):
            out[doc] += high[stages[start + doc]] + low[stages[start + BLOCK + doc]]
        stage += 2


@njit(cache=True, nogil=True)
def size_bytes(
    stages: np.ndarray, block: int, terms: np.ndarray, offset_tables: np.ndarray, entries: np.ndarray
) -> np.ndarray:
    """The bytes (64,) uint8 that say the sizes of a block's documents: after stages and offsets, or the entries."""
    first = (terms.shape[1] + len(offset_tables)) * BLOCK
    return stages[block, first:] if first < stages.shape[1] else entries[block]


@njit(cache=True, nogil=True)
def multiply_sizes(stored: np.ndarray, sizes: np.ndarray, scale: np.ndarray, inverse: np.ndarray) -> Any:
    """``scale`` (64,) times what ``sizes`` (256,) says of the ``stored`` bytes (64,), their ``inverse`` (64,) written;
    the largest (float32) of the products."""
    most = np.float32(-np.inf)
    for doc in range(BLOCK):
        size = sizes[stored[doc]]
        inverse[doc] = np.float32(1) / size
        scale[doc] *= size
        most = max(most, scale[doc])
    return most


@njit(cache=True, nogil=True)
def extremes(values: np.ndarray) -> tuple[np.float32, np.float32]:
    """The least and the largest of a block's values (64,) float32, none of them NaN.

    Compared as integers that order as the floats do, which is done for many at a time.
    """
    bits, low, high = values.view(np.int32), np.int32(2**31 - 1), np.int32(-(2**31))
    for doc in range(BLOCK):
        key = bits[doc] ^ ((bits[doc] >> np.int32(31)) & np.int32(0x7FFFFFFF))
        low, high = min(low, key), max(high, key)
    return _float_of(low), _float_of(high)


@njit(cache=True, nogil=True)
def _float_of(key: np.int32) -> Any:
    """The float of a key: it is made from its bits as the bits are from it."""
    return np.int32(key ^ ((key >> np.int32(31)) & np.int32(0x7FFFFFFF))).view(np.float32)


@njit(cache=True, nogil=True)
def largest_terms(tables: np.ndarray) -> np.ndarray:
    """Most that tables (nq, stages, 256) can add to a query's products, at least 0: (nq,) float32."""
    most = np.zeros(len(tables), np.float32)
    if tables.shape[1]:
        for query in range(len(tables)):
            for stage in range(tables.shape[1]):
                most[query] += tables[query, stage].max()
            most[query] = max(most[query], np.float32(0))
    return most


@njit(cache=True, nogil=True)
def product_limit(limit: float, weight: Any, low: np.float32, high: np.float32, terms: float) -> Any:
    """A lower bound (float32) of a product with its factor, where the whole score exceeds ``limit``.

    What is added is at most ``terms``, and ``weight`` times a number from ``low`` to ``high``; rounding is allowed for.
    """
    most = max(np.float64(weight) * low, np.float64(weight) * high) + terms
    return np.float32(limit - most - 4e-6 * (abs(limit) + abs(most)))


@njit(cache=True, nogil=True)
def staged_scores(
    sums: np.ndarray,
    row: int,
    line: tuple,
    scale: np.ndarray,
    inverse: np.ndarray,
    stages: np.ndarray,
    tables: np.ndarray,
    scale_all: bool,
    added: np.ndarray,
    weight: float,
    out: np.ndarray,
) -> None:
    """Products, tables' terms at the document's stages, and ``weight`` times ``added``, into ``out`` (64,) float32.

    The factor multiplies product and terms where ``scale_all``, else the product alone. ``scale`` (64,) is then factor
    times size, and ``inverse`` (64,) one over the size, by which terms are not multiplied.
    """
    offset, unit, factor = np.int32(line[0]), np.float32(line[1]), np.float32(weight)
    staged = np.empty(BLOCK, np.float32)
    sum_stages(stages, 0, tables, staged)
    for doc in range(BLOCK):
        product = np.float32(np.int32(np.int32(2) * sums[row, doc]) + offset) * unit
        if scale_all:
            out[doc] = (product + staged[doc] * inverse[doc]) * scale[doc] + factor * added[doc]
        else:
            out[doc] = product * scale[doc] + factor * added[doc] + staged[doc]


@njit(cache=True, nogil=True)
def push_scores(scores: np.ndarray, place: tuple, limits: np.ndarray, heap: np.ndarray) -> None:
    """Push a block's scores (64,) that are above the query's limit; ``place``: the block's first document, the two
    places in it between which documents are pushed, and the query."""
    first, begin, end, query = place
    limit, above = limits[query], np.int32(0)
    for doc in range(BLOCK):  # counted, which is done for many at a time; a running maximum is not
        above += np.int32(scores[doc] > limit)
    if not above:
        return
    for doc in range(begin, end):
        if scores[doc] > limits[query]:
            topk.push(heap, topk.score_key(scores[doc], first + doc))
            limits[query] = topk.key_score(heap[0])
