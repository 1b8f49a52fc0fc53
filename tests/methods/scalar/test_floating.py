"""Shorter floats round to nearest even, saturate, and decode by the formats' own tables."""

from __future__ import annotations

import numpy as np
import pytest

from methods import Metric, get
from methods.scalar.floating import FLOAT8_MAX, FLOAT8_VALUES, to_float8


def brute_force_float8(values):
    """The nearest of all finite e4m3 values, the even byte on a tie."""
    finite = np.flatnonzero(np.isfinite(FLOAT8_VALUES[:128]))
    table = FLOAT8_VALUES[finite].astype(np.float64)
    distance = np.abs(np.abs(values.astype(np.float64))[:, None] - table)
    tied = distance == distance.min(axis=1, keepdims=True)
    best = np.where(tied, (finite % 2) * 1000 + np.arange(len(finite)), 10_000).argmin(axis=1)
    return (finite[best] + 128 * np.signbit(values)).astype(np.uint8)


def test_float8_table_has_the_values_of_the_format():
    assert FLOAT8_VALUES[0b0_0000_001] == 2.0**-9  # least subnormal
    assert FLOAT8_VALUES[0b0_0001_000] == 2.0**-6  # least normal
    assert FLOAT8_VALUES[0b0_0111_000] == 1.0
    assert FLOAT8_VALUES[0b1_1000_100] == -3.0
    assert FLOAT8_VALUES[0b0_1111_110] == FLOAT8_MAX == 448.0
    assert np.isnan(FLOAT8_VALUES[[0x7F, 0xFF]]).all()


def test_every_float8_value_encodes_to_its_own_byte():
    bytes_ = np.array([byte for byte in range(256) if byte & 127 != 127], np.uint8)
    np.testing.assert_array_equal(to_float8(FLOAT8_VALUES[bytes_]), bytes_)


def test_float8_rounds_to_nearest_and_ties_to_even():
    table = FLOAT8_VALUES[:127]
    middles = (table[1:] + table[:-1]) / 2
    rng = np.random.default_rng(0)
    spread = rng.standard_normal(2000) * 10.0 ** rng.uniform(-4, 2.5, 2000)
    values = np.concatenate([middles, -middles, np.clip(spread, -448, 448)]).astype(np.float32)
    np.testing.assert_array_equal(to_float8(values), brute_force_float8(values))


def test_float8_saturates():
    np.testing.assert_array_equal(FLOAT8_VALUES[to_float8(np.float32([449, -1e30, 3e38]))], [448, -448, 448])


def test_float8_scale_maps_the_training_maximum_to_the_largest_value(rng):
    vectors = rng.standard_normal((50, 9)).astype(np.float32)
    codec = get("float8").for_budget(9, 9, Metric.IP).fit(vectors)
    decoded = codec.decode(codec.encode(vectors))
    at = np.unravel_index(np.abs(vectors).argmax(), vectors.shape)
    np.testing.assert_allclose(decoded[at], vectors[at], rtol=1e-6)
    np.testing.assert_allclose(decoded, vectors, rtol=2**-4, atol=np.abs(vectors).max() * 2.0**-10 / 448)


def test_float8_kernel_agrees_with_the_table(rng):
    codes = rng.integers(0, 256, (40, 21), dtype=np.uint8)
    codes[codes & 127 == 127] = 0
    codec = get("float8")(21).fit(np.full((1, 21), 44.8, np.float32))
    np.testing.assert_array_equal(codec.decode(codes), FLOAT8_VALUES[codes] * np.float32(codec.scale_))


