"""Axes and variances of few training vectors, as vectors outside training have them."""

from __future__ import annotations

import numpy as np
import pytest

from bench.datasets import load
from methods import create
from methods.fitting import coding_axes as module
from methods.fitting.allocation import rotated_axes
from methods.fitting.coding_axes import coding_axes
from methods.fitting.principal_axes import principal_axes

DIM = 64
NONE = np.zeros(DIM, np.float32)


def gaussian(n, seed=0, spread=None):
    """Gaussian vectors (n, 64) of falling standard deviations, in rotated axes."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(np.random.default_rng(9).standard_normal((DIM, DIM)))[0]
    return ((rng.standard_normal((n, DIM)) * (falling() if spread is None else spread)) @ axes.T).astype(np.float32)


def falling():
    return 1 / (1 + np.arange(DIM) / 8)


def variances_outside(matrix, mean):
    """Of 20,000 other vectors, for each group of eight axes."""
    return np.square((gaussian(20_000, seed=1) - mean) @ matrix).mean(axis=0).reshape(-1, 8).mean(axis=1)


def test_variances_of_many_vectors_are_their_own():
    vectors = gaussian(1000)
    mean, axes, variances = principal_axes(vectors, DIM)
    matrix, spread = rotated_axes(axes, variances, 3)
    found = coding_axes(vectors, NONE, 3)
    for have, want in zip(found, (mean, matrix, spread)):
        np.testing.assert_array_equal(have, want)


@pytest.mark.parametrize("n", [80, 160, 400])
def test_variances_of_few_vectors_are_those_outside_training(n):
    vectors = gaussian(n)
    mean, matrix, spread = coding_axes(vectors, NONE, 0)
    outside = variances_outside(matrix, mean)
    assert np.abs(np.log(spread / outside)).max() < np.log(1.8)
    own = np.square((vectors - mean) @ matrix).mean(axis=0).reshape(-1, 8).mean(axis=1)
    assert np.abs(np.log(spread / outside)).mean() < np.abs(np.log(own / outside)).mean()


def test_in_many_dimensions_variances_of_one_fold_are_enough(monkeypatch):
    vectors = gaussian(400)
    every = coding_axes(vectors, NONE, 0)
    monkeypatch.setattr(module, "_ENOUGH", 100)
    mean, matrix, spread = coding_axes(vectors, NONE, 0)
    np.testing.assert_array_equal(matrix, every[1])
    assert not np.array_equal(spread, every[2])
    assert np.abs(np.log(spread / variances_outside(matrix, mean))).max() < np.log(1.8)


def test_fewer_vectors_than_dimensions_leave_no_axis_without_variance():
    mean, matrix, spread = coding_axes(gaussian(40), NONE, 0)
    assert (spread / variances_outside(matrix, mean)).min() > 0.4


def test_lengths_do_not_make_many_vectors_few():
    """Of 500 vectors of lognormal lengths, some 25 long ones would be the first axes."""
    lengths = np.random.default_rng(2).lognormal(0, 1.2, (500, 1)).astype(np.float32)
    mean, matrix, spread = coding_axes(gaussian(500) * lengths, NONE, 0)
    outside = variances_outside(matrix, mean)
    assert np.abs(np.log((spread / spread.mean()) / (outside / outside.mean()))).max() < np.log(1.5)


def test_axes_along_which_few_vectors_do_not_vary_have_none():
    filled = np.where(np.arange(DIM) < 16, falling(), 0)
    matrix, spread = coding_axes(gaussian(60, spread=filled), NONE, 0)[1:]
    np.testing.assert_array_equal(spread > 0, np.arange(8) < 2)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(DIM), atol=1e-4)


def test_vectors_count_as_equal_along_a_direction():
    direction = np.zeros(DIM, np.float32)
    direction[5] = 1
    vectors = gaussian(100)
    vectors[:, 5] += 50 * np.random.default_rng(4).standard_normal(100).astype(np.float32)
    spread = coding_axes(vectors, direction, 0)[2]
    assert spread.max() < 2


@pytest.mark.parametrize("vectors", [np.ones((1, DIM)), np.ones((9, DIM)), np.zeros((9, DIM)), np.eye(2, DIM)])
def test_next_to_no_vectors_give_finite_axes(vectors):
    mean, matrix, spread = coding_axes(vectors.astype(np.float32), NONE, 0)
    assert all(np.isfinite(each).all() for each in (mean, matrix, spread))
    assert (spread >= 0).all()


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_a_scale_changes_variances_only(scale):
    vectors = gaussian(100)
    spread = coding_axes(vectors, NONE, 0)[2]
    np.testing.assert_allclose(coding_axes(vectors * np.float32(scale), NONE, 0)[2] / scale**2, spread, rtol=1e-3)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "few", "of_lengths"), [("transform_coding", 0.93, 0.8), ("trellis", 0.93, 0.8), ("rq_trellis", 0.91, 0.93)]
)
def test_few_training_vectors_find_most_neighbors(name, few, of_lengths):
    """Of 100 sentences, and of 300 of varied lengths: by their own variances, .47 and .09 were found."""
    data = load("squad-sentences-mini", max_queries=100)
    base, queries = data.base.read(0, 2000).astype(np.float32), np.asarray(data.queries)
    lengths = np.random.default_rng(5).lognormal(0, 0.7, (len(base), 1)).astype(np.float32)
    for vectors, training, least in ((base, 100, few), (base * lengths, 300, of_lengths)):
        codec = create(name, dim=384, budget="8x").fit(vectors[:training])
        ids = codec.searcher(codec.encode(vectors)).search(queries, 10)[1]
        true = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
        assert np.mean([np.isin(row, near).mean() for row, near in zip(ids, true)]) > least
