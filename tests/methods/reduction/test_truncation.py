"""Truncation: the prefix, its length, and what its scores then mean."""

from __future__ import annotations

import numpy as np
import pytest

from methods import Metric, for_budget


@pytest.fixture
def vectors(gaussian):
    return gaussian(80, 10, seed=6)


def scores_of(vectors, metric, **params):
    codec = for_budget("truncation", 10, 40, metric, codec="float32", out_dim=4, **params).fit(vectors)
    searcher = codec.searcher(codec.encode(vectors))
    scores, ids = searcher.search(vectors[:5], len(vectors))
    return codec, np.take_along_axis(scores, np.argsort(ids, axis=1), axis=1)


def test_inner_product_is_the_cosine_of_prefixes_times_both_lengths(vectors):
    _, scores = scores_of(vectors, Metric.IP)
    prefix, length = vectors[:, :4], np.linalg.norm(vectors, axis=1)
    unit = prefix / np.linalg.norm(prefix, axis=1, keepdims=True)
    np.testing.assert_allclose(scores, (unit[:5] @ unit.T) * length[:5, None] * length, rtol=1e-4, atol=1e-5)


def test_cosine_is_the_cosine_of_prefixes(vectors):
    _, scores = scores_of(vectors, Metric.COSINE)
    unit = vectors[:, :4] / np.linalg.norm(vectors[:, :4], axis=1, keepdims=True)
    np.testing.assert_allclose(scores, unit[:5] @ unit.T, rtol=1e-4, atol=1e-6)


def test_without_renormalizing_scores_are_those_of_zero_padded_prefixes(vectors):
    padded = np.where(np.arange(10) < 4, vectors, 0)
    codec, scores = scores_of(vectors, Metric.IP, renormalize=False)
    np.testing.assert_allclose(scores, vectors[:5] @ padded.T, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(codec.decode(codec.encode(vectors)), padded)


def test_distances_are_never_renormalized(vectors):
    padded = np.where(np.arange(10) < 4, vectors, 0)
    for renormalize in (True, False):
        _, scores = scores_of(vectors, Metric.L2, renormalize=renormalize)
        expected = ((vectors[:5, None] - padded) ** 2).sum(axis=2)
        np.testing.assert_allclose(scores, expected, rtol=1e-4)


def test_a_prefix_of_zeros_stays_zero():
    vectors = np.float32([[0, 0, 0, 1], [1, 0, 0, 0]])
    codec = for_budget("truncation", 4, 8, Metric.COSINE, codec="float32", out_dim=2).fit(vectors)
    np.testing.assert_array_equal(codec.decode(codec.encode(vectors)), [[0, 0, 0, 0], [1, 0, 0, 0]])
