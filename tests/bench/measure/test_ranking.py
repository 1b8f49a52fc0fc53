"""Only what was measured together counts in a ranking; its interval shows what few tasks cannot decide."""

import numpy as np
import pytest

from bench.measure.ranking import average_ranks, connected, duels_won, kendall_tau, rank_methods, strengths


def _order(scores):
    return [int(place.name) for place in rank_methods([str(i) for i in range(scores.shape[1])], scores, resamples=2)]


def test_a_task_has_a_duel_of_each_two_methods_measured_there():
    won = duels_won(np.array([[0.9, 0.5, 0.5, np.nan]]))
    assert won[0].tolist() == [[0, 1, 1, 0], [0, 0, 0.5, 0], [0, 0.5, 0, 0], [0, 0, 0, 0]]


def test_two_methods_have_strengths_by_the_duels_each_won():
    """The odds of winning are those of the duels, but for the small drawn one: closed form of the model."""
    (first, second) = strengths(np.array([[0.0, 30.0], [10.0, 0.0]]))
    assert first == pytest.approx(-second)
    assert np.exp(first - second) == pytest.approx(3.0, rel=0.01)


def test_ranking_by_hand():
    scores = np.array([[0.9, 0.8, 0.1], [0.7, 0.8, 0.2], [0.9, 0.8, 0.3]])
    first, second, third = rank_methods(["a", "b", "c"], scores)
    assert (first.name, first.won, first.duels, first.tasks) == ("a", 5.0, 6, 3)
    assert (second.name, second.won) == ("b", 4.0)
    assert (third.name, third.rank, third.rank_low, third.rank_high) == ("c", 3.0, 3.0, 3.0)
    assert first.win_rate > second.win_rate > third.win_rate
    assert np.mean([place.win_rate for place in (first, second, third)]) == pytest.approx(0.5)
    assert first.rank_low == 1.0
    assert first.rank_high > 1.0  # b wins one task of three


def test_where_all_is_measured_the_order_is_that_of_duels_won():
    for seed in range(20):
        scores = np.round(np.random.default_rng(seed).random((7, 6)) + np.arange(6) / 10, 1)
        won = duels_won(scores).sum(axis=(0, 2))
        places = rank_methods([str(i) for i in range(6)], scores, resamples=2)
        assert [place.rank for place in places] == average_ranks(-won)[[int(place.name) for place in places]].tolist()


@pytest.mark.parametrize("seed", range(20))
def test_missing_cells_do_not_change_a_clear_order(seed):
    """Half of the cells are missing, each neighbors in the order meet somewhere: the order is the same."""
    rng = np.random.default_rng(seed)
    scores = np.tile(np.linspace(0.9, 0.1, 8), (12, 1)) + rng.normal(0, 0.3, (12, 1))  # some tasks are harder
    missing = rng.random(scores.shape) < 0.5
    for method in range(7):
        missing[method, method : method + 2] = False
    scores[missing] = np.nan
    assert _order(scores) == list(range(8))


def test_a_method_measured_once_is_not_beaten_where_it_was_not_measured():
    """The third beats the second in the one task where they meet, and loses to the first: it stands between them."""
    scores = np.tile([0.9, 0.5, np.nan, 0.3], (10, 1))
    scores[0, 2] = 0.7
    assert _order(scores) == [0, 2, 1, 3]


def test_a_method_that_met_weak_ones_alone_is_not_first_for_it():
    """It wins nine of ten duels and the best only eight, against methods that beat those easily."""
    scores = np.full((20, 4), np.nan)
    scores[:10] = [0.9, 0.8, np.nan, 0.5]  # 0 and 1 are strong, 3 is weak
    scores[:4, 0] = 0.7
    scores[10:, 2:] = [0.6, 0.5]
    scores[10, 2] = 0.4
    won = duels_won(scores)
    share = won.sum(axis=(0, 2)) / (won.sum(axis=(0, 2)) + won.sum(axis=(0, 1)))
    assert share[2] > share[0]
    assert _order(scores)[:2] == [0, 1]


def test_a_task_of_others_changes_no_place():
    scores = np.array([[0.9, 0.8, 0.1, 0.2], [0.7, 0.8, 0.2, 0.1]])
    more = np.vstack([scores, [[np.nan, np.nan, 0.5, 0.4]] * 5])
    assert [i for i in _order(more) if i < 2] == [i for i in _order(scores) if i < 2]


def test_equal_methods_share_a_place_and_one_without_a_duel_has_none():
    scores = np.array([[1.0, 1.0, np.nan], [2.0, 2.0, np.nan], [np.nan, np.nan, 3.0]])
    found = rank_methods(["b", "a", "alone"], scores)
    assert [(r.name, r.rank, r.win_rate, r.tasks) for r in found] == [("a", 1.5, 0.5, 2), ("b", 1.5, 0.5, 2)]
    assert rank_methods(["alone"], scores[:, 2:]) == []


def test_methods_that_never_met_are_not_ranked_against_each_other():
    """Two worlds: three methods in two tasks, two in three; of those the larger is ranked as if it were alone."""
    scores = np.full((5, 5), np.nan)
    scores[:2, :3] = [[0.9, 0.8, np.nan], [np.nan, 0.8, 0.1]]  # the first and the third met through the second
    scores[2:, 3:] = [0.5, 0.4]
    assert rank_methods(list("abcde"), scores) == rank_methods(list("abc"), scores[:2, :3])
    assert [place.name for place in rank_methods(list("abcde"), scores)] == ["a", "b", "c"]


def test_of_equally_many_methods_those_with_most_duels_are_ranked():
    met = np.kron(np.diag([1.0, 2.0, 2.0]), 1 - np.eye(2))
    assert connected(met).tolist() == [2, 3]
    chain = np.eye(40, k=1) + np.eye(40, k=-1)
    assert len(connected(chain)) == 40
    assert connected(np.zeros((3, 3))).tolist() == []


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
