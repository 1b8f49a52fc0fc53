"""SimHash: the share of differing bits estimates the angle."""

from __future__ import annotations

import numpy as np
import pytest

from methods import Metric
from methods.binary.simhash import SimHash
from methods.errors import UnsupportedMetric


def pairs_at_angle(angle, n, dim=64):
    """n pairs of vectors at ``angle``, of different norms."""
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((n, dim, 2)))[0]
    first, other = basis[..., 0], basis[..., 1]
    return 3 * first, 0.2 * (np.cos(angle) * first + np.sin(angle) * other)


def differing_share(codec, first, second):
    return np.bitwise_count(codec.encode(first) ^ codec.encode(second)).sum(axis=1) / codec.bits


@pytest.mark.parametrize("orthogonal", [False, True])
@pytest.mark.parametrize("angle", [0.1, 0.5, 1.5, 3.0])
def test_bits_differ_with_probability_angle_over_pi(angle, orthogonal):
    first, second = pairs_at_angle(angle, 200)
    share = differing_share(SimHash(64, bits=2048, orthogonal=orthogonal).fit(first), first, second)
    assert share.mean() == pytest.approx(angle / np.pi, abs=0.004)


def test_orthogonal_normals_estimate_the_angle_with_less_variance():
    first, second = pairs_at_angle(1.0, 400)
    spread = {
        orthogonal: np.mean(
            [
                differing_share(SimHash(64, bits=64, orthogonal=orthogonal).fit(first, seed), first, second).var()
                for seed in range(5)
            ]
        )
        for orthogonal in (False, True)
    }
    assert spread[True] < 0.8 * spread[False]


def test_orthogonal_normals_are_so_within_each_group_of_dim():
    normals = SimHash(10, bits=24, orthogonal=True).fit(np.ones((1, 10))).parts()["normals"]
    for group in (normals[:, :10], normals[:, 10:20], normals[:, 20:]):
        np.testing.assert_allclose(group.T @ group, np.eye(group.shape[1]), atol=1e-6)


def test_every_byte_of_the_budget_is_used():
    for code_bytes in (1, 7, 1000):
        assert SimHash.for_budget(64, code_bytes, Metric.IP).code_size == code_bytes


def test_euclidean_distance_is_declared_unsupported():
    with pytest.raises(UnsupportedMetric, match="simhash does not support metric=l2; it does cosine, ip"):
        SimHash.for_budget(64, 8, Metric.L2)
