"""Groups of 8 bits, the most there are: their axes rotated among themselves."""

from __future__ import annotations

import numpy as np
import pytest

from methods.fitting.allocation import evened_groups, full_groups, group_count, rotated_axes

FULL, LESS = 8, 7


def axes_of(dim):
    """Matrix and variances of groups; standard deviations fall to 1 / (1 + dim / 8)."""
    axes = np.linalg.qr(np.random.default_rng(0).standard_normal((dim, dim)))[0].astype(np.float32)
    return rotated_axes(axes, (1 / (1 + np.arange(dim) / 8) ** 2).astype(np.float32), 3)


def axes_each(dim):
    """How many axes each group has."""
    return np.minimum(8, dim - 8 * np.arange(group_count(dim)))


@pytest.mark.parametrize("run_length", [1024, 48])
@pytest.mark.parametrize("dim", [256, 100, 25])
def test_evened_groups_stay_orthonormal_and_vary_equally(dim, run_length):
    matrix, variances = axes_of(dim)
    evened, even = evened_groups(matrix, variances, np.arange(len(variances)), run_length)
    used = evened[:, :dim]
    assert np.allclose(used.T @ used, np.eye(dim), atol=1e-5)
    assert (evened[:, dim:] == 0).all()
    assert (even * axes_each(dim)).sum() == pytest.approx((variances * axes_each(dim)).sum(), rel=1e-4)
    # How equally depends on how many axes share a run.
    assert np.log(even).std() < 0.6 * np.log(variances).std()


def test_variances_are_those_along_the_evened_axes():
    matrix, variances = axes_of(100)
    along = np.repeat(variances, 8)
    covariance = (matrix * along) @ matrix.T
    evened, even = evened_groups(matrix, variances, np.arange(len(variances)), 48)
    have = np.einsum("ji,jk,ki->i", evened, covariance, evened).reshape(-1, 8).sum(axis=1) / axes_each(100)
    np.testing.assert_allclose(even, have, rtol=1e-4)


def test_other_groups_and_the_given_arrays_are_left_alone():
    matrix, variances = axes_of(64)
    given = matrix.copy(), variances.copy()
    full = np.array([0, 2, 5, 6])
    evened, even = evened_groups(matrix, variances, full)
    others = np.setdiff1d(np.arange(8), full)
    assert np.array_equal(evened.reshape(64, 8, 8)[:, others], matrix.reshape(64, 8, 8)[:, others])
    assert np.array_equal(even[others], variances[others])
    assert not np.allclose(even[full], variances[full], rtol=0.01)
    assert np.array_equal(matrix, given[0])
    assert np.array_equal(variances, given[1])


def test_each_of_many_runs_has_some_of_the_first_axes():
    matrix, variances = axes_of(256)
    variances[2:] = 1e-4 * variances[0]  # all but the first run of rotated_axes
    even = evened_groups(matrix, variances, np.arange(32), run_length=2)[1]
    assert even.max() < 5 * even.mean()
    assert even.min() > 0.2 * even.mean()


@pytest.mark.parametrize(
    ("bits", "variances", "full"),
    [
        ([FULL, FULL, FULL, LESS], [4, 3, 2, 1], [0, 1, 2]),
        ([FULL, FULL, LESS, FULL], [4, 3, 2, 1], [0, 1, 3]),
        ([FULL, FULL, LESS, LESS], [4, 3, 2, 1], []),
        ([FULL, FULL, FULL, FULL], [4, 3, 2, 0], [0, 1, 2]),
        ([FULL, FULL, FULL, FULL], [4, 3, 1e-13, -1e-20], []),
        ([FULL, FULL, FULL, FULL], [0, 0, 0, 0], []),
    ],
)
def test_full_groups_are_more_than_two_that_vary(bits, variances, full):
    assert full_groups(np.array(bits), np.array(variances, np.float32)).tolist() == full
