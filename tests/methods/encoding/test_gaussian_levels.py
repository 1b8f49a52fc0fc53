"""The levels of Lloyd and Max against Max's own table."""

from __future__ import annotations

import numpy as np
import pytest

from methods.encoding.gaussian_levels import distortions, levels


@pytest.mark.parametrize(
    ("bits", "positive"),
    [(1, [0.7980]), (2, [0.4528, 1.510]), (3, [0.2451, 0.7560, 1.344, 2.152])],
)
def test_levels_are_those_of_max_1960(bits, positive):
    assert levels(bits)[2 ** (bits - 1) :] == pytest.approx(positive, abs=5e-4)
    assert np.array_equal(levels(bits), -levels(bits)[::-1])


def test_errors_are_those_of_max_1960():
    assert distortions()[:6] == pytest.approx([1, 0.3634, 0.1175, 0.03454, 0.009497, 0.002499], rel=3e-3)


@pytest.mark.parametrize("bits", [4, 8])
def test_errors_are_those_of_samples(bits):
    samples = np.random.default_rng(0).standard_normal(200_000)
    found = levels(bits)
    nearest = found[np.searchsorted((found[1:] + found[:-1]) / 2, samples)]
    assert ((samples - nearest) ** 2).mean() == pytest.approx(distortions()[bits], rel=0.03)
