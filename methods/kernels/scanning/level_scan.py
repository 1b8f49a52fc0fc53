"""The scan of blocks of levels: unpacked once for a batch of queries, multiplied, scored and pushed to their heaps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from methods.kernels import topk
from methods.kernels.machine.path import Path
from methods.kernels.scanning import layout, prepare
from methods.kernels.scanning.factors import expand
from methods.kernels.scanning.level_layout import expand_block, sum_block
from methods.kernels.scanning.level_scores import (
    extremes,
    half_squares,
    largest_terms,
    multiply_sizes,
    product_limit,
    push_nearest,
    push_scores,
    size_bytes,
    staged_scores,
    sum_stages,
)
from methods.kernels.scanning.stage_bounds import bound_tables
from methods.kernels.scanning.stage_lengths import LengthTables, factors_of_length, settle_factors
from methods.kernels.scanning.stage_squares import add_stage_squares
from methods.kernels.simd.block_select import may_exceed, push_above
from methods.kernels.simd.level_tile import level_tile, wide_tile
from methods.kernels.simd.planar_tile import BLOCK, WIDE
from methods.kernels.simd.stage_bound import raise_sums

__all__ = ["largest_factor", "visit_levels"]


@njit(cache=True, nogil=True)
def _scan_levels(path: Path, documents: tuple, batch: tuple, heaps: np.ndarray, touched: np.ndarray) -> None:
    blocks, runs, tables, tops, wide_rows, squares, stages = documents[:7]
    centroid_halves, centroid_pairs, products, offset_tables, sizes, lengths = documents[7:13]
    entries, halves, scale_table = documents[13:]
    narrow, nq, wide, shifts, offsets, units, ends, segments, terms, weights = batch
    words = layout.aligned_words((wide_rows + len(tops)) * BLOCK)
    sums = np.empty((WIDE, BLOCK), np.int32)
    scale, added = np.empty(BLOCK, np.float32), np.zeros(BLOCK, np.float32)
    inverse = np.ones(BLOCK, np.float32)  # of the sizes
    one_length, positive = len(lengths.units) > 0, False
    room = np.empty((2, len(lengths.units)), np.float32)
    scores, settled = np.empty(BLOCK, np.float32), np.ones(BLOCK, np.bool_)
    limits = topk.limits(heaps)
    bytes_each, wide_each, scale_all = narrow.shape[1], 2 * wide.shape[1], len(centroid_halves) == 0
    staged = terms.shape[1] > 0 or len(offset_tables) > 0
    bounded = (staged or len(squares) > 0) and extremes(scale_table)[0] >= 0
    most_terms, low, high = largest_terms(terms), np.float32(0), np.float32(0)
    few = (
        not (scale_all and bounded) or len(sizes) > 0 or len(touched) < 8
    )  # tables of bytes would cost more than they save
    steps, lines, margins = bound_tables(path, terms[:0] if few else terms, units)
    raised = np.empty((1, BLOCK), np.int32)
    alone = nq == 1 and runs[0, 6] != 0
    for turn in range(len(touched)):
        block, begin, end = touched[turn, 0], touched[turn, 1], touched[turn, 2]
        following = touched[min(turn + 1, len(touched) - 1), 0]
        if alone:
            sum_block(path, blocks, block, following, runs, tables, narrow, wide, shifts[0, 0], sums)
        else:
            expand_block(path, blocks, block, following, runs, tables, words)
        largest = outer = expand(block, entries, halves, scale_table, scale)
        if len(sizes):
            largest = multiply_sizes(size_bytes(stages, block, terms, offset_tables, entries), sizes, scale, inverse)
        if len(squares):
            half_squares(words, wide_rows, tops, squares, scale, added)
        if len(centroid_halves):
            rest = stages[block, terms.shape[1] * BLOCK :]
            stored = rest if len(rest) else entries[block]
            add_stage_squares(stages[block], centroid_halves, centroid_pairs, products, stored, scale, added)
        elif len(offset_tables):
            sum_stages(stages[block], terms.shape[1], offset_tables, added)
        if len(squares) or len(offset_tables):
            low, high = extremes(added)
        if one_length:
            largest = outer = lengths.largest
            scale[:], settled[:] = largest, False
        first = block * BLOCK
        for query in range(0, nq, WIDE):
            t = query // WIDE
            if nq == 1 and not alone:
                wide_tile(path, 1, shifts, 0, words, wide, 0, 0, wide_rows, sums)
                level_tile(path, 1, words, wide_rows, narrow, 0, 0, ends, 0, segments[0], sums)
            elif not alone:
                wide_tile(path, 4, shifts, query, words, wide, query * wide_each, wide_each, wide_rows, sums)
                place, own = t * ends.shape[1], query * bytes_each
                level_tile(path, 4, words, wide_rows, narrow, own, bytes_each, ends, place, segments[t], sums)
            for q in range(query, min(query + WIDE, nq)):
                line, where = (offsets[q], units[q]), (first, begin, end, q)
                if bounded:
                    most = most_terms[q] * outer if scale_all else most_terms[q]
                    weight = weights[q] if staged else np.float32(-1)  # half of the squared length is subtracted
                    bound, row = sums, q - query
                    if len(steps) and lines[q, 1]:
                        count, begins, own = terms.shape[1], block * stages.shape[1], q * terms.shape[1]
                        raise_sums(path, stages, begins, count, steps, own, lines[q, 0], lines[q, 1], sums, row, raised)
                        bound, row, most = raised, 0, margins[q] * largest
                    limit = product_limit(limits[q], weight, low, high, most)
                    # The largest factor bounds only products above zero.
                    positive = product_limit(limits[q], weight, low, high, 0) > 0
                    if (positive or not one_length) and not may_exceed(
                        bound, row, offsets[q], units[q], scale, largest, limit
                    ):
                        continue
                if staged:
                    row, own, added_by = q - query, stages[block], weights[q]
                    scored = (sums, row, line, scale, inverse, own, terms[q], scale_all, added, added_by, scores)
                    staged_scores(*scored)
                    if one_length and settle_factors(
                        limits[q],
                        positive,
                        scores,
                        words,
                        wide_rows,
                        tops,
                        own,
                        lengths,
                        added,
                        scale,
                        settled,
                        room,
                    ):
                        staged_scores(*scored)
                    push_scores(scores, where, limits, heaps[q])
                elif len(squares):
                    push_nearest(sums, q - query, line, scale, added, where, limits, heaps[q])
                elif may_exceed(sums, q - query, offsets[q], units[q], scale, largest, limits[q]):
                    push_above(sums, q - query, line, scale, first, begin, end, q, limits, heaps)


@njit(cache=True, nogil=True)
def _taken(batch: tuple, chosen: np.ndarray) -> tuple:
    """The batch of some queries; segments of a single one are its own, of several those that suit all queries."""
    narrow, _, wide, shifts, offsets, units, ends, segments, terms, weights = batch
    own = np.full((len(chosen) + WIDE - 1) // WIDE, chosen[0] if len(chosen) == 1 else len(segments) - 1)
    return (
        prepare.taken(narrow, chosen),
        len(chosen),
        prepare.taken(wide, chosen),
        prepare.taken(shifts, chosen),
        prepare.values_of(offsets, chosen),
        prepare.values_of(units, chosen),
        prepare.rows_of(ends, own),
        prepare.values_of(segments, own),
        prepare.tables_of(terms, chosen),
        prepare.values_of(weights, chosen),
    )


@njit(cache=True, nogil=True)
def visit_levels(
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
        _scan_levels(path, documents, part, best, touched)
        prepare.put_rows(heaps, chosen, best)


@njit(cache=True, nogil=True)
def largest_factor(path: Path, documents: tuple, lengths: LengthTables, size: int, count: int) -> Any:
    """The largest factor (float32) of ``size`` documents of ``count`` stages; documents up to the table of sizes."""
    blocks, runs, tables, tops, wide_rows, _, stages = documents[:7]
    offset_tables = documents[10]
    words = layout.aligned_words((wide_rows + len(tops)) * BLOCK)
    offsets, factors, most = np.zeros(BLOCK, np.float32), np.empty(BLOCK, np.float32), np.float32(0)
    for block in range(len(blocks)):
        expand_block(path, blocks, block, min(block + 1, len(blocks) - 1), runs, tables, words)
        if len(offset_tables):
            sum_stages(stages[block], count, offset_tables, offsets)
        factors_of_length(words, wide_rows, tops, stages[block], lengths, offsets, factors)
        most = max(most, factors[: size - block * BLOCK].max())
    return most
