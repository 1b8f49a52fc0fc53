"""Scans of codes without factors, whose centroids plus levels are made of one length, against NumPy on every path."""

from __future__ import annotations

import kernel_paths
import numpy as np
import pytest

from methods.encoding.offset import offset_bytes, offset_tables
from methods.kernels.errors import KernelError
from methods.kernels.scanning.levels import LevelScanner
from methods.kernels.scanning.stage_lengths import StageLengths
from methods.kernels.scanning.stage_squares import StageSquares
from methods.kernels.simd.unpack_symbols import GROUP, symbols_reference
from methods.transform.transform_coding.quantizer import integer_levels

BITS = [5, 3, 2, 1, 1]
DIM = GROUP * len(BITS)
NO_PRODUCTS = np.empty((0, 256), np.float32)
BOUNDS = np.array([0, 0.1, 1.5], np.float32)


def levels_of(codes, spreads):
    """Values (n, DIM) of codes: the first group by its numbers of 16 bits, the others by their bytes."""
    integers, each, symbols = integer_levels(), np.repeat(BITS, GROUP), symbols_reference(codes, BITS)
    narrow = (2 * integers.levels[each, symbols].astype(np.float32) - integers.tops[each]) * integers.units[each]
    wide = integers.words[each, symbols] * integers.word_units[each]
    return np.where(np.arange(DIM) < GROUP, wide, narrow) * np.repeat(spreads, GROUP)


class Case:
    """Codes of ``n`` documents with so many stages, which have more dimensions than their levels; 20 queries.

    Offsets count ``heavily`` beside products, or not.
    """

    def __init__(self, n, stages, with_offsets=False, path=None, heavily=1, threads=1, length=1.5):
        rng = np.random.default_rng(n + stages)
        codes, self.stages = rng.integers(0, 256, (n, sum(BITS)), np.uint8), rng.integers(0, 200, (n, stages), np.uint8)
        self.codes = codes
        codebooks = rng.standard_normal((stages, 200, DIM + 7)).astype(np.float32)
        spreads = np.linspace(0.9, 0.4, len(BITS)).astype(np.float32)
        along = np.zeros((stages, 256, DIM), np.float32)
        along[:, :200] = codebooks[:, :, :DIM]
        offsets, tables, more, shared = np.zeros(n), offset_tables(BOUNDS), {}, 0.0
        if with_offsets:
            stored, shared = offset_bytes(rng.normal(0, 0.1, n), BOUNDS), 0.6
            more, offsets = {"offsets": stored, "offset_tables": tables}, tables[0][stored[:, 0]]
        lengths = StageLengths(StageSquares.of(codebooks, NO_PRODUCTS), along, length, shared)
        form = (codes, np.array(BITS), spreads, integer_levels(), None, None, False, threads, path)
        self.scanner = LevelScanner(*form, stages=self.stages, stage_lengths=lengths, **more)
        vectors = codebooks[np.arange(stages), self.stages].sum(axis=1)
        vectors[:, :DIM] += levels_of(codes, spreads)
        left = np.sqrt(length**2 - (shared + offsets) ** 2)
        self.vectors = vectors * (left / np.linalg.norm(vectors, axis=1))[:, None]
        queries = rng.standard_normal((20, DIM + 7)).astype(np.float32)
        self.weights = (heavily * rng.standard_normal(20)).astype(np.float32)
        self.exact = queries @ self.vectors.T + (self.weights[:, None] * offsets if with_offsets else 0)
        self.queries, self.tables = queries[:, :DIM], np.zeros((20, stages, 256), np.float32)
        self.tables[:, :, :200] = np.einsum("qd,scd->qsc", queries, codebooks)

    def search(self, nq, k):
        return self.scanner.search(self.queries[:nq], k, self.tables[:nq], self.weights[:nq])


@pytest.mark.parametrize("path", kernel_paths.EVERY)
@pytest.mark.parametrize("stages", [1, 3])
@pytest.mark.parametrize("with_offsets", [False, True])
def test_scores_are_of_vectors_of_one_length(path, stages, with_offsets):
    case = Case(300, stages, with_offsets, path)
    assert case.scanner.nbytes - case.scanner.padding == 300 * (sum(BITS) + stages + with_offsets)
    for nq in (1, 20):
        scores, ids = case.search(nq, 300)
        assert np.array_equal(np.sort(ids, axis=1), np.tile(np.arange(300), (nq, 1)))
        assert np.abs(scores - np.take_along_axis(case.exact[:nq], ids, 1)).max() < 0.01 * np.abs(case.exact).max()


