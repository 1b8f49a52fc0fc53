"""One byte for a factor: what is lost, and the ends of the scale."""

import numpy as np
import pytest

import methods
from methods.encoding.factor_byte import as_stored, at_steps, factor_bytes, factor_scale, factor_table, steps_of


def _back(factors: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return factor_table(scale)[factor_bytes(factors, scale)]


@pytest.mark.parametrize("spread", [0.002, 0.05, 0.5])
def test_usual_factors_lose_little_and_outliers_stay_near(spread):
    rng = np.random.default_rng(0)
    factors = np.exp(spread * rng.standard_normal(20_000)).astype(np.float32)
    factors[:5] = [0.1, 0.3, 2, 5, 20]
    error = np.log(_back(factors, factor_scale(factors)) / factors)
    evenly = np.log(20 * 1.5 / (0.1 / 1.5)) / 254 / np.sqrt(12)  # of a scale that divides the whole range
    assert np.sqrt(np.mean(error[5:] ** 2)) < evenly * min(1, 12 * spread)
    assert np.abs(error[:5]).max() < 0.2


def test_zero_stays_zero_and_what_is_beyond_the_range_saturates():
    scale = factor_scale(np.array([0.9, 1, 1.1], np.float32))
    assert factor_bytes(np.array([0, 1e-9, 1e9], np.float32), scale).tolist() == [0, 1, 255]
    np.testing.assert_allclose(_back(np.array([0, 1e-9, 1e9], np.float32), scale), [0, 0.6, 1.65], rtol=1e-5)


def test_bytes_are_those_of_the_table():
    scale = factor_scale(np.random.default_rng(1).gamma(3, size=1000).astype(np.float32))
    table = factor_table(scale)
    assert (np.diff(table) > 0).all()
    np.testing.assert_array_equal(factor_bytes(table, scale), np.arange(256))


def test_equal_factors_are_kept():
    scale = factor_scale(np.full(100, 0.7, np.float32))
    np.testing.assert_allclose(_back(np.full(3, 0.7, np.float32), scale), 0.7, rtol=1e-5)


def test_without_factors_there_is_still_a_scale():
    scale = factor_scale(np.zeros(4, np.float32))
    assert _back(np.zeros(2, np.float32), scale).tolist() == [0, 0]
    assert np.isfinite(factor_table(scale)).all()


def test_sizes_are_brought_to_the_nearest_step_unless_that_is_far():
    steps = np.array([1, 1.05, 2], np.float32)
    sizes = np.array([1.02, 1.04, 1.4, 2.1, 0.3], np.float32)
    np.testing.assert_array_equal(at_steps(sizes, steps), np.array([1, 1.05, 1.4, 2, 0.3], np.float32))
    assert at_steps(sizes, None) is sizes


def test_steps_are_for_fine_levels_alone():
    table = factor_table(factor_scale(np.array([0.9, 1, 1.1], np.float32)))
    assert steps_of(table, 47, 64) is None
    np.testing.assert_array_equal(steps_of(table, 48, 64), table[1:])


@pytest.mark.parametrize("method", ["transform_coding", "trellis", "rq_trellis"])
def test_fine_levels_say_what_the_rounding_of_a_factor_left_out(method):
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((3000, 32)) * np.exp(rng.standard_normal((3000, 1)))).astype(np.float32)
    codec = methods.for_budget(method, 32, 32, "ip").fit(vectors, seed=0)
    decoded = codec.decode(codec.encode(vectors))
    lengths = np.linalg.norm(vectors, axis=1)
    along = np.einsum("ij,ij->i", decoded, vectors) / lengths**2 - 1  # relative errors along the vectors themselves
    rounding = np.log(as_stored(lengths) / lengths)
    assert along.std() < 0.5 * rounding.std()


@pytest.mark.parametrize("method", ["transform_coding", "trellis", "rq_trellis"])
def test_fine_levels_of_zeros_and_of_lengths_beyond_those_of_training(method):
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((3000, 32)) * np.exp(0.3 * rng.standard_normal((3000, 1)))).astype(np.float32)
    codec = methods.for_budget(method, 32, 32, "ip").fit(vectors, seed=0)
    trained = np.linalg.norm(vectors, axis=1)
    lengths = trained.max() * np.array([[0], [1e-6], [0.1], [1], [1.4]], np.float32)
    others = lengths * vectors[:5] / np.linalg.norm(vectors[:5], axis=1, keepdims=True)
    decoded = codec.decode(codec.encode(others))
    assert np.isfinite(decoded).all()
    assert np.linalg.norm(decoded[:2], axis=1).max() < trained.min()  # the least factor: none is as small as these
    errors = np.linalg.norm(decoded - others, axis=1)[2:] / lengths[2:, 0]
    assert errors[:2].max() < 0.02
    assert errors.max() < 0.1  # beyond training, factors are far apart, and the largest values may be cut off
