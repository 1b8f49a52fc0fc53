"""Outliers are measured from the median, and moved; all other vectors stay as they are."""

from __future__ import annotations

import numpy as np
import pytest

from methods.fitting.outliers import Spread, main_mass, without_outliers


@pytest.fixture
def vectors(gaussian):
    return gaussian(300, 20, seed=4) + 3


def test_vectors_without_outliers_are_not_copied(vectors):
    assert without_outliers(vectors) is vectors


@pytest.mark.parametrize("scale", [1e-20, 1.0, 1e15])
@pytest.mark.parametrize("times", [100.0, 1e6])
def test_an_outlier_moves_to_the_typical_distance_in_its_direction(vectors, scale, times):
    vectors[5] = 3 + times * (vectors[5] - 3)
    vectors = (vectors * scale).astype(np.float32)
    pulled = without_outliers(vectors)
    np.testing.assert_array_equal(np.delete(pulled, 5, axis=0), np.delete(vectors, 5, axis=0))
    spread = Spread.of(vectors)
    before, after = (rows[5].astype(np.float64) - spread.center for rows in (vectors, pulled))
    assert np.linalg.norm(after) == pytest.approx(spread.typical, rel=1e-5)
    assert before @ after == pytest.approx(np.linalg.norm(before) * np.linalg.norm(after), rel=1e-5)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_few_vectors_are_enough(vectors, n):
    assert np.isfinite(without_outliers(vectors[:n])).all()
    vectors[0] *= 1000
    assert np.linalg.norm(without_outliers(vectors[: 3 * n]).mean(axis=0)) < 30 or n == 1


def test_zero_rows_do_not_make_all_others_outliers(vectors):
    vectors[:200] = 0
    assert without_outliers(vectors) is vectors


def test_equal_vectors_have_no_spread(vectors):
    equal = np.repeat(vectors[:1], 50, axis=0)
    assert Spread.of(equal).typical == 0
    assert without_outliers(equal) is equal


def test_the_main_mass_leaves_a_far_cluster_out_and_copies_nothing_else(vectors):
    assert main_mass(vectors) is vectors
    vectors[10:30] += 5
    np.testing.assert_array_equal(main_mass(vectors), np.delete(vectors, range(10, 30), axis=0))
