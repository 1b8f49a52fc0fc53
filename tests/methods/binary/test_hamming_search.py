"""Binary codes are searched by Hamming distance, or by float queries against signs."""

from __future__ import annotations

import numpy as np
import pytest

from methods import MethodError, Metric, registry
from methods.binary._base import pack_signs
from methods.checks import data
from methods.kernels.scanning.adc import ADCScanner
from methods.search.scanners import HammingSearcher

BINARY = ["sign", "simhash", "itq", "spectral_hashing"]


def fitted(name, metric=Metric.IP, **params):
    return registry.for_budget(name, data.DIM, 4, metric, **params).fit(data.train())


def test_signs_are_packed_high_bit_first_and_zero_is_positive():
    values = np.array([[1, -1, 0, -1, -1, -1, -1, 2, -3, -0.0]])
    assert pack_signs(values).tolist() == [[0b10100001, 0b01000000]]


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


@pytest.mark.parametrize("name", BINARY)
def test_asymmetric_scores_are_products_with_signs_best_first(name):
    codec = fitted(name, scoring="asymmetric")
    codes, queries = codec.encode(data.base()), data.queries()
    searcher = codec.searcher(codes)
    scores, ids = searcher.search(queries, 20)
    signs = 2 * np.unpackbits(codes, axis=1, count=codec.bits).astype(np.float32) - 1
    values = codec._query_values(queries)
    truth = values @ signs.T
    # The query's rounding to int8: half a unit for each bit.
    most = np.abs(values).max(axis=1, keepdims=True) / 254 * codec.bits
    assert (np.abs(scores - np.take_along_axis(truth, ids, axis=1)) <= most + 1e-4).all()
    assert (np.diff(scores, axis=1) <= 0).all()
    assert isinstance(searcher.scanner, ADCScanner)
    assert not searcher.estimates_metric
    assert searcher.descending


def test_more_bits_than_can_be_scanned_are_refused():
    with pytest.raises(MethodError, match=r"bits=40000 is more than can be scanned; use at most 32,760"):
        registry.get("simhash")(data.DIM, Metric.IP, 40_000)


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
