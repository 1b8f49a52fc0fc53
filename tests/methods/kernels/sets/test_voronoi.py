"""The order in which vectors are dropped is that of the plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from methods.kernels.sets.voronoi import drop_order, drop_order_reference


@pytest.mark.parametrize(("m", "n"), [(40, 1), (1, 5), (60, 23), (7, 30)])
def test_the_order_is_that_of_the_reference(m, n):
    products = np.random.default_rng(n).integers(-3, 9, (m, n)).astype(np.float32)
    products[:, 1:2] = -1e9  # wins nothing
    order = drop_order(products)
    assert np.array_equal(order, drop_order_reference(products))
    assert sorted(order) == list(range(n))
    if n > 1:
        assert order[1] < n - 1


def test_what_a_dropped_vector_won_passes_to_its_near_copy():
    products = np.array([[9, 8, 0], [8, 9, 0], [9, 8, 0], [0, 0, 9], [0, 1, 9]], np.float32)
    assert drop_order(products).tolist() == [2, 0, 1]
