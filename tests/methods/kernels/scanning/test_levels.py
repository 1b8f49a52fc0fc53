"""The scan over levels against NumPy, on every path that runs here."""

from __future__ import annotations

from itertools import pairwise

import kernel_paths
import numpy as np
import pytest

from methods.encoding.offset import offset_bytes, offset_tables
from methods.kernels.encoding.levels import cell_starts
from methods.kernels.errors import KernelError
from methods.kernels.scanning.integer_levels import round_weights
from methods.kernels.scanning.levels import LevelScanner
from methods.kernels.scanning.stage_squares import StageSquares
from methods.kernels.simd.level_tile import segment_ends
from methods.kernels.simd.unpack_symbols import GROUP, pack, planes, symbols_reference, unpack
from methods.transform.transform_coding.quantizer import integer_levels

MIXED = [8, 6, 5, 4, 4, 3, 2, 1, 1]


def scanner(rng, n, bits, l2=False, path=None):
    codes = rng.integers(0, 256, (n, sum(bits)), dtype=np.uint8)
    spreads = rng.uniform(0.5, 2, len(bits)).astype(np.float32)
    factors = np.linspace(0.5, 1.5, 256, dtype=np.float32)
    entries = rng.integers(0, 256, n, dtype=np.uint8)
    found = LevelScanner(codes, np.array(bits), spreads, integer_levels(), entries, factors, l2, 1, path)
    return found, decoded(codes, bits, spreads) * factors[entries][:, None]