@pytest.mark.parametrize("path", kernel_paths.EVERY)
@pytest.mark.parametrize(("heavily", "moved"), [(1, 0), (1, -30), (60, 0), (60, -30), (60, 30)])
@pytest.mark.parametrize("with_offsets", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_no_block_that_holds_one_of_the_best_is_left_out(path, heavily, moved, with_offsets, threads):
    """Neither where scores are above zero, which the largest factor bounds, nor where they are below, which it does
    not, nor where offsets say more than products."""
    case = Case(2000, 2, with_offsets, path, heavily, threads)
    case.tables += np.float32(moved)  # by all stages
    all_scores, all_ids = case.search(20, 2000)
    if moved < 0 and not with_offsets:
        assert (all_scores[:, 9] < 0).all()
    for nq in (1, 20):
        scores, ids = case.search(nq, 10)
        assert np.array_equal(ids, all_ids[:nq, :10])
        assert np.array_equal(scores, all_scores[:nq, :10])


@pytest.mark.parametrize("path", kernel_paths.EVERY)
def test_documents_are_left_out_by_the_largest_factor(path):
    """So one that is too small changes what is found."""
    case = Case(20_000, 2, path=path)
    right = case.search(1, 10)
    *documents, lengths = case.scanner._documents[:13]
    case.scanner._documents = (*documents, lengths._replace(largest=np.float32(0)), *case.scanner._documents[13:])
    left_out = case.search(1, 10)  # by a largest factor of zero nothing is good enough once there are ten
    assert not np.array_equal(left_out[1], right[1])


@pytest.mark.parametrize("path", kernel_paths.EVERY)
@pytest.mark.parametrize("stages", [1, 8])
def test_ranges_and_more_than_there_are(path, stages):
    case = Case(500, stages, True, path)
    all_scores, all_ids = case.search(20, 500)
    within, (low, high) = case.scanner.within(np.array([[70, 200]])), (70, 200)
    scores, ids = within.search(case.queries, 600, case.tables, case.weights)
    assert (ids[:, 130:] == -1).all()
    for query in range(20):
        among = (all_ids[query] >= low) & (all_ids[query] < high)
        assert np.array_equal(ids[query, :130], all_ids[query][among])
        assert np.array_equal(scores[query, :130], all_scores[query][among])


@pytest.mark.parametrize("length", [1e-20, 1e18])
def test_lengths_far_from_one_keep_the_order(length):
    case, usual = Case(300, 2, length=length), Case(300, 2)
    scores, ids = case.search(20, 300)
    of_one, same = usual.search(20, 300)
    assert np.array_equal(ids, same)
    assert np.allclose(scores / length * 1.5, of_one, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("path", kernel_paths.EVERY)
@pytest.mark.parametrize("with_offsets", [False, True])
def test_sets_have_the_largest_of_these_scores(path, with_offsets):
    case, ends = Case(300, 2, with_offsets, path), np.array([0, 1, 70, 70, 200, 300])
    best = np.full((20, 5), -np.inf, np.float32)
    case.scanner.fold(case.queries, ends, best, case.tables, case.weights)
    for piece in (0, 1, 3, 4):
        assert np.allclose(best[:, piece], case.exact[:, ends[piece] : ends[piece + 1]].max(axis=1), atol=0.04)
    assert (best[:, 2] == -np.inf).all()


def test_documents_are_taken_without_entries():
    case = Case(100, 2)
    for rows in (np.array([70, 3]), np.empty(0, np.int64)):
        codes, stages, entries = case.scanner.taken(rows)
        assert np.array_equal(codes, case.codes[rows])
        assert np.array_equal(stages, case.stages[rows])
        assert entries.shape == (len(rows), 0)


def test_lengths_with_factors_or_of_other_stages_are_refused():
    case = Case(10, 2)
    one = StageLengths(
        StageSquares.of(np.ones((1, 4, DIM), np.float32), NO_PRODUCTS), np.ones((1, 256, DIM), np.float32), 1
    )
    form = (np.zeros((10, 2), np.uint8), np.array([2]), np.ones(1, np.float32), integer_levels())
    entries, factors = np.zeros(10, np.uint8), np.ones(256, np.float32)
    with pytest.raises(KernelError, match="factors have entries, or stage_lengths give them"):
        LevelScanner(*form, None, None)
    with pytest.raises(KernelError, match="factors have entries, or stage_lengths give them"):
        LevelScanner(*form, entries, factors, stages=case.stages[:, :1], stage_lengths=one)
    with pytest.raises(KernelError, match="stage_lengths belong to all stages"):
        LevelScanner(*form, None, None, stages=case.stages, stage_lengths=one)
    with pytest.raises(KernelError, match="length=0 must be positive and finite"):
        StageLengths(one.squares, one.along, 0)
    with pytest.raises(KernelError, match="along must be float32"):
        StageLengths(one.squares, one.along[:, :4], 1)
    with pytest.raises(KernelError, match="along has 40 dimensions, the levels have 8"):
        LevelScanner(*form, None, None, stages=case.stages[:, :1], stage_lengths=one)
