"""OSQ: the optimized interval against its reference, what the optimization gains, quantized queries."""

from __future__ import annotations

import numpy as np
import pytest

from methods import MethodError, Metric, for_budget, get
from methods.kernels.encoding.optimized_interval import optimized_interval_reference, optimized_intervals
from methods.vectors import normalized


@pytest.fixture
def vectors():
    return (np.random.default_rng(11).standard_t(5, (150, 96)) / 10).astype(np.float32)


def loss(x, interval, bits, anisotropy):
    lower, upper = interval
    top = 2**bits - 1
    error = x - (lower + (upper - lower) * np.rint(np.clip((x - lower) / (upper - lower), 0, 1) * top) / top)
    return (1 - anisotropy) * (x @ error) ** 2 / (x @ x) + anisotropy * error @ error


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_kernel_optimizes_like_the_reference(vectors, bits):
    bounds = np.empty((len(vectors), 2), np.float32)
    optimized_intervals(vectors, bits, 0.1, 5, bounds)
    expected = np.array([optimized_interval_reference(x, bits, 0.1, 5) for x in vectors])
    # Rounding may send a value to the next level, and the descent to another end: compare what is reached.
    close = np.isclose(bounds, expected, rtol=1e-3, atol=1e-4).all(axis=1)
    assert close.mean() > 0.9
    reached = [loss(x.astype(np.float64), b, bits, 0.1) for x, b in zip(vectors, bounds.astype(np.float64))]
    aimed = [loss(x.astype(np.float64), b, bits, 0.1) for x, b in zip(vectors, expected)]
    np.testing.assert_allclose(np.mean(reached), np.mean(aimed), rtol=0.02)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_every_iteration_lowers_the_loss(vectors, bits):
    means = []
    for iterations in (0, 1, 5):
        bounds = np.empty((len(vectors), 2), np.float32)
        optimized_intervals(vectors, bits, 0.1, iterations, bounds)
        means.append(np.mean([loss(x.astype(np.float64), b, bits, 0.1) for x, b in zip(vectors, bounds)]))
    assert means[0] > means[1] >= means[2]


def test_low_anisotropy_keeps_the_inner_product_of_a_vector_with_itself(vectors):
    centered = vectors - vectors.mean(axis=0)
    errors = {}
    for anisotropy in (0.01, 1.0):
        codec = get("osq")(96, bits=2, anisotropy=anisotropy).fit(vectors)
        error = codec.decode(codec.encode(vectors)) - vectors
        errors[anisotropy] = float(np.abs((error * centered).sum(axis=1)).mean()), float((error**2).mean())
    assert errors[0.01][0] < 0.5 * errors[1.0][0]  # along the vector
    assert errors[0.01][1] > errors[1.0][1]  # as a whole


def test_error_is_below_that_of_the_whole_range(gaussian):
    vectors = gaussian(200, 256, seed=1)
    error = {}
    for name, params in (("osq", {"bits": 4, "anisotropy": 1.0}), ("lvq", {"levels": "4"})):
        codec = get(name)(256, **params).fit(vectors)
        error[name] = float(((codec.decode(codec.encode(vectors)) - vectors) ** 2).mean())
    assert error["osq"] < 0.95 * error["lvq"]


@pytest.mark.parametrize(("code_bytes", "bits"), [(52, 1), (99, 1), (100, 2), (196, 4), (388, 8), (1000, 8)])
def test_budget_takes_the_most_bits_that_fit(code_bytes, bits):
    assert for_budget("osq", 384, code_bytes, Metric.L2).bits == bits
    assert for_budget("osq", 384, code_bytes + 2, Metric.IP).bits == bits


def test_an_offset_of_two_bytes_is_counted_where_products_need_it():
    sizes = {metric: get("osq")(384, metric, bits=2).code_size for metric in Metric}
    assert sizes == {"l2": 100, "ip": 102, "cosine": 102}


@pytest.fixture
def cone():
    """Vectors and queries with an average cosine of 0.9."""
    rng = np.random.default_rng(5)
    common = rng.standard_normal(96)
    rows = np.sqrt(0.1) * normalized(rng.standard_normal((1040, 96))) + np.sqrt(0.9) * common / np.linalg.norm(common)
    return normalized(rows[:1000]), normalized(rows[1000:])


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_products_are_exact_along_the_direction_of_the_mean(cone, bits):
    vectors, _ = cone
    codec = get("osq")(96, bits=bits).fit(vectors)
    error = codec.decode(codec.encode(vectors)) - vectors
    along = np.abs(error @ normalized(codec.mean_[None])[0]).max()
    assert along < 2e-3 * np.sqrt((error**2).sum(axis=1).mean())


@pytest.mark.parametrize("metric", ["ip", "cosine"])
@pytest.mark.parametrize(("bits", "least"), [(2, 0.5), (4, 0.85)])
def test_a_common_direction_costs_no_recall(cone, metric, bits, least):
    vectors, queries = cone
    truth = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    codec = get("osq")(96, metric, bits=bits).fit(vectors)
    for length in (1.0, 0.01):
        _, ids = codec.searcher(codec.encode(vectors)).search(queries * np.float32(length), 10)
        assert np.mean([np.isin(a, b).mean() for a, b in zip(truth, ids)]) > least


def test_quantized_queries_of_any_length_find_the_same(cone):
    vectors, queries = cone
    codec = get("osq")(96, bits=4, query_bits=4).fit(vectors)
    searcher = codec.searcher(codec.encode(vectors))
    _, expected = searcher.search(queries, 10)
    _, found = searcher.search(queries * np.float32(2**-7), 10)
    np.testing.assert_array_equal(found, expected)


def test_quantized_queries_cost_a_little(vectors):
    codec = get("osq")(96, bits=4).fit(vectors)
    codes, queries = codec.encode(vectors), vectors[:30] + np.float32(0.01)
    exact, _ = codec.searcher(codes).search(queries, 150)
    errors = []
    for query_bits in (2, 4, 8):
        rounded = get("osq")(96, bits=4, query_bits=query_bits).fit(vectors)
        scores, _ = rounded.searcher(codes).search(queries, 150)
        errors.append(float(np.abs(scores - exact).max()))
    assert errors[0] > errors[1] > errors[2] > 0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"bits": 3}, "bits=1, 2, 4 or 8, not 3"),
        ({"query_bits": 5}, "query_bits=1, 2, 4, 8 or null, not 5"),
        ({"anisotropy": 0}, "anisotropy=0 is out of range; use a number above 0"),
        ({"iterations": -1}, "iterations=-1 is out of range"),
    ],
)
def test_wrong_parameters_are_refused(params, message):
    with pytest.raises(MethodError, match=message):
        for_budget("osq", 16, 64, Metric.IP, **params)
