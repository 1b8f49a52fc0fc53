"""Principal axes agree with the singular value decomposition."""

from __future__ import annotations

import numpy as np
import pytest

import methods
from methods.checks import data
from methods.fitting import principal_axes as module
from methods.fitting.principal_axes import principal_axes, robust_mean


def test_axes_and_variances_are_those_of_the_svd(monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 77)
    mean, axes, variances = principal_axes(data.train(), 5)
    centered = data.train() - data.train().mean(axis=0)
    _, singular, vt = np.linalg.svd(centered.astype(np.float64), full_matrices=False)
    np.testing.assert_allclose(mean, data.train().mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(variances, singular[:5] ** 2 / len(centered), rtol=1e-4)
    np.testing.assert_allclose(np.abs(np.diag(vt[:5] @ axes)), 1, atol=1e-4)


def test_one_vector_gives_orthonormal_axes_without_variance():
    mean, axes, variances = principal_axes(data.train()[:1], 7)
    np.testing.assert_array_equal(mean, data.train()[0])
    np.testing.assert_allclose(axes.T @ axes, np.eye(7), atol=1e-6)
    assert not variances.any()


@pytest.mark.parametrize("name", ["saq", "mrq", "ash", "transform_coding"])
def test_vectors_whose_squares_overflow_are_refused_with_advice(name):
    codec = methods.for_budget(name, data.train().shape[1], 24, "ip")
    with pytest.raises(methods.MethodError, match="divide all vectors and queries"):
        codec.fit(data.train() * np.float32(1e20))


@pytest.mark.parametrize("n", [60, 2000])
@pytest.mark.parametrize("name", ["saq", "transform_coding", "trellis"])
def test_vectors_whose_squares_vanish_are_refused_with_advice(name, n):
    codec = methods.for_budget(name, data.train().shape[1], 24, "ip")
    with pytest.raises(methods.MethodError, match="multiply all vectors and queries"):
        codec.fit(data.train()[:n] * np.float32(1e-25))


@pytest.mark.parametrize("gap", [100, 10_000])
def test_a_far_cluster_moves_the_mean_little_however_far_it_is(gaussian, gap):
    vectors = gaussian(1000, 20)
    vectors[:20] += np.float32(gap)
    mean, weights = robust_mean(vectors)
    assert np.linalg.norm(mean - vectors[20:].mean(axis=0)) < 0.02 * 16 * np.sqrt(20)
    assert (weights[20:] == 1).all()


def test_one_long_vector_among_many_is_measured_once(gaussian):
    vectors = gaussian(1000, 20)
    vectors[3] *= 1000
    plain = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    distances = np.linalg.norm(vectors - plain, axis=1)
    assert robust_mean(vectors)[1][3] == pytest.approx(8 * np.median(distances) / distances[3], rel=1e-6)


def test_equal_vectors_and_a_long_one_have_a_mean():
    vectors = np.zeros((100, 5), np.float32)
    vectors[:30] = np.random.default_rng(0).standard_normal((30, 5))
    vectors[0] *= 1e4
    assert np.abs(robust_mean(vectors)[0]).max() < 10
