"""ASH: what the learned rotation gains, scale and offset."""

from __future__ import annotations

import numpy as np
import pytest

from methods import MethodError, Metric
from methods.transform.ash import ASH


def clustered(n, seed=0):
    """Unit vectors of 64 dimensions on a few directions, about a mean."""
    rng, space = np.random.default_rng(seed), np.random.default_rng(5)
    centers = space.standard_normal((12, 64))
    found = centers[rng.integers(12, size=n)] + 0.3 * rng.standard_normal((n, 64)) + 0.5
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def kept(codec, vectors):
    """Mean cosine of centered vectors and what their codes decode to."""
    mean = codec.plan_.mean
    centered, decoded = vectors - mean, codec.decode(codec.encode(vectors)) - mean
    return ((centered * decoded).sum(1) / np.linalg.norm(centered, axis=1) / np.linalg.norm(decoded, axis=1)).mean()


@pytest.mark.parametrize("bits", [1, 2])
def test_learning_the_rotation_keeps_more_of_unseen_vectors(bits):
    train, base = clustered(1500), clustered(500, seed=1)
    learned, drawn = (ASH(64, Metric.IP, 3 + 4 * bits, bits=bits, iterations=turns).fit(train) for turns in (25, 0))
    assert learned.plan_.ends[0] == drawn.plan_.ends[0] == 32
    assert 1 - kept(learned, base) < 0.9 * (1 - kept(drawn, base))


def test_the_projection_is_orthonormal():
    codec = ASH(64, Metric.IP, 19, bits=4, iterations=3).fit(clustered(500))
    assert np.allclose(codec.plan_.matrix.T @ codec.plan_.matrix, np.eye(32), atol=1e-4)


def test_decoded_vectors_are_as_long_as_the_centered_ones():
    vectors = clustered(500)
    codec = ASH(64, Metric.L2, 19, bits=2, iterations=3).fit(vectors)
    lengths = np.linalg.norm(codec.decode(codec.encode(vectors)) - codec.plan_.mean, axis=1)
    assert np.allclose(lengths, np.linalg.norm(vectors - codec.plan_.mean, axis=1), rtol=0.01)


def test_a_negative_number_of_iterations_is_refused():
    with pytest.raises(MethodError, match="iterations"):
        ASH(64, "ip", 19, bits=4, iterations=-1)
