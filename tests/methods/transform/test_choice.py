"""What held-out training vectors are, and which of equal values they leave."""

from __future__ import annotations

import numpy as np
import pytest

from methods.base import Metric
from methods.transform.transform_coding.choice import held_out, largest_of_equals, sample_size


@pytest.mark.parametrize(("dim", "size"), [(2, 10_000), (400, 10_000), (1536, 2604), (4000, 1000), (65_536, 1000)])
def test_a_base_of_many_dimensions_has_fewer_vectors(dim, size):
    assert sample_size(dim) == size


@pytest.mark.parametrize(("n", "dim", "queries", "others"), [(300, 8, 30, 270), (12_000, 8, 1000, 10_000)])
def test_held_out_vectors_are_not_in_the_base_they_search(n, dim, queries, others):
    vectors = np.random.default_rng(0).standard_normal((n, dim)).astype(np.float32)
    asked, base, truth = held_out(vectors, Metric.L2, 0)
    assert (asked.shape, base.shape, truth.shape) == ((queries, dim), (others, dim), (queries, 10))
    distances = np.square(asked[:, None] - base[truth]).sum(axis=2)
    assert distances.min() > 0
    assert (np.diff(distances, axis=1) >= -1e-5).all()


def test_of_values_that_cannot_be_told_apart_the_largest_is_taken():
    assert largest_of_equals({1.0: 0.5, 1.25: 0.52, 1.5: 0.519, 1.75: 0.51}) == 1.5
    assert largest_of_equals({1.0: 0.5, 0.9: 0.502, 0.8: 0.4}) == 1.0
