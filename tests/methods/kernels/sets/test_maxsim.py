"""Least Hamming distances and largest products of documents' codes equal the plain formula."""

from __future__ import annotations

import itertools

import kernel_paths
import numpy as np
import pytest

from methods.kernels.encoding.grid import decode_grid
from methods.kernels.errors import KernelError
from methods.kernels.reference import symbols
from methods.kernels.scanning.adc import ADCScanner
from methods.kernels.scanning.hamming import HammingScanner
from methods.kernels.scanning.levels import LevelScanner
from methods.kernels.scanning.sdc import SDCScanner
from methods.kernels.sets.grid_maxsim import largest_grid_products
from methods.kernels.sets.maxsim import (
    largest_level_products,
    largest_products,
    least_distances,
    least_distances_reference,
)
from methods.transform.trellis.quantizer import TrellisQuantizer


@pytest.mark.parametrize("path", kernel_paths.WIDEST)
@pytest.mark.parametrize(("size", "queries"), [(1, 1), (16, 1), (16, 5), (48, 32)])
def test_equals_the_reference(path, size, queries):
    rng = np.random.default_rng(size + queries)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(1, 40, 30))])
    codes = rng.integers(0, 256, (offsets[-1], size), dtype=np.uint8)
    asked = rng.integers(0, 256, (queries, size), dtype=np.uint8)
    found = least_distances(HammingScanner(codes, 1, path), offsets, asked)
    assert found.tolist() == least_distances_reference(codes, offsets, asked).tolist()


@pytest.mark.parametrize("path", kernel_paths.WIDEST)
@pytest.mark.parametrize("bits", [1, 2, 3, 4])
@pytest.mark.parametrize("queries", [1, 5])
def test_largest_products_are_those_of_the_levels(path, bits, queries):
    rng = np.random.default_rng(bits + queries)
    dim, offsets = 24, np.concatenate([[0], np.cumsum(rng.integers(1, 40, 30))])
    size = dim * bits // 8
    codes = rng.integers(0, 256, (offsets[-1], size), dtype=np.uint8)
    scale = rng.uniform(0.5, 2, len(codes)).astype(np.float16)
    levels = (2 * symbols(codes, dim, bits).astype(np.float64) - 2**bits + 1) * 0.5 ** (bits - 1)
    levels *= scale[:, None]
    asked = rng.integers(0, 256, (queries, size), dtype=np.uint8)
    own = (2 * symbols(asked, dim, bits).astype(np.float64) - 2**bits + 1) * 0.5 ** (bits - 1)
    found = largest_products(SDCScanner(codes, dim, bits, scale, None, 1, path), offsets, asked)
    np.testing.assert_allclose(found, np.maximum.reduceat(own @ levels.T, offsets[:-1], axis=1), rtol=1e-5)
    vectors = rng.standard_normal((queries, dim)).astype(np.float32)
    found = largest_products(ADCScanner(codes, dim, bits, scale, None, 1, path), offsets, vectors)
    expected = np.maximum.reduceat(vectors @ levels.T, offsets[:-1], axis=1)
    np.testing.assert_allclose(found, expected, atol=np.abs(vectors).max() / 254 * np.abs(levels).sum(axis=1).max())


@pytest.mark.parametrize("wrong", [[0, 2, 3], [0, 2, 5], [0, 3, 2], [1, 2, 4]])
def test_offsets_of_other_codes_are_refused(wrong):
    scanner = HammingScanner(np.zeros((4, 2), np.uint8))
    with pytest.raises(KernelError, match=r"offsets must (go|ascend) from 0 to (at most )?4"):
        least_distances(scanner, np.array(wrong), np.zeros((1, 2), np.uint8))


