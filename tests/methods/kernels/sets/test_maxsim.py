"""Least Hamming distances and largest products of documents' codes equal the plain formula."""

from __future__ import annotations

import kernel_paths
import numpy as np
import pytest

from methods.kernels.errors import KernelError
from methods.kernels.reference import symbols
from methods.kernels.scanning.adc import ADCScanner
from methods.kernels.scanning.hamming import HammingScanner
from methods.kernels.scanning.sdc import SDCScanner
from methods.kernels.sets.maxsim import largest_products, least_distances, least_distances_reference


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
