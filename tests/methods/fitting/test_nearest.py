"""The exact nearest, for fitting."""

import numpy as np

from methods.fitting.nearest import nearest

rng = np.random.default_rng(0)
VECTORS, QUERIES = rng.standard_normal((300, 8), np.float32), rng.standard_normal((50, 8), np.float32)


def test_they_are_in_descending_order_of_products():
    expected = np.argsort(-(QUERIES @ VECTORS.T), axis=1, kind="stable")
    np.testing.assert_array_equal(nearest(VECTORS, QUERIES, 7), expected[:, :7])


def test_there_are_no_more_than_vectors():
    np.testing.assert_array_equal(np.sort(nearest(VECTORS[:3], QUERIES, 7), axis=1), np.tile(np.arange(3), (50, 1)))
