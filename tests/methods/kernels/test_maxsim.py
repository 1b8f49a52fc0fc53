"""Least Hamming distances to documents' codes equal the plain formula."""

from __future__ import annotations

import numpy as np
import pytest

from methods.kernels.cpu import EMULATED, best_path
from methods.kernels.hamming import HammingScanner
from methods.kernels.maxsim import least_distances, least_distances_reference


@pytest.mark.parametrize("path", [best_path(), EMULATED])
@pytest.mark.parametrize(("size", "queries"), [(1, 1), (16, 1), (16, 5), (48, 32)])
def test_equals_the_reference(path, size, queries):
    rng = np.random.default_rng(size + queries)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(1, 40, 30))])
    codes = rng.integers(0, 256, (offsets[-1], size), dtype=np.uint8)
    asked = rng.integers(0, 256, (queries, size), dtype=np.uint8)
    found = least_distances(HammingScanner(codes, 1, path), offsets, asked)
    assert found.tolist() == least_distances_reference(codes, offsets, asked).tolist()
