"""NVQ: its levels, the choice of the best set of them, and what they gain over even ones."""

from __future__ import annotations

import numpy as np
import pytest

from methods import BudgetError, MethodError, Metric
from methods.scalar.nvq import NVQ, level_sets


def heavy_tailed(n, dim, seed=0):
    return np.random.default_rng(seed).standard_t(6, (n, dim)).astype(np.float32)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_level_sets_ascend_from_0_to_1_and_the_first_are_even(bits):
    sets = level_sets(bits)
    assert sets.shape == (256, 2**bits)
    assert np.allclose(sets[:, 0], 0, atol=1e-6)
    assert np.allclose(sets[:, -1], 1, atol=1e-6)
    assert (np.diff(sets, axis=1) > 0).all()
    assert np.allclose(sets[0], np.linspace(0, 1, 2**bits), atol=1e-6)


def test_levels_are_even_steps_of_the_logistic_function():
    levels = level_sets(4)[-1].astype(np.float64)  # rate 20, midpoint .675
    steps = np.diff(1 / (1 + np.exp(-20 * (levels - 0.675))))
    assert np.allclose(steps, steps[0], rtol=1e-3)


@pytest.mark.parametrize("subvectors", [1, 3])
def test_the_set_is_the_best_of_those_that_are_tried(subvectors):
    vectors = heavy_tailed(30, 50)
    codec = NVQ(50, Metric.L2, 3, subvectors).fit(vectors)
    codes = codec.encode(vectors)
    reached = ((codec.decode(codes) - vectors) ** 2).sum(axis=1)
    centered, best, start = vectors - codec.mean_, np.zeros(30), 0
    for end in codec._ends:
        piece = centered[:, start:end]
        low, high = piece.min(axis=1, keepdims=True), piece.max(axis=1, keepdims=True)
        errors = []
        for levels in level_sets(3):
            distance = np.abs(((piece - low) / (high - low))[:, :, None] - levels).min(axis=2)
            errors.append(((distance * (high - low)) ** 2).sum(axis=1))
        best += np.min(errors, axis=0)
        start = end
    assert (reached >= best * 0.98).all()  # bounds are rounded to float16
    assert reached.mean() < 1.03 * best.mean()


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_learned_levels_err_less_than_even_ones(bits):
    """The paper's claim, on values whose tails are heavier than a Gaussian's."""
    vectors = heavy_tailed(300, 128)
    codec = NVQ(128, Metric.L2, bits).fit(vectors)
    learned = ((codec.decode(codec.encode(vectors)) - vectors) ** 2).sum(axis=1)
    centered = vectors - codec.mean_
    low, high = centered.min(axis=1, keepdims=True), centered.max(axis=1, keepdims=True)
    step = (high - low) / (2**bits - 1)
    even = ((low + step * np.rint((centered - low) / step) - centered) ** 2).sum(axis=1)
    assert learned.mean() < 0.75 * even.mean()
    assert (learned < 1.01 * even).all()


@pytest.mark.parametrize(
    ("code_bytes", "bits", "subvectors", "size"),
    [(192, 3, 8, 184), (197, 4, 1, 197), (202, 4, 2, 202), (389, 8, 1, 389), (1000, 8, 8, 424), (384, 7, 8, 376)],
)
def test_the_most_bits_and_then_the_most_subvectors_that_fit(code_bytes, bits, subvectors, size):
    codec = NVQ.for_budget(384, code_bytes, Metric.IP)
    assert (codec.bits, codec.subvectors, codec.code_size) == (bits, subvectors, size)


def test_less_than_two_bits_is_refused():
    with pytest.raises(BudgetError, match="101 B"):
        NVQ.for_budget(384, 96, Metric.IP)
    with pytest.raises(MethodError, match="2 to 8"):
        NVQ(384, "ip", 1)


def test_subvectors_are_of_almost_equal_length():
    codec = NVQ(100, Metric.IP, 4, 4)
    assert np.diff(codec._ends, prepend=0).tolist() == [24, 24, 24, 28]
