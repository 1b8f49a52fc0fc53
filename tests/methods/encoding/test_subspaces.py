"""Cutting vectors into equally wide subspaces changes nothing but where zeros are."""

from __future__ import annotations

import numpy as np
import pytest

from methods import MethodError
from methods.encoding.subspaces import Subspaces


@pytest.mark.parametrize(("dim", "count"), [(1, 1), (3, 2), (100, 12), (384, 96), (7, 7), (13, 5)])
def test_spreading_and_gathering_keeps_vectors_and_inner_products(dim, count, gaussian):
    vectors = gaussian(5, dim)
    subspaces = Subspaces(dim, count)
    padded = subspaces.spread(vectors)
    assert padded.shape == (5, subspaces.padded_dim)
    assert np.array_equal(subspaces.gather(padded), vectors)
    assert np.allclose(padded @ padded.T, vectors @ vectors.T, atol=1e-4)


def test_runs_differ_by_one_dimension_at_most():
    subspaces = Subspaces(100, 12)
    assert subspaces.lengths.tolist() == [9] * 4 + [8] * 8
    assert subspaces.width == 9


def test_no_copy_where_nothing_is_padded():
    vectors = np.zeros((4, 96), np.float32)
    assert Subspaces(96, 12).spread(vectors) is vectors


def test_more_subspaces_than_dimensions_are_refused():
    with pytest.raises(MethodError, match="1 to 3"):
        Subspaces(3, 4)
