"""Borda counts share points between ties; the ranking's interval shows what few tasks cannot decide."""

import numpy as np
import pytest

from bench.measure.ranking import average_ranks, borda_points, kendall_tau, rank_methods


def test_a_task_gives_a_point_for_each_method_beaten_and_half_for_a_tie():
    points = borda_points(np.array([[0.9, 0.5, 0.5, np.nan]]))
    assert points.tolist() == [[3.0, 1.5, 1.5, 0.0]]


def test_ranking_by_hand():
    scores = np.array([[0.9, 0.8, 0.1], [0.7, 0.8, 0.2], [0.9, 0.8, 0.3]])
    first, second, third = rank_methods(["a", "b", "c"], scores)
    assert (first.name, first.borda, first.mean_rank, first.win_rate) == ("a", 5.0, pytest.approx(4 / 3), 5 / 6)
    assert (second.name, second.borda) == ("b", 4.0)
    assert (third.name, third.rank, third.rank_low, third.rank_high) == ("c", 3.0, 3.0, 3.0)
    assert first.rank_low == 1.0
    assert first.rank_high > 1.0  # b wins one task of three


def test_equal_counts_share_a_place_and_one_not_measured_is_last():
    found = rank_methods(["b", "a", "absent"], np.array([[1.0, 1.0, np.nan], [2.0, 2.0, np.nan]]))
    assert [(r.name, r.rank, r.tasks) for r in found] == [("a", 1.5, 2), ("b", 1.5, 2), ("absent", 3.0, 0)]


def test_average_ranks_share_ties():
    assert average_ranks(np.array([10.0, 30.0, 10.0, 20.0])).tolist() == [1.5, 4.0, 1.5, 3.0]


@pytest.mark.parametrize("ties", [False, True])
def test_kendall_tau_is_scipy_s(ties):
    stats = pytest.importorskip("scipy.stats", reason="scipy is only the reference here")
    rng = np.random.default_rng(0)
    a, b = rng.random(40), rng.random(40)
    if ties:
        a, b = np.round(a, 1), np.round(b, 1)
    assert kendall_tau(a, b) == pytest.approx(stats.kendalltau(a, b).statistic)
    assert kendall_tau(a, a) == pytest.approx(1.0)
    assert np.isnan(kendall_tau(np.ones(3), np.arange(3)))
