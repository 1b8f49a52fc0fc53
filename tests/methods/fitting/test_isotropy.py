"""What makes vectors isotropic: shrunk covariances, independent components."""

from __future__ import annotations

import numpy as np
import pytest

from methods.fitting.fast_ica import independent_components
from methods.fitting.isotropy import oracle_shrinkage, top_directions, whitening


def spread_out(count, dim=12, seed=0):
    rng = np.random.default_rng(seed)
    turned = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    return (rng.standard_normal((count, dim)) * (1 + np.arange(dim)) @ turned + 3).astype(np.float32)


def test_whitened_vectors_have_the_average_variance_in_all_directions():
    vectors = spread_out(2000)
    mean, axes, scales, share = whitening(vectors, 0)
    assert share == 0
    whitened = (vectors - mean) @ (axes * scales)
    covariance = np.cov(whitened.T, bias=True)
    average = np.cov(vectors.T, bias=True).trace() / 12
    np.testing.assert_allclose(covariance, average * np.eye(12), atol=1e-3 * average)


def test_full_shrinkage_scales_nothing():
    np.testing.assert_allclose(whitening(spread_out(50), 1)[2], 1)


def test_shrinkage_is_small_for_many_vectors_and_large_for_few():
    many, few = (whitening(spread_out(count))[3] for count in (20_000, 8))
    assert many < 0.001 < 0.2 < few <= 1
    assert whitening(spread_out(8))[2].max() < 4  # no direction that eight vectors do not span is blown up


def test_shrinkage_is_the_nearest_to_the_best():
    variances = np.linspace(1, 5, 12)
    best, taken = [], []
    for seed in range(30):
        drawn = np.random.default_rng(seed).standard_normal((20, 12)) * np.sqrt(variances)
        covariance = drawn.T @ drawn / 20
        average = covariance.trace() / 12 * np.eye(12)
        errors = {
            share: np.square((1 - share) * covariance + share * average - np.diag(variances)).sum()
            for share in np.linspace(0, 1, 101)
        }
        best.append(min(errors, key=errors.get))
        taken.append(oracle_shrinkage(np.linalg.eigvalsh(covariance), 20))
    assert np.mean(taken) == pytest.approx(np.mean(best), abs=0.08)
    assert 0.4 < np.mean(best) < 0.8


@pytest.mark.parametrize("vectors", [np.zeros((5, 4)), np.ones((1, 4)), np.tile([1.0, 0, 2, 0], (9, 1))])
def test_vectors_without_variance_stay_as_they_are(vectors):
    _, axes, scales, _ = whitening(vectors.astype(np.float32))
    np.testing.assert_allclose(axes.T @ axes, np.eye(4), atol=1e-9)
    np.testing.assert_array_equal(scales, 1)


def test_top_directions_are_those_of_greatest_variance():
    vectors = spread_out(3000)
    _, top = top_directions(vectors, 2)
    variances = np.var(vectors @ top, axis=0)
    np.testing.assert_allclose(np.sort(variances)[::-1], [144, 121], rtol=0.15)


def test_known_sources_are_found():
    rng = np.random.default_rng(1)
    count = 6000
    sources = np.column_stack(
        [
            rng.laplace(size=count),
            rng.uniform(-1, 1, count),
            rng.choice([-1.0, 1.0], count),
            rng.exponential(size=count),
        ]
    )
    mixed = (sources @ rng.standard_normal((4, 4))).astype(np.float32)
    mean, axes, scales, _ = whitening(mixed, 0)
    white = (mixed - mean) @ (axes * scales)
    white = (white / white.std()).astype(np.float32)
    rotation = independent_components(white)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(4), atol=1e-9)
    agreement = np.abs(np.corrcoef((white @ rotation).T, sources.T)[:4, 4:])
    assert (np.sort(agreement, axis=1)[:, -1] > 0.98).all()
    assert sorted(agreement.argmax(axis=1)) == [0, 1, 2, 3]
    assert np.abs(np.corrcoef(white.T, sources.T)[:4, 4:]).max() < 0.98  # whitening alone does not


def test_components_are_those_of_the_seed():
    white = np.random.default_rng(2).standard_normal((300, 6)).astype(np.float32)
    first, same, other = (independent_components(white, 5, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, same)
    assert np.abs(first - other).max() > 0.01
