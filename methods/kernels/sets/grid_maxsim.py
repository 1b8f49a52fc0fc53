"""The largest score of each set's codes on grids (:mod:`methods.kernels.encoding.grid`), which stay as they are.

A block of 64 codes becomes integer levels once for all vectors of a query, in memory that stays in the cache. Every
segment has a factor of its own in each code, so that a segment's products are summed, and a query rounded to int8, by
themselves.
"""

from __future__ import annotations

import functools

import numpy as np
from numba import njit

from methods.kernels.encoding.grid import OFFSET_BYTES
from methods.kernels.encoding.interval import half
from methods.kernels.machine.cpu import WIDEST
from methods.kernels.machine.path import Path, choose
from methods.kernels.scanning import layout, prepare
from methods.kernels.scanning.integer_levels import MAX_LEVEL, IntegerLevels, round_weights
from methods.kernels.scanning.level_fold import sets_in_block
from methods.kernels.scanning.level_layout import code_places, expand_block, expansion_runs
from methods.kernels.sets.offsets import as_offsets
from methods.kernels.simd.block_largest import block_largest, block_scores
from methods.kernels.simd.level_tile import level_tile, segment_ends
from methods.kernels.simd.planar_tile import BLOCK, WIDE
from methods.kernels.simd.unpack_symbols import ALPHABETS, GROUP

__all__ = ["largest_grid_products"]

_ROWS = GROUP // 4  # of words of four levels, a group


@functools.cache
def _grid_levels() -> IntegerLevels:
    """Half-integers as odd integers: those of 8 bits, of which int8 takes no product, without their last bit."""
    levels = np.zeros((ALPHABETS, 256), np.uint8)
    tops, units = np.zeros(ALPHABETS, np.int32), np.zeros(ALPHABETS, np.float32)
    for bits in range(1, 9):
        tops[bits] = min(2**bits - 1, MAX_LEVEL)
        units[bits] = 0.5 if bits < 8 else 1.0
        levels[bits, : 2**bits] = np.arange(2**bits) >> (bits == 8)
    words, word_units = np.zeros((ALPHABETS, 256), np.int16), np.zeros(ALPHABETS, np.float32)
    return IntegerLevels(levels, tops, units, words, word_units, np.zeros((7, 16), np.uint8))


@njit(cache=True, nogil=True)
def _read_block(codes: np.ndarray, first: int, places: np.ndarray, factors: np.ndarray, block: tuple) -> None:
    """The codes from ``first`` on, 64 at most: their symbols in ``places``, their factors, their offsets as stored.

    ``places`` (bytes, 2) int64: where a byte of the first code goes, and how far from it that of the next: 1, 2 or 4.
    """
    symbols, scales, offsets = block
    some = codes[first : first + BLOCK]
    segments, count = len(factors), np.uint64(len(some))
    low, high = some[:, 0], some[:, 1]
    for doc in range(count):
        offsets[doc] = half(low[doc], high[doc])
    for segment in range(segments):
        table, scale, stored = factors[segment], scales[segment], some[:, OFFSET_BYTES + segment]
        for doc in range(count):
            scale[doc] = table[stored[doc]]
    header = OFFSET_BYTES + segments
    for byte in range(len(places)):
        own, target = some[:, header + byte], symbols[places[byte, 0] :]
        # A step that is known when this is compiled takes half of the time.
        if places[byte, 1] == 1:
            for doc in range(count):
                target[doc] = own[doc]
        elif places[byte, 1] == 2:
            for doc in range(count):
                target[np.uint64(2) * doc] = own[doc]
        else:
            for doc in range(count):
                target[np.uint64(4) * doc] = own[doc]


