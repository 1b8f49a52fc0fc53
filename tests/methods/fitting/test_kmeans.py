"""Our k-means in narrow subspaces does as well as faiss's, and fails on nothing that it is given."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from methods.checks import data
from methods.fitting.kmeans import kmeans, learn_codebooks, nearest_on_a_line


def error(vectors, centroids):
    return float(faiss.knn(vectors, centroids, 1)[0].mean())


@pytest.mark.parametrize("width", [1, 2, 5, 8])
def test_error_is_within_three_percent_of_faiss(width):
    vectors = np.ascontiguousarray(np.concatenate([data.train(), data.base()])[:, :width])
    ours, theirs = [], []
    for seed in range(8):
        clustering = faiss.Clustering(width, 32)
        clustering.niter, clustering.min_points_per_centroid, clustering.seed = 25, 1, seed
        clustering.train(vectors, faiss.IndexFlatL2(width))
        theirs.append(error(vectors, faiss.vector_to_array(clustering.centroids).reshape(32, width)))
        ours.append(error(vectors, kmeans(vectors, 32, 25, seed)))
    assert np.mean(ours) <= 1.03 * np.mean(theirs)


def test_each_iteration_lowers_the_error():
    vectors = np.ascontiguousarray(data.train()[:, :4])
    errors = [error(vectors, kmeans(vectors, 16, iterations, 0)) for iterations in (1, 3, 10, 30)]
    assert errors == sorted(errors, reverse=True)


def test_goes_on_from_given_centroids():
    vectors = np.ascontiguousarray(data.train()[:, :4])
    whole = kmeans(vectors, 16, 12, 0)
    halves = kmeans(vectors, 16, 6, 99, start=kmeans(vectors, 16, 6, 0))
    assert np.allclose(whole, halves, atol=1e-5)


def test_empty_clusters_are_filled_and_equal_vectors_are_found_again():
    vectors = np.repeat(np.float32([[1, 2], [-3, 4], [0, 0]]), 50, axis=0)
    centroids = kmeans(vectors, 8, 20, 0)
    assert np.isfinite(centroids).all()
    assert error(vectors, centroids) < 1e-4


def test_as_many_vectors_as_centroids_are_the_centroids():
    vectors = np.ascontiguousarray(data.train()[:16, :3])
    assert error(vectors, kmeans(vectors, 16, 5, 0)) == 0


def test_codebooks_belong_to_their_subspaces():
    vectors = np.ascontiguousarray(data.train())
    codebooks = learn_codebooks(vectors, 4, 4, 10, 0)
    assert codebooks.shape == (4, 16, 8)
    alone = kmeans(np.ascontiguousarray(vectors[:, 16:24]), 16, 10, 0)
    assert np.array_equal(codebooks[2], alone)


def test_on_a_line_every_value_meets_its_nearest_centroid():
    rng = np.random.default_rng(0)
    values = rng.standard_normal(2000).astype(np.float32)
    centroids = np.append(rng.standard_normal(30), [0.5, 0.5]).astype(np.float32)
    distances = np.abs(values[:, None] - centroids)
    found = distances[np.arange(2000), nearest_on_a_line(values, centroids)]
    np.testing.assert_allclose(found, distances.min(axis=1), rtol=1e-5, atol=1e-7)


def test_on_a_line_the_iterations_are_those_of_the_general_case():
    values = np.concatenate([data.train(), data.base()])[:, :1]
    general = kmeans(np.hstack([values, np.zeros_like(values)]), 32, 7, 3)
    np.testing.assert_allclose(kmeans(values, 32, 7, 3)[:, 0], np.sort(general[:, 0]), rtol=1e-4, atol=1e-6)
