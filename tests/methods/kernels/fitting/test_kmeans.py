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
    nearest, margins, sums = np.empty(500, np.int32), np.empty(500, np.float32), np.empty((centroids, d + 1))
    assert assign_nearest(vectors, table, np.inf, nearest, margins, sums) == 500
    distances = ((vectors[:, :, None] - table[None]).astype(np.float64) ** 2).sum(1)
    assert np.allclose(distances[np.arange(500), nearest], distances.min(1), atol=1e-5)
    for c in range(centroids):
        assert np.allclose(sums[c, :-1], vectors[nearest == c].sum(0, dtype=np.float64))
        assert sums[c, -1] == (nearest == c).sum()


@pytest.mark.parametrize("d", [2, 5])
def test_vectors_not_compared_again_have_the_nearest_centroid_too(d):
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((400, d)).astype(np.float32) + np.float32(3)
    table = vectors[:32].T.copy()
    nearest, margins, sums = np.empty(400, np.int32), np.empty(400, np.float32), np.empty((32, d + 1))
    assign_nearest(vectors, table, np.inf, nearest, margins, sums)
    for _ in range(6):
        step = rng.normal(0, 0.05, table.shape).astype(np.float32)
        table = table + step
        moved = float(np.sqrt((step.astype(np.float64) ** 2).sum(axis=0).max()))
        before = nearest.copy()
        changed = assign_nearest(vectors, table, moved, nearest, margins, sums)
        distances = ((vectors[:, :, None] - table[None]).astype(np.float64) ** 2).sum(1)
        assert np.allclose(distances[np.arange(400), nearest], distances.min(1), atol=1e-5)
        assert changed == (before != nearest).sum() > 0
        assert np.allclose(sums[:, -1], np.bincount(nearest, minlength=32))


def test_an_empty_cluster_takes_half_of_the_largest():
    centroids, sizes = np.float32([[4, 8], [0, 0], [1, 1]]), np.array([9.0, 0.0, 3.0])
    split_into_empty(centroids, sizes)
    assert sizes.tolist() == [5, 4, 3]
    assert np.allclose(centroids[:2], [4, 8], rtol=2e-3)
    assert not np.array_equal(centroids[0], centroids[1])
