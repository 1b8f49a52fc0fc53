"""Binary codes are searched by Hamming distance, or by float queries against signs."""

from __future__ import annotations

import numpy as np
import pytest

from methods import MethodError, Metric, registry
from methods._checks import data
from methods.hamming_search import AsymmetricSearcher, HammingSearcher, pack_signs

BINARY = ["sign", "simhash", "itq", "spectral_hashing"]


def fitted(name, metric=Metric.IP, **params):
    return registry.for_budget(name, data.DIM, 4, metric, **params).fit(data.train())


def test_signs_are_packed_low_bit_first_with_zero_positive_and_the_rest_zero():
    values = np.array([[1, -1, 0, -1, -1, -1, -1, 2, -3, -0.0]])
    assert pack_signs(values).tolist() == [[0b10000101, 0b10]]


@pytest.mark.parametrize("k", [1, 37, 500])
@pytest.mark.parametrize("n_queries", [1, 40])
def test_hamming_distances_are_exact_with_ties_by_the_smaller_id(k, n_queries):
    rng = np.random.default_rng(0)
    codes = rng.integers(256, size=(500, 2), dtype=np.uint8)
    queries = rng.integers(256, size=(n_queries, 2), dtype=np.uint8)
    searcher = HammingSearcher(data.DIM, Metric.IP, codes, lambda _: queries)
    scores, ids = searcher.search(np.zeros((n_queries, data.DIM)), k)
    distances = np.bitwise_count(queries[:, None] ^ codes[None]).sum(axis=2)
    expected = np.argsort(distances, axis=1, kind="stable")[:, :k]
    assert np.array_equal(ids, expected)
    assert np.array_equal(scores, np.take_along_axis(distances, expected, axis=1))
    assert not searcher.estimates_metric
    assert not searcher.descending


def test_asymmetric_scores_are_products_with_signs_best_first():
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], (500, 13)).astype(np.float32)
    queries = rng.standard_normal((7, 13)).astype(np.float32)
    searcher = AsymmetricSearcher(13, Metric.IP, pack_signs(signs), lambda values: values)
    scores, ids = searcher.search(queries, 20)
    truth = queries @ signs.T
    np.testing.assert_allclose(scores, np.take_along_axis(truth, ids, axis=1), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(scores, -np.sort(-truth, axis=1)[:, :20], rtol=1e-4, atol=1e-4)
    assert not searcher.estimates_metric
    assert searcher.descending


@pytest.mark.parametrize(("name", "metric"), [(name, m) for name in BINARY for m in sorted(registry.get(name).metrics)])
def test_asymmetric_scoring_uses_the_same_codes_and_finds_more(name, metric):
    hamming, asymmetric = (fitted(name, metric, scoring=scoring) for scoring in ("hamming", "asymmetric"))
    codes = hamming.encode(data.base())
    assert np.array_equal(codes, asymmetric.encode(data.base()))
    queries = data.vectors("many queries", 400)
    values = data.metric_values(queries, data.base(), metric)
    truth = np.argsort(-values if metric.descending else values, axis=1)[:, : data.K]
    recalls = [
        np.mean([np.isin(row, found).mean() for row, found in zip(truth, codec.searcher(codes).search(queries, 10)[1])])
        for codec in (hamming, asymmetric)
    ]
    assert recalls[1] > recalls[0] + 0.02


@pytest.mark.parametrize("name", BINARY)
def test_an_unknown_scoring_names_the_two(name):
    with pytest.raises(MethodError, match=r"scoring='hemming' is unknown; use one of hamming, asymmetric"):
        registry.for_budget(name, data.DIM, 4, Metric.IP, scoring="hemming")