def decoded(codes, bits, spreads):
    """Values (n, groups * 8) by the integers of bytes: what words differ from by less than the tolerance below."""
    integers, each = integer_levels(), np.repeat(bits, GROUP)
    odd = 2 * integers.levels[each, symbols_reference(codes, bits)].astype(np.float32) - integers.tops[each]
    fine = integers.words[each, symbols_reference(codes, bits)] * integers.word_units[each]
    wide = each >= 5
    wide[: GROUP * -(-len(bits) // 8)] = True
    return np.where(wide, fine, odd * integers.units[each]) * np.repeat(spreads, GROUP)


@pytest.mark.parametrize("bits", range(1, 9))
def test_packing_is_undone_and_takes_as_many_bytes_as_bits(bits):
    rng = np.random.default_rng(bits)
    symbols = rng.integers(0, 2**bits, GROUP).astype(np.uint8)
    code, back = np.empty(bits, np.uint8), np.empty(GROUP, np.uint8)
    pack(symbols, bits, code)
    unpack(code, bits, back)
    assert sum(planes(bits)) == bits
    assert np.array_equal(back, symbols)
    assert np.array_equal(symbols_reference(code[None], [bits])[0], symbols)


@pytest.mark.parametrize("path", kernel_paths.EVERY)
@pytest.mark.parametrize("bits", [MIXED, [4] * 5, [1] * 9, [3, 3], [7], [2]], ids=str)
@pytest.mark.parametrize(("n", "nq"), [(200, 5), (64, 1), (1, 2)])
def test_scores_are_inner_products_up_to_the_rounding_of_queries(path, bits, n, nq):
    rng = np.random.default_rng(n + nq)
    found, vectors = scanner(rng, n, bits, path=path)
    queries = rng.standard_normal((nq, found.dim)).astype(np.float32)
    scores, ids = found.search(queries, n)
    exact = np.take_along_axis(queries @ vectors.T, ids, 1)
    assert np.abs(scores - exact).max() < 0.1 * vectors.std() * np.linalg.norm(queries, axis=1).max()
    assert (np.diff(scores, axis=1) <= 0).all()
    assert np.array_equal(np.sort(ids, axis=1), np.tile(np.arange(n), (nq, 1)))


@pytest.mark.parametrize("path", kernel_paths.EVERY)
@pytest.mark.parametrize("bits", [MIXED, [5], [4, 4, 3], [2] * 9], ids=str)
@pytest.mark.parametrize("offset_bytes_each", [0, 2])
def test_a_query_alone_finds_what_it_finds_among_others(path, bits, offset_bytes_each):
    rng = np.random.default_rng(len(bits))
    codes, entries = rng.integers(0, 256, (300, sum(bits)), dtype=np.uint8), rng.integers(0, 256, 300, dtype=np.uint8)
    bounds, factors = np.array([-30, 20], np.float32), np.linspace(0.5, 1.5, 256, dtype=np.float32)
    added = {"offsets": offset_bytes(rng.uniform(-30, 20, 300), bounds), "offset_tables": offset_tables(bounds)}
    spreads = rng.uniform(0.5, 2, len(bits)).astype(np.float32)
    level = LevelScanner(
        codes,
        np.array(bits),
        spreads,
        integer_levels(),
        entries,
        factors,
        threads=1,
        path=path,
        **(added if offset_bytes_each else {}),
    )
    queries = rng.standard_normal((6, level.dim)).astype(np.float32)
    weights = rng.standard_normal(6).astype(np.float32) if offset_bytes_each else None
    every = level.search(queries, 300, weights=weights)
    for query in range(6):
        own = None if weights is None else weights[query : query + 1]
        for k in (3, 300):  # the first of all 300 too, of which the scan rejects none
            alone = level.search(queries[query : query + 1], k, weights=own)
            for part, whole in zip(alone, every):
                assert np.array_equal(part[0], whole[query, :k])


@pytest.mark.parametrize("path", kernel_paths.EVERY)
@pytest.mark.parametrize("nq", [1, 6])
def test_squared_distances(path, nq):
    rng = np.random.default_rng(nq)
    found, vectors = scanner(rng, 150, MIXED, l2=True, path=path)
    queries = (vectors[:nq] + 0.1 * rng.standard_normal((nq, found.dim))).astype(np.float32)
    scores, ids = found.search(queries, 150)
    exact = ((queries[:, None] - vectors[None]) ** 2).sum(axis=2)
    assert np.array_equal(ids[:, 0], np.arange(nq))
    assert np.abs(scores - np.take_along_axis(exact, ids, 1)).max() < 0.01 * exact.max()
    assert (np.diff(scores, axis=1) >= 0).all()


@pytest.mark.parametrize("path", kernel_paths.EVERY)
@pytest.mark.parametrize("nq", [1, 6])
@pytest.mark.parametrize("threads", [1, 2])
def test_offsets_count_by_a_weight_of_the_query(path, nq, threads):
    rng = np.random.default_rng(nq)
    codes, entries = rng.integers(0, 256, (150, 5), dtype=np.uint8), rng.integers(0, 256, 150, dtype=np.uint8)
    factors, bounds = np.linspace(0.5, 1.5, 256, dtype=np.float32), np.array([-300, 200], np.float32)
    offsets, spreads = rng.uniform(-300, 200, 150), np.ones(2, np.float32)
    added = {"offsets": offset_bytes(offsets, bounds), "offset_tables": offset_tables(bounds)}
    level = LevelScanner(
        codes, np.array([3, 2]), spreads, integer_levels(), entries, factors, threads=threads, path=path, **added
    )
    queries, weights = rng.standard_normal((nq, 16)).astype(np.float32), rng.standard_normal(nq).astype(np.float32)
    scores, ids = level.search(queries, 150, weights=weights)
    exact = (queries @ decoded(codes, [3, 2], spreads).T) * factors[entries] + weights[:, None] * offsets
    assert np.abs(scores - np.take_along_axis(exact, ids, 1)).max() < 0.2
    assert (np.diff(scores, axis=1) <= 0).all()
    assert level.nbytes - level.padding == 150 * (5 + 1 + 2)


@pytest.mark.parametrize("path", kernel_paths.EVERY)
@pytest.mark.parametrize(("stages", "product_bytes", "nq"), [(1, 0, 1), (1, 1, 6), (3, 2, 6)])
def test_distances_from_centroids_plus_levels_need_the_stored_products(path, stages, product_bytes, nq):
    rng = np.random.default_rng(stages)
    n, bits, spreads = 150, [3, 2], np.ones(2, np.float32)
    codes, entries = rng.integers(0, 256, (n, 5), dtype=np.uint8), rng.integers(0, 256, n, dtype=np.uint8)
    factors = np.linspace(0.5, 1.5, 256, dtype=np.float32)
    codebooks = rng.standard_normal((stages, 20, 16)).astype(np.float32)
    chosen = rng.integers(0, 20, (n, stages), dtype=np.uint8)
    centroids = codebooks[np.arange(stages), chosen].sum(axis=1)
    products = rng.standard_normal((max(1, product_bytes), 256)).astype(np.float32)  # right or not: what bytes say
    stored = rng.integers(0, 256, (n, product_bytes), dtype=np.uint8)
    level = LevelScanner(
        *(codes, np.array(bits), spreads, integer_levels(), entries, factors, True, 1, path),
        stages=chosen,
        stage_squares=StageSquares.of(codebooks, products),
        products=stored if product_bytes else None,
    )
    queries = rng.standard_normal((nq, 16)).astype(np.float32)
    tables = np.zeros((nq, stages, 256), np.float32)
    tables[:, :, :20] = np.einsum("qd,scd->qsc", queries, codebooks)
    scores, ids = level.search(queries, n, tables)
    levels = factors[entries][:, None] * decoded(codes, bits, spreads)
    said = (
        sum(products[byte, stored[:, byte]] for byte in range(product_bytes)) if product_bytes else products[0, entries]
    )
    length = np.linalg.norm(centroids, axis=1)
    halves = (length**2 + (levels**2).sum(axis=1)) / 2 + factors[entries] * length * said
    exact = queries @ (centroids + levels).T - halves
    assert np.abs(scores - np.take_along_axis(exact, ids, 1)).max() < 0.01 * np.abs(exact).max()
    assert (np.diff(scores, axis=1) <= 0).all()
    assert level.nbytes - level.padding == n * (5 + 1 + stages + product_bytes)


@pytest.mark.thorough
@pytest.mark.parametrize("path", kernel_paths.EVERY)
@pytest.mark.parametrize(("count", "spread"), [(1, 0.01), (2, 1), (3, 1e4), (2, 1e12)])
@pytest.mark.parametrize("least", [None, 1 / 64])
def test_stages_leave_out_no_block_that_holds_one_of_the_best(path, count, spread, least):
    rng, n, bits = np.random.default_rng(count), 1000, [3, 2]
    codes, entries = rng.integers(0, 256, (n, 5), dtype=np.uint8), rng.integers(0, 256, n, dtype=np.uint8)
    chosen, factors = rng.integers(0, 256, (n, count), dtype=np.uint8), np.linspace(0, 1.5, 256, dtype=np.float32)
    spreads, queries = np.ones(2, np.float32), rng.standard_normal((6, 16)).astype(np.float32)
    tables = (spread * rng.standard_normal((6, count, 256))).astype(np.float32)
    sizes = np.geomspace(least or 1, 2, 256).astype(np.float32)
    level = LevelScanner(
        *(codes, np.array(bits), spreads, integer_levels(), entries, factors, False, 1, path),
        stages=chosen,
        sizes=sizes if least else None,
    )
    products = queries @ decoded(codes, bits, spreads).T
    products *= sizes[entries] if least else 1
    staged = sum(tables[:, stage, chosen[:, stage]] for stage in range(count))
    scores, ids = level.search(queries, n, tables)  # no block is left out
    exact = np.take_along_axis((products + staged) * factors[entries], ids, 1)
    assert np.abs(scores - exact).max() < 0.2 + 1e-5 * spread
    for batch in (slice(0, 6), slice(2, 3)):
        best, best_ids = level.search(queries[batch], 3, tables[batch])
        assert np.array_equal(best, scores[batch, :3])
        assert np.array_equal(best_ids, ids[batch, :3])


@pytest.mark.parametrize("path", kernel_paths.EVERY)
@pytest.mark.parametrize("own_byte", [False, True])
@pytest.mark.parametrize("with_offsets", [False, True])
def test_sizes_multiply_the_levels_and_not_the_stages(path, own_byte, with_offsets):
    rng, n, bits = np.random.default_rng(0), 700, [3, 2]
    codes, entries = rng.integers(0, 256, (n, 5), dtype=np.uint8), rng.integers(0, 256, n, dtype=np.uint8)
    chosen, stored = rng.integers(0, 256, (n, 2), dtype=np.uint8), rng.integers(0, 256, (n, 1), dtype=np.uint8)
    factors, sizes = np.linspace(0, 1.5, 256, dtype=np.float32), np.geomspace(0.02, 4, 256).astype(np.float32)
    bounds, offsets, spreads = np.array([-3, 2], np.float32), rng.uniform(-3, 2, n), np.ones(2, np.float32)
    added = {"offsets": offset_bytes(offsets, bounds), "offset_tables": offset_tables(bounds)}
    level = LevelScanner(
        *(codes, np.array(bits), spreads, integer_levels(), entries, factors, False, 1, path),
        stages=chosen,
        sizes=sizes,
        size_bytes=stored if own_byte else None,
        **(added if with_offsets else {}),
    )
    queries, tables = rng.standard_normal((6, 16), np.float32), 5 * rng.standard_normal((6, 2, 256), np.float32)
    weights = rng.standard_normal(6, np.float32) if with_offsets else None
    size = sizes[stored[:, 0] if own_byte else entries]
    staged = tables[:, 0, chosen[:, 0]] + tables[:, 1, chosen[:, 1]]
    exact = ((queries @ decoded(codes, bits, spreads).T) * size + staged) * factors[entries]
    exact += weights[:, None] * offsets if with_offsets else 0
    scores, ids = level.search(queries, n, tables, weights)
    assert np.abs(scores - np.take_along_axis(exact, ids, 1)).max() < 0.5
    assert (np.diff(scores, axis=1) <= 0).all()
    assert level.nbytes - level.padding == n * (5 + 1 + 2 + own_byte + with_offsets * added["offsets"].shape[1])
    for query in range(6):  # alone, and with most blocks left out
        own = None if weights is None else weights[query : query + 1]
        best, best_ids = level.search(queries[query : query + 1], 3, tables[query : query + 1], own)
        assert np.array_equal(best[0], scores[query, :3])
        assert np.array_equal(best_ids[0], ids[query, :3])
    ends, largest = np.array([0, 5, 300, 300, n]), np.full((6, 4), -np.inf, np.float32)
    level.fold(queries, ends, largest, tables, weights)
    everyone = np.empty((6, n), np.float32)
    np.put_along_axis(everyone, ids, scores, axis=1)
    for part in (0, 1, 3):
        wanted = everyone[:, ends[part] : ends[part + 1]].max(axis=1)
        np.testing.assert_allclose(largest[:, part], wanted, rtol=1e-4, atol=1e-3)
    assert (largest[:, 2] == -np.inf).all()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"sizes": np.zeros(256, np.float32)}, "positive"),
        ({"sizes": np.ones(256, np.float32), "l2": True}, "not for l2"),
        ({"size_bytes": np.zeros((3, 1), np.uint8)}, "need sizes"),
    ],
)
def test_sizes_that_cannot_be_are_refused(more, says):
    codes, entries, factors = np.zeros((3, 2), np.uint8), np.zeros(3, np.uint8), np.ones(256, np.float32)
    with pytest.raises(KernelError, match=says):
        LevelScanner(codes, np.array([2]), np.ones(1, np.float32), integer_levels(), entries, factors, **more)


