"""Two bytes of a squared length: precise between its bounds, and bounds that no training vectors break."""

from __future__ import annotations

import numpy as np
import pytest

from methods.encoding.squared_length import half_squares, square_bytes, square_range, square_tables


def read(squares, bounds):
    high, low = square_tables(bounds)
    first, second = square_bytes(squares, bounds).T
    return high[first] * low[second]


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_squares_within_the_bounds_are_kept_to_half_a_step(size):
    squares = size * np.random.default_rng(0).uniform(1, 3, 1000)
    bounds = square_range(squares)
    step = np.log(bounds[1].astype(float) / bounds[0]) / 65_535
    assert np.abs(read(squares, bounds) / squares - 1).max() < 0.51 * step + 1e-6
    assert step < 3e-5


def test_squares_beyond_the_bounds_saturate():
    bounds = np.array([1, 4], np.float32)
    np.testing.assert_allclose(read(np.array([0, 0.1, 100]), bounds), [1, 1, 4], rtol=1e-5)


def test_zeros_among_the_training_vectors_do_not_count():
    squares = np.array([0, 0, 0, 0, 2.0, 3, 4])
    np.testing.assert_allclose(square_range(squares), [2 / 1.2, 4.8], rtol=1e-6)
    assert square_range(np.zeros(3)).tolist() == [1, 1]


def test_tiny_and_huge_vectors_have_bounds():
    for size in (1e-25, 1e25):
        squares = half_squares(np.full((3, 4), size, np.float32))
        assert np.isfinite(square_range(squares)).all()
