"""Closed loops: every client is answered as if it were alone, and the loop ends in time."""

import threading
import time

import faiss
import numba
import numpy as np
import pytest

from bench.measure import clients as measured
from bench.measure.clients import UnsafeSearch, closed_loop
from methods import Metric, registry

QUERIES = np.random.default_rng(1).standard_normal((40, 16), np.float32)


class Slow:
    """Answers with the query's first value after ``seconds``; notes who searches at the same time."""

    def __init__(self, seconds=0.001):
        self.seconds, self.inside, self.most, self.threads = seconds, 0, 0, []
        self.lock = threading.Lock()

    def search(self, queries, k):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.threads.append((faiss.omp_get_max_threads(), numba.get_num_threads()))
        time.sleep(self.seconds)
        with self.lock:
            self.inside -= 1
        return np.repeat(queries[:, :1], k, axis=1), np.zeros((len(queries), k), np.int64)


@pytest.mark.parametrize("clients", [1, 3])
def test_so_many_clients_search_at_the_same_time(clients):
    searcher = Slow()
    found = closed_loop(searcher, QUERIES, 5, clients, 0.2)
    assert searcher.most == clients
    assert found.queries_per_s == pytest.approx(len(found.milliseconds) / found.seconds)
    assert 0.2 <= found.seconds < 5.0
    assert found.percentiles()["p50"] >= 1.0


@pytest.mark.parametrize(("seconds", "most"), [(0.008, 102), (0.05, 27)])
def test_slow_searches_have_longer_for_a_hundred_answers(seconds, most):
    found = closed_loop(Slow(seconds), QUERIES, 5, 3, 0.1)
    assert 3 * (0.1 / seconds + 1) < len(found.milliseconds) <= most
    assert found.seconds < 4 * 0.1 + 20 * seconds


def test_waiting_clients_add_up():
    one, four = (closed_loop(Slow(0.005), QUERIES, 5, clients, 0.3).queries_per_s for clients in (1, 4))
    assert four > 2 * one


def test_answers_of_several_clients_are_those_of_one():
    rng = np.random.default_rng(0)
    base = rng.standard_normal((500, 16), np.float32)
    codec = registry.for_budget("transform_coding", 16, 8, Metric.L2).fit(base)
    searcher = codec.searcher(codec.encode(base))
    one, three = (closed_loop(searcher, QUERIES, 5, clients, 0.2).answers for clients in (1, 3))
    assert set(one) == set(three) == set(range(len(QUERIES)))
    for place in one:
        assert np.array_equal(one[place][1], three[place][1])
        assert np.array_equal(one[place][1], searcher.search(QUERIES[place : place + 1], 5)[1][0])


def test_a_search_that_is_not_safe_is_no_result():
    class Shares(Slow):
        def search(self, queries, k):
            self.query = queries
            time.sleep(self.seconds)
            return super().search(self.query, k)

    closed_loop(Shares(), QUERIES, 5, 1, 0.1)
    with pytest.raises(UnsafeSearch, match="was answered otherwise"):
        closed_loop(Shares(), QUERIES, 5, 4, 0.1)


def test_an_error_of_a_client_is_raised():
    class Fails:
        def search(self, queries, k):
            raise ValueError("no codes")

    with pytest.raises(ValueError, match="no codes"):
        closed_loop(Fails(), QUERIES, 5, 3, 0.1)


def test_each_client_has_the_threads_of_the_run():
    searcher = Slow()
    closed_loop(searcher, QUERIES, 5, 2, 0.1, threads=1)
    assert set(searcher.threads[:-16]) == {(1, 1)}


def test_what_others_do_while_answers_are_checked_does_not_count(monkeypatch):
    noted = []
    monkeypatch.setattr(measured.CoreUse, "of_others", lambda self, wall: noted.append("others") or 0.0)
    monkeypatch.setattr(measured, "_check_answers", lambda *_: noted.append("check"))
    closed_loop(Slow(), QUERIES, 5, 1, 0.05)
    assert noted == ["others", "check"]
