"""Two bytes for what a vector has along the mean: their range, their precision, and how a vector is split."""

from __future__ import annotations

import numpy as np
import pytest

from methods.encoding.offset import (
    OFFSET_BYTES,
    mean_direction,
    offset_bytes,
    offset_range,
    offset_tables,
    offsets_of,
    split,
)


def _normal(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(n)


def _stored(offsets: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    return offsets_of(offset_bytes(offsets, bounds), bounds).astype(np.float64)


def test_the_high_byte_comes_first():
    bounds = np.array([0, 65_535], np.float32)
    codes = offset_bytes(np.array([0, 1, 256, 65_535, 513.4]), bounds)
    assert codes.dtype == np.uint8
    assert codes.shape == (5, OFFSET_BYTES)
    assert codes.tolist() == [[0, 0], [0, 1], [1, 0], [255, 255], [2, 1]]


def test_an_offset_is_the_sum_of_what_the_tables_say():
    bounds = offset_range(_normal(1000))
    codes = np.random.default_rng(1).integers(0, 256, (1000, 2), dtype=np.uint8)
    tables = offset_tables(bounds)
    assert tables.dtype == np.float32
    assert np.array_equal(offsets_of(codes, bounds), tables[0, codes[:, 0]] + tables[1, codes[:, 1]])
    assert np.array_equal(offset_bytes(offsets_of(codes, bounds), bounds), codes)


def test_offsets_beyond_the_bounds_saturate():
    bounds = np.array([-1, 2], np.float32)
    assert np.allclose(_stored(np.array([-50, -1, 2, 1e30]), bounds), [-1, -1, 2, 2])


@pytest.mark.parametrize("scale", [1e-30, 1e-22, 1e-4, 1.0, 1e10, 1e30])
def test_errors_are_small_at_any_scale(scale):
    train, base = _normal(2000) * scale, _normal(20_000, 1) * scale
    errors = _stored(base, offset_range(train)) - base
    assert np.abs(errors).max() < 1e-3 * scale


def test_an_outlier_costs_the_others_no_precision():
    train, base = _normal(500), _normal(20_000, 1)
    train[17] *= 5000
    base[3] = train[17]
    bounds = offset_range(train)
    stored = _stored(base, bounds)
    ordinary = np.arange(len(base)) != 3
    assert np.abs(stored - base)[ordinary].max() < 1e-3
    assert abs(stored[3]) > 1.5 * np.abs(stored[ordinary]).max()  # saturated, and still the farthest


def test_lognormal_lengths_hardly_saturate():
    rng = np.random.default_rng(0)
    bounds = offset_range(rng.lognormal(0, 0.7, 5000))
    base = rng.lognormal(0, 0.7, 500_000)
    assert ((base < bounds[0]) | (base > bounds[1])).mean() < 1e-5


def test_offsets_that_are_mostly_equal_keep_the_range_of_the_rest():
    train = _normal(5000)
    train[np.random.default_rng(1).random(5000) < 0.9] = 0.1
    assert np.abs(_stored(train, offset_range(train)) - train).max() < 1e-3


@pytest.mark.parametrize(
    "offsets", [[], [0.0], [3.0] * 5, [-2e-20], [0.0, 1.0], [5.0, 5.0, 5.0, 9.0], [1e-44, 2e-44], [-3e38, 3e38]]
)
def test_the_range_is_never_empty(offsets):
    bounds = offset_range(np.array(offsets))
    assert bounds.dtype == np.float32
    assert bounds.shape == (2,)
    assert np.isfinite(bounds).all()
    assert bounds[0] < bounds[1]
    assert np.isfinite(_stored(np.array(offsets), bounds)).all()


@pytest.mark.parametrize("scale", [1e-40, 1e-22, 1.0, 1e25])
def test_the_direction_of_a_mean_has_unit_norm(scale):
    mean = (_normal(16) * scale).astype(np.float32)
    assert np.linalg.norm(mean_direction(mean)) == pytest.approx(1, abs=1e-6)


def test_a_zero_mean_has_no_direction():
    assert np.array_equal(mean_direction(np.zeros(4, np.float32)), np.zeros(4, np.float32))


def test_the_pieces_of_a_vector_give_it_again():
    vectors = (np.random.default_rng(0).standard_normal((200, 24)) + 3).astype(np.float32)
    mean = vectors.mean(axis=0)
    direction = mean_direction(mean)
    offsets, rests = split(vectors, mean, direction)
    assert rests.dtype == np.float32
    assert np.abs(rests @ direction).max() < 1e-5
    assert np.allclose(mean + offsets[:, None] * direction + rests, vectors, atol=1e-5)
    assert np.allclose(offsets, (vectors - mean) @ direction, atol=1e-5)


def test_a_row_is_split_as_it_is_alone():
    vectors = (np.random.default_rng(0).standard_normal((77, 33)) + 3).astype(np.float32)
    mean = vectors.mean(axis=0)
    together = split(vectors, mean, mean_direction(mean))
    alone = [split(vectors[i : i + 1], mean, mean_direction(mean)) for i in range(len(vectors))]
    assert np.array_equal(together[0], np.concatenate([found[0] for found in alone]))
    assert np.array_equal(together[1], np.concatenate([found[1] for found in alone]))
