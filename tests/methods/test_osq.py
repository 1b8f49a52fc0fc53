"""OSQ: the optimized interval against its reference, what the optimization is worth, quantized queries."""

from __future__ import annotations

import numpy as np
import pytest

from methods import MethodError, Metric, for_budget, get
from methods.kernels.intervals import optimized_interval_reference, optimized_intervals


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
    centred = vectors - vectors.mean(axis=0)
    errors = {}
    for anisotropy in (0.01, 1.0):
        codec = get("osq")(96, bits=2, anisotropy=anisotropy).fit(vectors)
        error = codec.decode(codec.encode(vectors)) - vectors
        errors[anisotropy] = float(np.abs((error * centred).sum(axis=1)).mean()), float((error**2).mean())
    assert errors[0.01][0] < 0.5 * errors[1.0][0]  # along the vector
    assert errors[0.01][1] > errors[1.0][1]  # as a whole


def test_error_is_below_that_of_the_whole_range():
    vectors = np.random.default_rng(1).standard_normal((200, 256)).astype(np.float32)
    error = {}
    for name, params in (("osq", {"bits": 4, "anisotropy": 1.0}), ("lvq", {"levels": "4"})):
        codec = get(name)(256, **params).fit(vectors)
        error[name] = float(((codec.decode(codec.encode(vectors)) - vectors) ** 2).mean())
    assert error["osq"] < 0.95 * error["lvq"]


@pytest.mark.parametrize(("code_bytes", "bits"), [(52, 1), (99, 1), (100, 2), (196, 4), (388, 8), (1000, 8)])
def test_budget_takes_the_most_bits_that_fit(code_bytes, bits):
    assert for_budget("osq", 384, code_bytes, Metric.IP).bits == bits


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
        ({"bits": 3}, "no bits=3; use one of 1, 2, 4, 8"),
        ({"query_bits": 5}, "no query_bits=5"),
        ({"anisotropy": 0}, "no anisotropy=0; use a number above 0"),
        ({"iterations": -1}, "no iterations=-1"),
    ],
)
def test_wrong_parameters_are_refused(params, message):
    with pytest.raises(MethodError, match=message):
        for_budget("osq", 16, 64, Metric.IP, **params)
