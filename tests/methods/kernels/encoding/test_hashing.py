"""Hashed features against the readable hash functions."""

from __future__ import annotations

import numpy as np
import pytest

from methods.kernels.encoding.hashing import hashed_features
from methods.tables import hashing


@pytest.mark.parametrize("size", [2, 97, 1_000_000, 2**31 - 1])
def test_features_are_the_scaled_hashes(size):
    rng = np.random.default_rng(0)
    functions = hashing.draw(rng, 33)
    functions[:, :3] = [[1, 1, hashing.PRIME - 1], [0, hashing.PRIME - 1, 1]]
    edges = [0, 1, hashing.PRIME - 1, hashing.PRIME, 2**31 - 1]
    numbers = np.concatenate([edges, rng.integers(0, 2**31, 5_000)])
    features = np.empty((len(numbers), 33), np.float32)
    hashed_features(functions, numbers, size, features)
    hashes = hashing.buckets(functions, numbers[:, None], size).astype(np.float32)
    np.testing.assert_array_equal(features, hashes * np.float32(2 / (size - 1)) - np.float32(1))
