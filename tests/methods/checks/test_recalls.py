"""Recall among equal values: the average over their orders, whatever order a sort has."""

import numpy as np
import pytest

from methods.checks import data, recalls


@pytest.mark.parametrize(
    ("near", "expected"),
    [([0, 1, 2], 0.3), ([0, 10, 11], 0.1 + 0.2 * 4 / 14), ([6, 7, 19], 0.3 * 4 / 14), ([5], 0.1)],
)
def test_equal_values_share_the_last_places(near, expected):
    """Six vectors come first; fourteen equal ones share four places."""
    values = np.concatenate([np.arange(6.0), np.full(14, 9.0)])[None]
    wanted = np.isin(np.arange(20), near)[None]
    for order in (np.arange(20), np.arange(20)[::-1]):
        found = recalls._expected_recall(values[:, order], wanted[:, order])
        assert found == pytest.approx([expected])


def test_values_equal_but_for_rounding_share_places():
    values = 3 + 1e-15 * np.random.default_rng(0).random((1, 20))
    values[0, 0] = 2
    found = recalls._expected_recall(values, np.arange(20)[None] < 2)
    assert found == pytest.approx([0.1 + 0.1 * 9 / 19])


def test_without_equal_values_it_is_the_share_of_the_first_ten():
    values = np.random.default_rng(1).random((30, 200))
    near = np.random.default_rng(2).random((30, 200)) < 0.3
    first = np.argsort(values, axis=1)[:, : data.K]
    np.testing.assert_allclose(recalls._expected_recall(values, near), np.take_along_axis(near, first, 1).mean(axis=1))