def test_stage_squares_of_other_shapes_or_without_distances_are_refused():
    codes, entries, factors = np.zeros((3, 2), np.uint8), np.zeros(3, np.uint8), np.ones(256, np.float32)
    form = (codes, np.array([2]), np.ones(1, np.float32), integer_levels(), entries, factors)
    squares = StageSquares.of(np.zeros((1, 4, 16), np.float32), np.zeros((1, 256), np.float32))
    for more in ({"stages": entries[:, None], "l2": True}, {"stage_squares": squares, "l2": True}):
        with pytest.raises(KernelError, match="stage_squares belong to l2"):
            LevelScanner(*form, **more)
    with pytest.raises(KernelError, match=r"pairs must be float32 of shape \(1, 256, 256\)"):
        StageSquares(np.zeros((2, 256), np.float32), squares.pairs, squares.products)


@pytest.mark.parametrize("path", kernel_paths.EVERY)
def test_codes_of_one_byte_score_as_they_decode(path, gaussian):
    level, vectors = scanner(np.random.default_rng(2), 300, [1], path=path)
    queries = gaussian(5, 8, seed=3)
    scores, ids = level.search(queries, 300)
    exact = np.take_along_axis(queries @ vectors.T, ids, 1)
    assert np.abs(scores - exact).max() < 0.02 * np.abs(exact).max()


