"""Nearest rotations: as by a singular value decomposition."""

from __future__ import annotations

import numpy as np
import pytest

from methods.fitting.procrustes import nearest_rotation


def products(dim, least, seed=0):
    """Singular values (dim, dim) float32 from 1 down to ``least``, along random directions."""
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.standard_normal((dim, dim)))[0] for _ in range(2))
    return ((left * np.geomspace(1, least, dim)) @ right).astype(np.float32), left @ right


@pytest.mark.parametrize("dim", [1, 2, 7, 64])
@pytest.mark.parametrize("least", [1, 0.01, 1e-4])
def test_it_is_that_of_the_singular_value_decomposition(dim, least):
    given, expected = products(dim, least)
    rotation = nearest_rotation(given)
    assert rotation.dtype == np.float32
    np.testing.assert_allclose(rotation, expected, atol=1e-6 / least**0.5)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(dim), atol=2e-6)


SINGULAR = [np.zeros((5, 5)), np.ones((5, 5)), 1e-30 * np.ones((3, 3)), products(40, 1e-9)[0], products(40, 1e-6)[0]]


@pytest.mark.parametrize("given", SINGULAR)
def test_of_singular_products_it_is_orthogonal_too(given):
    rotation = nearest_rotation(given.astype(np.float32))
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(len(given)), atol=1e-5)
    nearest = np.linalg.svd(given)[1].sum()  # what the best rotation makes of the products' trace
    assert np.trace(rotation.T @ given) == pytest.approx(nearest, rel=1e-5, abs=1e-30)


def test_a_rotation_of_vectors_is_learned_from_their_products():
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((200, 16)).astype(np.float32)
    rotation = np.linalg.qr(rng.standard_normal((16, 16)))[0].astype(np.float32)
    np.testing.assert_allclose(nearest_rotation(vectors.T @ (vectors @ rotation)), rotation, atol=1e-5)