@njit(cache=True, nogil=True)
def _fold(path: Path, documents: tuple, batch: tuple, sets: np.ndarray, best: np.ndarray) -> None:
    codes, places, factors, runs, tables, bounds = documents
    narrow, nq, lines, units, constants, weights, ends, counts = batch
    symbols, scales = np.zeros(len(places) * BLOCK, np.uint8), np.zeros((len(factors), BLOCK), np.float32)
    offsets, nothing = np.zeros(BLOCK, np.float32), np.zeros(BLOCK, np.float32)
    alone = symbols.reshape(1, -1)
    words = layout.aligned_words(bounds[-1] * BLOCK)
    sums, scores = np.empty((WIDE, BLOCK), np.int32), np.empty((WIDE, BLOCK), np.float32)
    pieces, document, bytes_each = np.empty((BLOCK, 3), np.int64), 0, narrow.shape[1]
    for block in range((len(codes) + BLOCK - 1) // BLOCK):
        count = sets_in_block(block, document, sets, pieces)
        if not count:
            continue
        document = pieces[count - 1, 0]
        _read_block(codes, block * BLOCK, places, factors, (symbols, scales, offsets))
        expand_block(path, alone, 0, 0, runs, tables, words)
        for query in range(0, nq, WIDE):
            tile, last = query // WIDE, min(query + WIDE, nq)
            for q in range(query, last):
                for doc in range(BLOCK):
                    scores[q - query, doc] = constants[q] + weights[q] * offsets[doc]
            for segment in range(len(factors)):
                start = bounds[segment]
                sums[:] = 0
                own, place = query * bytes_each + 4 * start, (segment * counts.shape[1] + tile) * ends.shape[2]
                level_tile(path, 4, words, start, narrow, own, bytes_each, ends, place, counts[segment, tile], sums)
                for q in range(query, last):
                    row, line, unit = scores[q - query], lines[segment, q], units[segment, q]
                    block_scores(sums, q - query, line, unit, nothing, scales[segment], np.float32(1), row, row)
            for q in range(query, last):
                for piece in range(count):
                    number, largest = pieces[piece, 0], best[q, pieces[piece, 0]]
                    best[q, number] = max(largest, block_largest(scores[q - query], pieces[piece, 1], pieces[piece, 2]))


def largest_grid_products(
    codes: np.ndarray,
    ends: np.ndarray,
    bits: np.ndarray,
    factors: np.ndarray,
    offset_range: np.ndarray,
    queries: np.ndarray,
    weights: np.ndarray,
    sets: np.ndarray,
    path: str | None = None,
) -> np.ndarray:
    """Largest ``<query, values> + weight * offset`` (nq, n) float32 of each query among the codes of each set.

    One thread. Levels are exact up to 7 bits; queries are rounded to int8, in a unit of their own for each segment.

    Parameters
    ----------
    codes : (total, code_size) uint8
    ends, bits, factors, offset_range, weights
        As :func:`~methods.kernels.encoding.grid.scan_grid` and :func:`~methods.kernels.encoding.grid.byte_tables` have
        them.
    queries : (nq, width) float32
    sets : (n + 1,) int64
        Codes ``sets[i] : sets[i + 1]`` are set i's; of a set without codes the score is -inf.
    path : str, optional
        As for the other kernels.
    """
    chosen, levels = choose(path), _grid_levels()
    counts = np.diff(ends, prepend=0) // GROUP
    places = code_places(chosen, np.repeat(bits, counts))
    runs = [
        expansion_runs(chosen, np.full(count, each), np.full(count, each), np.zeros(count, bool), summed=False)
        for count, each in zip(counts, bits)
    ]
    documents = (
        prepare.as_codes(codes, None, "codes"),
        np.stack([places[:, 0], places[:, 1] - places[:, 0]], axis=1),
        np.ascontiguousarray(factors, np.float32),
        np.concatenate(runs),
        levels.tables(chosen.name),
        np.concatenate([[0], ends // GROUP * _ROWS]).astype(np.int64),
    )
    middle, unit = (np.float32(value) for value in offset_range)
    batch = _batch(chosen, queries, ends, bits, levels)
    narrow, lines, units, row_ends, row_counts = batch
    weights = np.ascontiguousarray(weights, np.float32)
    best = np.full((len(queries), len(sets) - 1), -np.inf, np.float32)
    own = (narrow, len(queries), lines, units, weights * middle, weights * unit, row_ends, row_counts)
    _fold(chosen, documents, own, as_offsets(sets, len(codes), "sets"), best)
    return best


def _batch(
    path: Path, queries: np.ndarray, ends: np.ndarray, bits: np.ndarray, levels: IntegerLevels
) -> tuple[np.ndarray, ...]:
    """Queries as the kernel reads them, filled up to whole tiles: int8; of each segment and query what a sum lacks, and
    its unit; of each segment and tile where sums of 16 bits end, and how often.
    """
    rows, tiles = np.diff(ends, prepend=0) // GROUP * _ROWS, -(-len(queries) // WIDE)
    narrow = np.zeros((tiles * WIDE, int(ends[-1])), np.int8)
    lines, units = np.empty((len(bits), len(queries)), np.int32), np.empty((len(bits), len(queries)), np.float32)
    row_ends = np.zeros((len(bits), tiles, int(rows.max()) + 1), np.int64)
    row_counts = np.ones((len(bits), tiles), np.int64)
    for segment, (width, end, count) in enumerate(zip(bits, ends, rows)):
        own, top = slice(end - 4 * count, end), levels.tops[width]
        leveled = np.ascontiguousarray(queries[:, own] * levels.units[width], np.float32)
        rounded, _, units[segment], _ = round_weights(leveled, leveled[:, :0])
        narrow[: len(queries), own] = rounded
        lines[segment] = -top * rounded.sum(axis=1, dtype=np.int32)
        row_ends[segment, :, 1] = count
        if path.name not in WIDEST:  # whose sums have 32 bits
            weights, tops = np.ascontiguousarray(narrow[:, own]), np.full(count, top, np.int32)
            for tile in range(tiles):
                own_ends = row_ends[segment, tile, : count + 1]
                row_counts[segment, tile] = segment_ends(weights, tops, tile * WIDE, WIDE, own_ends)
    return narrow, lines, units, row_ends, row_counts