def test_offsets_without_tables_or_under_l2_are_refused():
    codes, entries, factors = np.zeros((3, 2), np.uint8), np.zeros(3, np.uint8), np.ones(256, np.float32)
    form = (codes, np.array([2]), np.ones(1, np.float32), integer_levels(), entries, factors)
    for more in ({}, {"offset_tables": np.zeros((2, 256), np.float32), "l2": True}):
        with pytest.raises(KernelError, match="offsets need offset_tables"):
            LevelScanner(*form, offsets=codes, **more)


@pytest.mark.thorough
def test_all_paths_find_the_same():
    queries = np.random.default_rng(5).standard_normal((7, GROUP * len(MIXED))).astype(np.float32)
    found = [
        scanner(np.random.default_rng(4), 300, MIXED, path=path)[0].search(queries, 20) for path in kernel_paths.EVERY
    ]
    for scores, ids in found[1:]:
        assert np.array_equal(scores, found[0][0])
        assert np.array_equal(ids, found[0][1])


def test_sums_of_a_segment_fit_16_bits():
    rng = np.random.default_rng(0)
    weights = rng.integers(-127, 128, (8, 400)).astype(np.int8)
    tops = np.sort(rng.integers(1, 128, 100)).astype(np.int32)[::-1].copy()
    for first, width in ((0, 4), (4, 4), (3, 1)):
        ends = np.empty(101, np.int64)
        count = segment_ends(weights, tops, first, width, ends)
        assert ends[0] == 0
        assert ends[count] == 100
        products = (weights[first : first + width].astype(np.int64) * np.repeat(tops, 4)).reshape(width, 100, 2, 2)
        for start, stop in pairwise(ends[: count + 1]):
            assert stop > start
            for sign in (1, -1):
                assert np.maximum(sign * products[:, start:stop], 0).sum(axis=(1, 3)).max() <= 32767


