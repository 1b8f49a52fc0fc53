"""Random projection: unbiased scores, nothing learned."""

from __future__ import annotations

import numpy as np
import pytest

from methods import Metric, for_budget
from methods.reduction.random_projection import RandomSubspace


@pytest.mark.thorough
@pytest.mark.parametrize("metric", [Metric.IP, Metric.L2])
def test_scores_are_unbiased_over_draws(metric):
    rng = np.random.default_rng(0)
    vectors, query = rng.standard_normal((1, 16)).astype(np.float32), rng.standard_normal((1, 16)).astype(np.float32)
    scores = []
    for seed in range(600):
        codec = for_budget("random_projection", 16, 16, metric, codec="float32", out_dim=4).fit(vectors, seed)
        scores.append(codec.searcher(codec.encode(vectors)).search(query, 1)[0][0, 0])
    true = ((query - vectors) ** 2).sum() if metric is Metric.L2 else (query * vectors).sum()
    assert abs(np.mean(scores) - true) < 4 * np.std(scores) / np.sqrt(len(scores))
    assert np.std(scores) > 0.1


def test_directions_are_orthogonal_and_scaled():
    matrix = RandomSubspace(20, 5).fit(np.zeros((1, 20), np.float32), seed=1).matrix_
    np.testing.assert_allclose(matrix.T @ matrix, 4 * np.eye(5), atol=1e-5)


def test_inverse_is_the_nearest_vector_in_the_subspace(gaussian):
    transform = RandomSubspace(20, 5).fit(np.zeros((1, 20), np.float32), seed=1)
    x = gaussian(3, 20, seed=2)
    back = transform.inverse(transform.transform(x))
    np.testing.assert_allclose((x - back) @ transform.matrix_, 0, atol=1e-5)
    np.testing.assert_allclose(transform.inverse(transform.transform(back)), back, atol=1e-5)


def test_the_subspace_depends_on_the_seed_alone():
    one, two = np.zeros((1, 9), np.float32), np.ones((5, 9), np.float32)
    drawn = [RandomSubspace(9, 4).fit(vectors, seed).matrix_ for vectors, seed in ((one, 3), (two, 3), (one, 4))]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.allclose(drawn[0], drawn[2])