def test_float16_is_the_numpy_cast_and_saturates(rng):
    vectors = rng.standard_normal((20, 5)).astype(np.float32)
    vectors[0] = [1e9, -1e9, 65504, 1e-7, 0]
    codec = get("float16")(5).fit(vectors)
    decoded = codec.decode(codec.encode(vectors))
    np.testing.assert_array_equal(decoded[1:], vectors[1:].astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(decoded[0, :3], [65504, -65504, 65504])


def test_bfloat16_rounds_to_nearest_even_and_stays_finite():
    bits = np.uint32([0x3F800000, 0x3F808000, 0x3F818000, 0x3F808001, 0x7F7FFFFF])  # exact, tie down, tie up, above
    vectors = bits.view(np.float32)[None]
    codec = get("bfloat16")(5).fit(vectors)
    codes = codec.encode(vectors).view("<u2")[0]
    np.testing.assert_array_equal(codes, [0x3F80, 0x3F80, 0x3F82, 0x3F81, 0x7F7F])
    assert np.isfinite(codec.decode(codec.encode(vectors))).all()


def test_half_precision_of_ordinary_vectors_has_no_unit(rng):
    for scale in (0.02, 1.0, 500.0):
        codec = get("float16")(5).fit(scale * rng.standard_normal((20, 5)))
        assert codec.parts() == {}


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8"])
@pytest.mark.parametrize("scale", [1e-15, 1e-8, 1e-4, 1e4, 1e8, 1e15])
def test_a_scale_of_all_vectors_costs_no_digits(name, scale, rng):
    vectors = rng.standard_normal((200, 24)).astype(np.float32)
    errors = []
    for factor in (1.0, scale):
        scaled = (vectors * np.float64(factor)).astype(np.float32)
        codec = get(name)(24, "l2").fit(scaled)
        decoded = codec.decode(codec.encode(scaled)).astype(np.float64) / factor
        errors.append(np.sqrt(((decoded - vectors) ** 2).mean()))
        scores, ids = codec.searcher(codec.encode(scaled)).search(scaled[:20], 1)
        np.testing.assert_array_equal(ids[:, 0], np.arange(20))
        assert scores.max() < 0.1 * factor**2
    assert errors[1] < 1.3 * errors[0]  # a power of two more or less for float8


@pytest.mark.thorough
@pytest.mark.parametrize("metric", list(Metric))
def test_float8_leaves_a_shared_direction_to_the_mean(metric, rng):
    rows = rng.standard_normal((2040, 48)) + 2 * rng.standard_normal(48)
    vectors, queries = (part.astype(np.float32) for part in (rows[:2000], rows[2000:]))
    codec = get("float8")(48, metric).fit(vectors)
    searcher = codec.searcher(codec.encode(vectors))
    for at in (40, 1):  # decoded, scanned
        _, ids = searcher.search(queries[:at], 10)
        truth = np.argsort(-scores_of(metric, queries[:at], vectors), axis=1)[:, :10]
        assert np.mean([np.isin(a, b).mean() for a, b in zip(truth, ids)]) > 0.9
    assert set(get("float8")(48, metric).fit(vectors - vectors.mean(axis=0)).parts()) == {"scale"}


def scores_of(metric, queries, vectors):
    products = queries @ vectors.T
    if metric is Metric.COSINE:
        return products / np.linalg.norm(vectors, axis=1)
    return products if metric is Metric.IP else 2 * products - (vectors**2).sum(axis=1)


def test_an_outlier_does_not_set_the_scale_of_float8(rng):
    vectors = rng.standard_normal((500, 24)).astype(np.float32)
    expected = get("float8")(24).fit(vectors).scale_
    vectors[3] *= 1e7
    assert get("float8")(24).fit(vectors).scale_ < 40 * expected


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float8"])
@pytest.mark.parametrize("metric", list(Metric))
def test_tiny_and_huge_vectors_are_found(name, metric, rng):
    for scale in (1e-4, 1e3):
        vectors = (rng.standard_normal((200, 24)) * scale).astype(np.float32)
        codec = get(name)(24, metric).fit(vectors)
        _, ids = codec.searcher(codec.encode(vectors)).search(vectors[:20], 1)
        assert metric is Metric.IP or (ids[:, 0] == np.arange(20)).mean() >= 0.95


@pytest.fixture
def rng():
    return np.random.default_rng(7)