def test_rounded_weights_stay_within_half_a_unit():
    rng = np.random.default_rng(1)
    narrow, wide = rng.standard_normal((3, 40)), 0.1 * rng.standard_normal((3, 16))
    integers, words, units, shifts = round_weights(narrow.astype(np.float32), wide.astype(np.float32))
    assert (shifts == 9).all()
    assert np.abs(integers * units[:, None] - narrow).max() <= 0.501 * units.max()
    assert np.abs(words * (units[:, None] / 256) - wide).max() <= 0.501 * units.max() / 256


def test_zero_queries_score_zero():
    found, _ = scanner(np.random.default_rng(0), 10, MIXED)
    assert (found.search(np.zeros((2, found.dim), np.float32), 10)[0] == 0).all()


def test_padding_is_what_the_last_block_lacks():
    found, _ = scanner(np.random.default_rng(0), 100, MIXED)
    assert found.nbytes - found.padding == 100 * (sum(MIXED) + 1)


def test_wrong_arrays_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(KernelError, match="integers from 1 to 14"):
        scanner(rng, 3, [4, 0])
    found, _ = scanner(rng, 3, [4])
    with pytest.raises(KernelError, match=r"shape \(nq, 8\)"):
        found.search(np.zeros((1, 7), np.float32), 1)


def test_cells_hold_one_threshold_at_most():
    with pytest.raises(KernelError, match="share a cell"):
        cell_starts(np.array([0.001, 0.002]))


@pytest.mark.parametrize("power", [-115, -40, 60])
def test_rounding_heeds_no_scale(power):
    rng = np.random.default_rng(3)
    narrow, wide = rng.standard_normal((2, 4, 16)).astype(np.float32)
    scale = np.float32(2.0**power)
    with np.errstate(all="raise", under="ignore"):
        expected, found = round_weights(narrow, wide), round_weights(narrow * scale, wide * scale)
    for have, want in zip(found, (*expected[:2], expected[2] * scale, expected[3])):
        np.testing.assert_array_equal(have, want)


def test_small_narrow_weights_are_rounded_as_finely_as_large_ones():
    rng = np.random.default_rng(5)
    narrow, wide = 1e-2 * rng.standard_normal((3, 40)), rng.standard_normal((3, 16))
    integers, words, units, shifts = round_weights(narrow.astype(np.float32), wide.astype(np.float32))
    assert (shifts >= 1).all()
    assert (shifts < 9).all()
    assert (np.abs(integers).max(axis=1) == 127).all()
    assert np.abs(integers * units[:, None] - narrow).max() <= 0.501 * units.max()
    part = units[:, None] / 2.0 ** (shifts - 1)
    assert np.abs(words * part - wide).max() <= 0.501 * part.max()


@pytest.mark.parametrize("path", kernel_paths.EVERY)
@pytest.mark.parametrize("nq", [1, 6])
def test_many_small_dimensions_beside_few_large_ones_keep_their_share(path, nq):
    rng = np.random.default_rng(nq)
    bits = [8] + [3] * 24
    codes = rng.integers(0, 256, (300, sum(bits)), dtype=np.uint8)
    spreads = np.where(np.array(bits) == 8, 30, 1).astype(np.float32)
    found = LevelScanner(
        codes,
        np.array(bits),
        spreads,
        integer_levels(),
        np.zeros(300, np.uint8),
        np.ones(256, np.float32),
        False,
        1,
        path,
    )
    queries = (rng.standard_normal((nq, found.dim)) * np.repeat(spreads, GROUP)).astype(np.float32)
    rest = queries.copy()
    rest[:, :GROUP] = 0
    scores, ids = found.search(queries, 300)
    exact = np.take_along_axis(queries @ decoded(codes, bits, spreads).T, ids, axis=1)
    lengths = np.linalg.norm(rest, axis=1)
    assert (np.abs(scores - exact).std(axis=1) < 0.05 * lengths).all()
