"""The largest score of each set's codes: MaxSim over levels, a block unpacked once for all vectors of a query."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.machine.path import Path
from methods.kernels.scanning import layout
from methods.kernels.scanning.factors import expand
from methods.kernels.scanning.level_layout import expand_block
from methods.kernels.scanning.level_scores import multiply_sizes, size_bytes, sum_stages
from methods.kernels.scanning.stage_lengths import factors_of_length
from methods.kernels.simd.block_largest import block_largest, block_scores
from methods.kernels.simd.level_tile import level_tile, wide_tile
from methods.kernels.simd.planar_tile import BLOCK, WIDE

__all__ = ["fold_levels", "sets_in_block"]


@njit(cache=True, nogil=True)
def sets_in_block(block: int, document: int, offsets: np.ndarray, pieces: np.ndarray) -> int:
    """How many sets have codes in a block; ``pieces`` (64, 3): each one's number and the places between which they lie.

    ``document`` is the first that may have.
    """
    first, count = block * BLOCK, 0
    while document < len(offsets) - 1 and offsets[document] < first + BLOCK:
        begin, end = max(offsets[document] - first, 0), min(offsets[document + 1] - first, BLOCK)
        if begin < end:
            pieces[count] = document, begin, end
            count += 1
        document += 1
    return count


@njit(cache=True, nogil=True)
def fold_levels(path: Path, documents: tuple, batch: tuple, offsets: np.ndarray, best: np.ndarray) -> None:
    """Raise ``best`` (nq, n) float32 to the largest scores of sets of codes, by inner products.

    Documents and batch are as :class:`~methods.kernels.scanning.levels.LevelScanner` has them, the queries filled up to
    whole tiles; ``offsets`` (n + 1,) int64 ascend from 0 to the number of codes.
    """
    blocks, runs, tables, tops, wide_rows, _, stages = documents[:7]
    _, _, _, offset_tables, sizes, lengths = documents[7:13]
    entries, halves, scale_table = documents[13:]
    narrow, nq, wide, shifts, lines, units, ends, segments, terms, weights = batch
    words = layout.aligned_words((wide_rows + len(tops)) * BLOCK)
    sums, scores = np.empty((WIDE, BLOCK), np.int32), np.empty(BLOCK, np.float32)
    staged, scale, added = np.empty(BLOCK, np.float32), np.ones(BLOCK, np.float32), np.zeros(BLOCK, np.float32)
    inverse, pieces = np.ones(BLOCK, np.float32), np.empty((BLOCK, 3), np.int64)
    bytes_each, wide_each, document = narrow.shape[1], 2 * wide.shape[1], 0
    for block in range(len(blocks)):
        expand_block(path, blocks, block, min(block + 1, len(blocks) - 1), runs, tables, words)
        expand(block, entries, halves, scale_table, scale)
        if len(sizes):
            multiply_sizes(size_bytes(stages, block, terms, offset_tables, entries), sizes, scale, inverse)
        if len(offset_tables):
            sum_stages(stages[block], terms.shape[1], offset_tables, added)
        if len(lengths.units):
            factors_of_length(words, wide_rows, tops, stages[block], lengths, added, scale)
        count = sets_in_block(block, document, offsets, pieces)
        document = pieces[max(count - 1, 0), 0] if count else document
        for query in range(0, nq, WIDE):
            tile = query // WIDE
            wide_tile(path, 4, shifts, query, words, wide, query * wide_each, wide_each, wide_rows, sums)
            place, own = tile * ends.shape[1], query * bytes_each
            level_tile(path, 4, words, wide_rows, narrow, own, bytes_each, ends, place, segments[tile], sums)
            for q in range(query, min(query + WIDE, nq)):
                sum_stages(stages[block], 0, terms[q], staged)
                if len(sizes):
                    for doc in range(BLOCK):
                        staged[doc] *= inverse[doc]
                block_scores(sums, q - query, lines[q], units[q], staged, scale, weights[q], added, scores)
                for piece in range(count):
                    number = pieces[piece, 0]
                    best[q, number] = max(best[q, number], block_largest(scores, pieces[piece, 1], pieces[piece, 2]))
