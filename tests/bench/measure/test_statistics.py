"""Bootstrap intervals cover the mean; tests of differences keep their level; corrections are the published ones."""

import math
import subprocess
import sys
from statistics import NormalDist

import numpy as np
import pytest

from bench.measure.resampling import resampled_means, resampled_means_reference
from bench.measure.statistics import (
    Interval,
    _both_tails,
    against_best,
    bootstrap_means,
    combine_seeds,
    holm,
    of_ratio,
    paired_difference,
    student_t,
    unpaired_difference,
)


def test_interval_holds_the_mean_and_is_deterministic():
    values = np.random.default_rng(0).random(500)
    first, second = (bootstrap_means({"a": values})["a"] for _ in range(2))
    assert first == second
    assert first.low < first.value < first.high
    assert first.value == pytest.approx(values.mean())


def test_a_ratio_of_sums_has_the_interval_of_a_resampled_ratio():
    rng = np.random.default_rng(3)
    counts = rng.integers(0, 10, 400)
    hits = rng.binomial(counts, 0.3 + 0.05 * counts)
    interval = bootstrap_means({"a": of_ratio(hits, counts)})["a"]
    assert interval.value == pytest.approx(hits.sum() / counts.sum())
    drawn = rng.integers(400, size=(4_000, 400))
    ratios = hits[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(ratios, [0.025, 0.975])
    assert interval.high - interval.low == pytest.approx(high - low, rel=0.1)
    assert bootstrap_means({"a": of_ratio(np.zeros(5), np.zeros(5))}) == {}


def test_a_repeated_query_counts_in_the_mean_and_once_in_the_interval():
    values = np.random.default_rng(4).random(200)
    often = np.repeat(np.arange(200), 9)
    plain = bootstrap_means({"a": values})["a"]
    repeated = bootstrap_means({"a": values[often]}, groups=often)["a"]
    assert repeated.value == pytest.approx(plain.value)
    assert repeated.high - repeated.low == pytest.approx(plain.high - plain.low, rel=0.02)
    naive = bootstrap_means({"a": values[often]})["a"]
    assert naive.high - naive.low < 0.5 * (plain.high - plain.low)


def test_one_query_asked_often_is_one_observation():
    values, groups = np.r_[np.random.default_rng(5).random(100), np.ones(50)], np.r_[np.arange(100), np.full(50, 100)]
    found = bootstrap_means({"a": values}, groups=groups)["a"]
    assert found.value == pytest.approx(values.mean())
    drawn = np.random.default_rng(6).integers(101, size=(4_000, 101))  # distinct queries, with all their askings
    weights = np.r_[np.ones(100), 50.0]
    distinct = np.r_[values[:100], 1.0]
    ratios = (weights * distinct)[drawn].sum(axis=1) / weights[drawn].sum(axis=1)
    assert found.high - found.low == pytest.approx(2 * 1.96 * ratios.std(), rel=0.25)


def test_without_repeats_groups_change_nothing():
    values = np.random.default_rng(7).random(300)
    assert bootstrap_means({"a": values}, groups=np.arange(300)) == bootstrap_means({"a": values})


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


def test_drawing_values_or_queries_gives_one_interval():
    """Few distinct values take another way than many; both are the bootstrap."""
    rng = np.random.default_rng(3)
    few = rng.integers(0, 11, 4_000) / 10
    many = few + rng.random(4_000) * 1e-9
    first, second = bootstrap_means({"few": few, "many": many}).values()
    assert first.low == pytest.approx(second.low, abs=5e-4)
    assert first.high == pytest.approx(second.high, abs=5e-4)


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_compiled_resampling_draws_what_numpy_draws(n):
    values = np.random.default_rng(9).standard_normal(n)
    found = resampled_means(values, 2**64 - 5, 300)
    np.testing.assert_allclose(found, resampled_means_reference(values, 2**64 - 5, 300), rtol=1e-12, atol=1e-15)
    assert n == 1 or not np.array_equal(found, resampled_means(values, 4, 300))


def test_every_value_is_drawn_equally_often_and_independently():
    n, resamples = 10, 40_000
    for i in range(n):
        counts = n * resampled_means(np.eye(n)[i], 12, resamples)  # how often value i is in each resample
        assert counts.mean() == pytest.approx(1.0, abs=5 * np.sqrt(0.9 / resamples))
        assert counts.var() == pytest.approx(0.9, abs=0.05)  # of the binomial distribution


@pytest.mark.integration
def test_reading_records_compiles_nothing():
    code = "import sys, bench.records, bench.measure.statistics; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_randomization_test_is_exact_where_all_orders_can_be_counted():
    """Eight differences of one sign: 2 of 256 assignments are as extreme."""
    found = paired_difference(np.arange(8) + 1.5, np.arange(8) + 1.0, resamples=50_000)
    assert found.p == pytest.approx(2 / 256, abs=2e-3)
    assert found.value == 0.5
    assert found.effect == np.inf


@pytest.mark.thorough
@pytest.mark.parametrize("distinct", [True, False])
def test_randomization_test_keeps_its_level(distinct):
    rng = np.random.default_rng(5)
    draw = (lambda: rng.integers(0, 11, 200) / 10.0) if distinct else (lambda: rng.random(200))
    p = np.array([paired_difference(draw(), draw(), resamples=999).p for _ in range(300)])
    assert 0.02 <= (p < 0.05).mean() <= 0.09
    assert p.min() > 0


def test_pairs_tell_apart_what_intervals_do_not():
    rng = np.random.default_rng(6)
    hard = rng.random(500)
    found = paired_difference(hard + 0.01 + rng.normal(0, 0.02, 500), hard)
    intervals = bootstrap_means({"a": hard + 0.01, "b": hard})
    assert intervals["a"].low < intervals["b"].high
    assert found.p < 0.001
    assert found.low > 0


def test_equal_methods_do_not_differ():
    same = np.random.default_rng(7).random(50)
    found = paired_difference(same, same)
    assert (found.value, found.p, found.effect) == (0.0, 1.0, 0.0)


def test_queries_unknown_of_either_are_left_out():
    found = paired_difference(np.array([1.0, np.nan, 3.0, 4.0]), np.array([0.0, 1.0, np.nan, 3.0]))
    assert found.value == 1.0


@pytest.mark.parametrize(("a", "b"), [(np.ones(3), np.ones(4)), (np.ones((2, 2, 2)), np.ones(2)), ([np.nan], [1.0])])
def test_what_cannot_be_paired_is_refused(a, b):
    with pytest.raises(ValueError, match=r"quer(ies|y)"):
        paired_difference(a, b)


def test_holm_adjusts_as_published():
    """Worked by hand: 4 tests, smallest p times 4, next times 3, never below the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert holm([]).size == 0


def test_intervals_alone_tell_apart_what_two_samples_would():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.52, 0.2, 1000), rng.normal(0.5, 0.2, 1000)
    of = bootstrap_means({"a": a, "b": b})
    difference = unpaired_difference(of["a"], of["b"])
    t = (a.mean() - b.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 1000)
    assert difference.value == pytest.approx(a.mean() - b.mean())
    assert difference.p == pytest.approx(2 * (1 - NormalDist().cdf(abs(t))), abs=0.01)
    assert (difference.low > 0) == (difference.p < 0.05)
    assert math.isnan(difference.effect)
    mirrored = unpaired_difference(of["b"], of["a"])
    assert mirrored.p == pytest.approx(difference.p)
    assert (mirrored.low, mirrored.high) == pytest.approx((-difference.high, -difference.low))


def test_intervals_are_more_careful_than_pairs_of_the_same_queries():
    rng = np.random.default_rng(1)
    hardness = rng.normal(0.5, 0.3, 500)
    values = {"a": hardness + 0.02 + rng.normal(0, 0.05, 500), "b": hardness}
    of = bootstrap_means(values)
    assert paired_difference(values["a"], values["b"]).p < 0.001 < 0.05 < unpaired_difference(of["a"], of["b"]).p


def test_intervals_without_width_differ_by_their_values():
    exact = Interval(0.5, 0.5, 0.5)
    assert unpaired_difference(exact, exact).p == 1.0
    assert unpaired_difference(exact, Interval(0.4, 0.4, 0.4)).p == 0.0


def test_several_seeds_differ_only_beyond_the_chance_of_the_seed():
    rng = np.random.default_rng(0)
    queries, luck = rng.random(2000), np.array([[-0.02], [0.0], [0.03]])

    def runs(shift):
        return queries + shift + luck + rng.normal(0, 0.05, (3, 2000))

    one, other = runs(0.0), runs(0.01)
    assert paired_difference(one[0], other[0]).p < 0.001  # these two fits differ
    both = paired_difference(other, one)
    assert both.value == pytest.approx(0.01, abs=0.003)
    assert both.p > 0.3
    assert both.low < 0 < both.high
    assert paired_difference(runs(0.2), one).p < 0.01
    assert paired_difference(other, one[1]).p > 0.3  # one seed is taken to vary as the other method's do
    steady = paired_difference(np.tile(queries + 0.01, (3, 1)) + rng.normal(0, 0.01, 2000), queries)
    assert steady.p < 0.001  # no seed differs from another


def test_tails_are_those_of_student_s_t():
    for freedom, quantile in ((1, 12.706205), (2, 4.302653), (4, 2.776445), (30, 2.042272), (1e5, 1.959964)):
        assert _both_tails(quantile, freedom) == pytest.approx(0.05, abs=1e-4)


def test_the_best_stands_beside_those_not_told_apart_from_it():
    rng = np.random.default_rng(8)
    base = rng.integers(3, 9, 400) / 10
    noise = rng.permutation(np.repeat([-0.1, 0.1], 200))
    best, others = against_best({"best": base, "twin": base + noise - 0.0005, "worse": base - 0.1})
    assert best == "best"
    assert not others["twin"].distinguishable
    assert others["worse"].distinguishable
    assert others["worse"].difference.value == pytest.approx(-0.1)


def test_seeds_widen_the_interval():
    one = Interval(0.5, 0.49, 0.51)
    assert combine_seeds([one]) == one
    found = combine_seeds([Interval(v, v - 0.01, v + 0.01) for v in (0.49, 0.50, 0.51)])
    assert found.value == pytest.approx(0.5)
    assert found.high - found.value == pytest.approx(np.hypot(0.01, 4.303 * 0.01 / np.sqrt(3)), rel=1e-3)


@pytest.mark.parametrize(("freedom", "expected"), [(1, 12.7062), (2, 4.3027), (4, 2.7764), (9, 2.2622), (99, 1.9842)])
def test_quantiles_of_student_s_t_are_the_tables(freedom, expected):
    assert student_t(freedom) == pytest.approx(expected, rel=1e-3)
