"""The k-means kernels agree with NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from methods.kernels.fitting.kmeans import assign_nearest, split_into_empty


@pytest.mark.parametrize("d", [1, 3, 4, 7, 8])
@pytest.mark.parametrize("centroids", [2, 16, 256])
def test_assignment_and_sums_agree_with_numpy(d, centroids):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((500, d)).astype(np.float32)
    table = rng.standard_normal((d, centroids)).astype(np.float32)
    nearest, sums = np.empty(500, np.int32), np.empty((centroids, d + 1))
    assign_nearest(vectors, table, nearest, sums)
    distances = ((vectors[:, :, None] - table[None]).astype(np.float64) ** 2).sum(1)
    assert np.allclose(distances[np.arange(500), nearest], distances.min(1), atol=1e-5)
    for c in range(centroids):
        assert np.allclose(sums[c, :-1], vectors[nearest == c].sum(0, dtype=np.float64))
        assert sums[c, -1] == (nearest == c).sum()


def test_an_empty_cluster_takes_half_of_the_largest():
    centroids, sizes = np.float32([[4, 8], [0, 0], [1, 1]]), np.array([9.0, 0.0, 3.0])
    split_into_empty(centroids, sizes)
    assert sizes.tolist() == [5, 4, 3]
    assert np.allclose(centroids[:2], [4, 8], rtol=2e-3)
    assert not np.array_equal(centroids[0], centroids[1])
