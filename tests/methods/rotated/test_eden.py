"""EDEN: sizes, the two scales, scores against decoded vectors."""

from __future__ import annotations

import numpy as np
import pytest

from methods import BudgetError, MethodError, Metric
from methods.checks import data
from methods.rotated.eden import EDEN


@pytest.mark.parametrize(("code_bytes", "bits", "size"), [(56, 1, 56), (104, 2, 104), (192, 3, 152), (200, 4, 200)])
def test_the_most_bits_that_fit_beside_eight_bytes_of_factors(code_bytes, bits, size):
    codec = EDEN.for_budget(384, code_bytes, Metric.IP)
    assert (codec.bits, codec.code_size) == (bits, size)


def test_the_smallest_code_is_named():
    with pytest.raises(BudgetError, match="56 B"):
        EDEN.for_budget(384, 48, Metric.IP)


@pytest.mark.parametrize("bits", [1, 2, 3])
def test_the_biased_scale_decodes_nearer(bits):
    errors = {}
    for scale in ("biased", "unbiased"):
        codec = EDEN(32, "l2", bits, scale=scale).fit(data.train())
        errors[scale] = ((codec.decode(codec.encode(data.base())) - data.base()) ** 2).sum()
    assert errors["biased"] < errors["unbiased"]


@pytest.mark.parametrize("metric", ["ip", "cosine"])
@pytest.mark.parametrize("queries", [4, 40])
def test_inner_products_are_those_of_decoded_vectors(metric, queries):
    codec = EDEN(32, metric, 3).fit(data.train())
    codes = codec.encode(data.base())
    scores, ids = codec.searcher(codes).search(data.queries()[:queries], 20)
    exact = data.metric_values(data.queries()[:queries], codec.decode(codes), Metric.IP)
    if metric == "cosine":
        exact = exact / np.linalg.norm(data.queries()[:queries], axis=1, keepdims=True)
    assert np.allclose(np.take_along_axis(exact, ids, 1), scores, atol=1e-4)


def test_the_unbiased_scale_is_unbiased_over_rotations():
    query, base = data.queries()[:1], data.base()[:50]
    true = (query @ base.T)[0]
    estimates = []
    for seed in range(40):
        codec = EDEN(32, "ip", 1).fit(data.train(), seed)
        estimates.append(query[0] @ codec.decode(codec.encode(base)).T)
    spread = np.std(estimates, axis=0) / np.sqrt(40)
    assert (np.abs(np.mean(estimates, axis=0) - true) < 4 * spread).all()


def test_an_unknown_scale_is_refused():
    with pytest.raises(MethodError, match="use one of unbiased, biased"):
        EDEN.for_budget(32, 32, Metric.IP, scale="half")


@pytest.mark.parametrize("rotation", ["random", "none"])
@pytest.mark.parametrize("bits", [1, 3, 8])
def test_squared_distances_of_many_queries_are_those_of_faiss_for_few(bits, rotation):
    codec = EDEN(32, "l2", bits, rotation=rotation).fit(data.train())
    searcher = codec.searcher(codec.encode(data.base()))
    queries = np.resize(data.queries(), (40, 32))
    scores, ids = searcher.search(queries, 20)
    few = [searcher.search(queries[at : at + 8], 20) for at in range(0, 40, 8)]
    np.testing.assert_allclose(scores, np.concatenate([found for found, _ in few]), rtol=1e-4, atol=1e-4)
    assert (ids == np.concatenate([found for _, found in few]))[scores > 0].mean() > 0.99  # below 0 faiss cuts off
