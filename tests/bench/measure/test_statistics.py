"""Bootstrap intervals cover the mean and shrink with the number of queries."""

import numpy as np
import pytest

from bench.measure.statistics import bootstrap_means


def test_interval_holds_the_mean_and_is_deterministic():
    values = np.random.default_rng(0).random(500)
    first, second = (bootstrap_means({"a": values})["a"] for _ in range(2))
    assert first == second
    assert first.low < first.value < first.high
    assert first.value == pytest.approx(values.mean())


def test_interval_agrees_with_the_normal_approximation():
    values = np.random.default_rng(1).standard_normal(2_000)
    found = bootstrap_means({"a": values})["a"]
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(2_000), rel=0.1)


def test_coverage_is_near_its_level():
    rng = np.random.default_rng(2)
    covered = 0
    for trial in range(200):
        found = bootstrap_means({"a": rng.random(100)}, seed=trial)["a"]
        covered += found.low <= 0.5 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_unknown_values_are_left_out_of_their_measure_only():
    values = np.array([1.0, np.nan, 3.0])
    found = bootstrap_means({"some": values, "none": np.full(3, np.nan), "all": np.ones(3)})
    assert found["some"].value == 2.0
    assert found["all"].value == 1.0
    assert "none" not in found
