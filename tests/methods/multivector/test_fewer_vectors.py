"""Pruning by Voronoi mass, k-means to a fixed number of means, and means as binary codes."""

from __future__ import annotations

import numpy as np
import pytest

from methods import registry
from methods.errors import MethodError
from methods.multivector import Ragged
from methods.multivector.checks import base, queries, recall
from methods.multivector.kmeans_pooling import KMeansPooling, _k_means
from methods.multivector.token_store import HammingSetSearcher
from methods.multivector.voronoi_pruning import VoronoiPruning


def configured(name, code_bytes, **params):
    return registry.configured(registry.get(name, "multivector"), 16, code_bytes, base().lengths, **params)


def test_vectors_that_win_most_are_kept_and_never_those_that_win_nothing():
    axes = np.eye(8, dtype=np.float32)
    document = np.stack([0.5 * axes[0], axes[0], np.zeros(8, np.float32), axes[1], axes[2]])
    sampled = axes[[0, 0, 0, 1, 2, 2]].astype(np.float16)
    codec = VoronoiPruning.from_parts(VoronoiPruning(8, 0.4, "float32").params(), {"sampled": sampled})
    kept = codec.decode(codec.encode(Ragged.from_list([document])))
    assert kept.vectors.tolist() == document[[1, 4]].tolist()


def test_kept_by_mass_find_more_than_the_first_at_equal_bytes():
    found = []
    for name in ("voronoi_pruning", "first_k_tokens"):
        codec = configured(name, 100).fit(base())
        found.append(recall(codec.searcher(codec.encode(base())).search(queries(), 5)[1]))
    assert found[0] > found[1] + 0.05


def test_means_are_of_clusters_and_none_is_empty():
    vectors = np.array([[0, 1], [0, 1.2], [5, 0], [5.2, 0], [5.1, 0]], np.float32)
    np.testing.assert_allclose(_k_means(vectors, 2), [[0, 1.1], [5.1, 0]], atol=1e-6)
    assert _k_means(vectors, 5) is vectors
    rng = np.random.default_rng(0)
    copies = np.concatenate([np.tile(rng.standard_normal((1, 4)), (9, 1)), rng.standard_normal((3, 4))])
    means = _k_means(copies.astype(np.float32), 7)
    assert np.isfinite(means).all()
    assert len(np.unique(means.round(4), axis=0)) == 4


def test_documents_keep_equally_many_means():
    codec = KMeansPooling(16, 9, "float32").fit(base())
    assert codec.decode(codec.encode(base())).lengths.tolist() == np.minimum(base().lengths, 9).tolist()
    with pytest.raises(MethodError, match="kept=0 is not a number of vectors"):
        KMeansPooling(16, 0)


@pytest.mark.parametrize("name", ["token_pooling", "kmeans_pooling"])
@pytest.mark.parametrize("codec", ["sign", "itq"])
def test_means_are_compared_as_binary_codes(name, codec):
    fitted = configured(name, 30, codec=codec).fit(base())
    codes = fitted.encode(base())
    assert codes.sizes.mean() <= 30
    searcher = fitted.searcher(codes)
    assert isinstance(searcher, HammingSetSearcher)
    assert recall(searcher.search(queries(), 5)[1]) > 0.35
