"""PCA: the directions of greatest variance, a scale that survives centering."""

from __future__ import annotations

import numpy as np

from methods import Metric, for_budget
from methods.reduction.pca import PrincipalComponents


def planted(n=300, dim=20, rank=4):
    rng = np.random.default_rng(8)
    basis = np.linalg.qr(rng.standard_normal((dim, rank)))[0]
    weights = rng.standard_normal((n, rank)) * [4, 3, 2, 1]
    return (weights @ basis.T + 5).astype(np.float32), basis


def test_finds_the_planted_directions_in_falling_order():
    vectors, basis = planted()
    transform = PrincipalComponents(20, 4).fit(vectors)
    np.testing.assert_allclose(np.abs(transform.matrix_.T @ basis).max(axis=1) > 0.9, True)
    assert (np.diff(transform.transform(vectors).var(axis=0)) < 0).all()
    np.testing.assert_allclose(transform.inverse(transform.transform(vectors)), vectors, atol=1e-4)


def test_columns_are_orthonormal_even_with_one_training_vector():
    matrix = PrincipalComponents(12, 5).fit(np.ones((1, 12), np.float32)).matrix_
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(5), atol=1e-6)


def test_inner_products_keep_the_share_of_the_mean():
    vectors, _ = planted()
    codec = for_budget("pca", 20, 8, Metric.IP, codec="float16", out_dim=4).fit(vectors)
    scores, ids = codec.searcher(codec.encode(vectors)).search(vectors[:3], 300)
    true = np.take_along_axis(vectors[:3] @ vectors.T, ids, axis=1)
    np.testing.assert_allclose(scores, true, rtol=2e-3)


def test_distances_keep_the_share_outside_the_components():
    vectors, _ = planted()
    codec = for_budget("pca", 20, 8, Metric.L2, codec="float16", out_dim=4).fit(vectors)
    far = vectors[:3] + np.float32(1) * np.arange(20, dtype=np.float32)
    scores, ids = codec.searcher(codec.encode(vectors)).search(far, 300)
    true = ((far[:, None] - vectors[ids]) ** 2).sum(axis=2)
    np.testing.assert_allclose(scores, true, rtol=5e-3)