@pytest.mark.parametrize(
    ("path", "bits", "queries"),
    [*((path, [8, 4, 3], 6) for path in kernel_paths.EVERY), (kernel_paths.WIDEST[0], [1, 12, 10], 1)],
    ids=str,
)
def test_largest_level_products_are_those_of_a_search(path, bits, queries):
    rng = np.random.default_rng(queries)
    n, dim, alphabets = 200, 8 * len(bits), np.array(bits)
    offsets = np.array([0, 3, 3, 70, 71, 199, 200])  # none, one, within a block, over several
    codes = rng.integers(0, 256, (n, int(np.where(alphabets > 8, alphabets - 8, alphabets).sum())), dtype=np.uint8)
    entries, stages = (rng.integers(0, 256, shape, dtype=np.uint8) for shape in (n, (n, 2)))
    kept, tables = rng.integers(0, 256, (n, 1), dtype=np.uint8), rng.standard_normal((queries, 2, 256))
    factors = np.linspace(0.5, 1.5, 256, dtype=np.float32)
    more = {"stages": stages, "offsets": kept, "offset_tables": factors[None]}
    scanner = LevelScanner(
        *(codes, alphabets, np.ones(len(bits), np.float32), TrellisQuantizer.integer_levels(), entries, factors),
        *(False, 1, path),
        **more,
    )
    asked, weights = rng.standard_normal((queries, dim)).astype(np.float32), np.arange(queries, dtype=np.float32)
    scores, ids = scanner.search(asked, n, tables.astype(np.float32), weights)
    by_row = np.empty_like(scores)
    np.put_along_axis(by_row, ids, scores, axis=1)
    expected = [by_row[:, low:high].max(axis=1, initial=-np.inf) for low, high in itertools.pairwise(offsets)]
    found = largest_level_products(scanner, offsets, asked, tables.astype(np.float32), weights)
    np.testing.assert_allclose(found, np.stack(expected, axis=1), rtol=1e-6)
    rows = rng.permutation(n)[:50]
    back = scanner.taken(rows)
    assert np.array_equal(back[0], codes[rows])
    assert np.array_equal(back[1], np.hstack([stages, kept])[rows])
    assert np.array_equal(back[2][:, 0], entries[rows])


def test_squared_distances_are_not_folded():
    codes, factors = np.zeros((4, 2), np.uint8), np.ones(256, np.float32)
    levels = TrellisQuantizer.integer_levels()
    scanner = LevelScanner(codes, np.array([2]), np.ones(1, np.float32), levels, codes[:, 0], factors, True)
    with pytest.raises(KernelError, match="fold scores of inner products"):
        largest_level_products(scanner, np.array([0, 4]), np.zeros((1, 8), np.float32))


@pytest.mark.thorough
@pytest.mark.parametrize("path", kernel_paths.EVERY)
@pytest.mark.parametrize("queries", [1, 6])
def test_largest_grid_products_are_those_of_decoded_values(path, queries):
    rng = np.random.default_rng(queries)
    n, ends, bits = 200, np.array([16, 24, 48, 56]), np.array([7, 4, 2, 1])
    sets = np.array([0, 3, 3, 70, 71, 199, 200])  # none, one, within a block, over several
    codes = rng.integers(0, 256, (n, 2 + 4 + 14 + 4 + 6 + 1 + 3), dtype=np.uint8)  # some bytes are not used
    codes[:, :2] = rng.standard_normal(n).astype(np.float16)[:, None].view(np.uint8)
    factors, offset_range = rng.uniform(0, 2, (4, 256)).astype(np.float32), np.array([0.5, 3], np.float32)
    weights = rng.standard_normal(queries).astype(np.float32)
    asked = rng.integers(-127, 128, (queries, 56)).astype(np.float32)  # which int8 takes as they are
    asked[:, ends - 1] = 127
    values = np.empty((n, 56), np.float32)
    decode_grid(codes, ends, bits, factors, values)
    offsets = codes[:, :2].copy().view(np.float16).astype(np.float32)[:, 0] * 3 + 0.5
    scores = asked.astype(np.float64) @ values.T + weights[:, None] * offsets
    expected = [scores[:, low:high].max(axis=1, initial=-np.inf) for low, high in itertools.pairwise(sets)]
    found = largest_grid_products(codes, ends, bits, factors, offset_range, asked, weights, sets, path)
    np.testing.assert_allclose(found, np.stack(expected, axis=1), rtol=1e-5, atol=1e-2)


def test_grids_of_8_bits_are_scanned_without_their_last_one():
    rng = np.random.default_rng(0)
    codes, one = rng.integers(0, 256, (70, 2 + 1 + 8), dtype=np.uint8), np.ones((1, 256), np.float32)
    codes[:, :2] = 0
    asked = np.full((1, 8), 127, np.float32)
    ends, bits, values = np.array([8]), np.array([8]), np.empty((70, 8), np.float32)
    decode_grid(codes, ends, bits, one, values)
    found = largest_grid_products(codes, ends, bits, one, np.zeros(2), asked, np.zeros(1), np.arange(71))
    errors = found[0] - asked[0] @ values.T
    assert 0 < np.abs(errors).max() <= 8 * 127 / 2


def test_sets_of_other_grid_codes_are_refused():
    grid = np.array([8]), np.array([1]), np.ones((1, 256), np.float32), np.zeros(2)
    codes, asked = np.zeros((4, 4), np.uint8), np.zeros((1, 8), np.float32)
    with pytest.raises(KernelError, match="sets must ascend from 0 to at most 4"):
        largest_grid_products(codes, *grid, asked, np.zeros(1), np.array([0, 5]))
