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
    """Codes of ``n`` documents with so many stages, which have more dimensions than their levels; 20 queries."""

    def __init__(self, n, stages, with_offsets=False, path=None, sign=1):
        rng = np.random.default_rng(n + stages)
        codes, self.stages = rng.integers(0, 256, (n, sum(BITS)), np.uint8), rng.integers(0, 200, (n, stages), np.uint8)
        codebooks = rng.standard_normal((stages, 200, DIM + 7)).astype(np.float32)
        codebooks[:, :, 0] += np.float32(3 * sign)
        spreads = np.linspace(0.9, 0.4, len(BITS)).astype(np.float32)
        along = np.zeros((stages, 256, DIM), np.float32)
        along[:, :200] = codebooks[:, :, :DIM]
        offsets, tables, more, shared = np.zeros(n), offset_tables(BOUNDS), {}, 0.0
        if with_offsets:
            stored, shared = offset_bytes(rng.normal(0, 0.1, n), BOUNDS), 0.6
            more, offsets = {"offsets": stored, "offset_tables": tables}, tables[0][stored[:, 0]]
        lengths = StageLengths(StageSquares.of(codebooks, NO_PRODUCTS), along, 1.5, shared)
        form = (codes, np.array(BITS), spreads, integer_levels(), None, None, False, 1, path)
        self.scanner = LevelScanner(*form, stages=self.stages, stage_lengths=lengths, **more)
        vectors = codebooks[np.arange(stages), self.stages].sum(axis=1)
        vectors[:, :DIM] += levels_of(codes, spreads)
        left = np.sqrt(1.5**2 - (shared + offsets) ** 2)
        self.vectors = vectors * (left / np.linalg.norm(vectors, axis=1))[:, None]
        queries = rng.standard_normal((20, DIM + 7)).astype(np.float32)
        self.weights = rng.standard_normal(20).astype(np.float32)
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
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("with_offsets", [False, True])
def test_no_block_that_holds_one_of_the_best_is_left_out(path, sign, with_offsets):
    """Neither of scores above zero, which the largest factor bounds, nor of those below, which it does not."""
    case = Case(2000, 2, with_offsets, path, sign)
    all_scores, all_ids = case.search(20, 2000)
    assert (all_scores[:, :10] > 0).any()
    for nq in (1, 20):
        scores, ids = case.search(nq, 10)
        assert np.array_equal(ids, all_ids[:nq, :10])
        assert np.array_equal(scores, all_scores[:nq, :10])


def test_negative_scores_are_ordered_too():
    case = Case(2000, 2)
    case.queries, case.tables = np.zeros_like(case.queries), -np.abs(case.tables) - 1
    all_scores, all_ids = case.search(20, 2000)
    assert all_scores.max() < 0
    scores, ids = case.search(20, 10)
    assert np.array_equal(ids, all_ids[:, :10])
    assert np.array_equal(scores, all_scores[:, :10])


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
    codes, stages, entries = case.scanner.taken(np.array([70, 3]))
    assert np.array_equal(stages, case.stages[[70, 3]])
    assert codes.shape == (2, sum(BITS))
    assert entries.shape == (0,)


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
    with pytest.raises(KernelError, match="length=0 must be positive"):
        StageLengths(one.squares, one.along, 0)
    with pytest.raises(KernelError, match="along must be float32"):
        StageLengths(one.squares, one.along[:, :4], 1)
