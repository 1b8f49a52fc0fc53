"""Residual codebooks by k-means from few dimensions to all: less error, the same coordinates, unusual vectors."""

from __future__ import annotations

import numpy as np
import pytest

from methods.fitting.residual import MANY_VECTORS, residual_encoder, steps_pay, train_residual


def error(vectors, codebooks):
    index = residual_encoder(codebooks, 4)
    return float(np.square(index.sa_decode(index.sa_encode(vectors)) - vectors, dtype=np.float64).sum())


def trained(vectors, codebooks=2, dim_steps=4, bits=6):
    return train_residual(np.asarray(vectors, np.float32), codebooks, 4, 10, 0, 65_536, bits, dim_steps)


@pytest.fixture
def falling():
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((48, 48)))[0]
    return ((rng.standard_normal((MANY_VECTORS, 48)) / np.arange(1, 49) ** 0.6) @ turn + 0.2).astype(np.float32)


def test_from_few_dimensions_to_all_leaves_less_error(clustered):
    vectors = clustered(MANY_VECTORS, 48)
    assert error(vectors, trained(vectors)) < 0.97 * error(vectors, trained(vectors, dim_steps=1))


@pytest.mark.parametrize(("dim", "dim_steps"), [(15, 4), (16, 4), (17, 4), (17, 100)])
def test_any_dimension_and_number_of_steps(dim, dim_steps, falling):
    vectors = np.ascontiguousarray(falling[:, :dim])
    codebooks = trained(vectors, dim_steps=dim_steps)
    assert codebooks.shape == (2, 64, dim)
    assert error(vectors, codebooks) < 0.5 * np.square(vectors).sum()


def test_few_vectors_start_in_all_dimensions(falling):
    few = falling[:2000]
    np.testing.assert_array_equal(trained(few), trained(few, dim_steps=1))


def test_steps_pay_for_many_vectors_of_16_dimensions_that_are_no_copies(falling):
    assert steps_pay(falling)
    assert steps_pay(falling[:, :16])
    assert not steps_pay(falling[:, :15])
    assert not steps_pay(falling[:-1])
    assert not steps_pay(np.repeat(falling[:1000], 20, axis=0))


def test_as_many_vectors_as_centroids_are_these(falling):
    some = falling[:64]
    assert error(some, trained(some, 1)) < 1e-6 * np.square(some).sum()


@pytest.mark.parametrize("size", [1e-18, 1e18])
def test_size_of_vectors_changes_nothing(size, falling):
    left = error(falling * np.float32(size), trained(falling * np.float32(size), 1)) / size**2
    assert left == pytest.approx(error(falling, trained(falling, 1)), rel=0.05)


def test_copies_of_few_vectors_have_a_centroid_each():
    vectors = np.eye(64, dtype=np.float32)[np.random.default_rng(0).integers(0, 64, MANY_VECTORS)]
    assert error(vectors, trained(vectors, 1)) <= 1.01 * error(vectors, trained(vectors, 1, dim_steps=1))


def test_vectors_of_zeros_have_centroids_of_zeros():
    assert not trained(np.zeros((MANY_VECTORS, 20)), 2).any()
