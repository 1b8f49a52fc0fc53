"""How many queries are timed: enough for percentiles, and not for ever."""

import numpy as np
import pytest

from bench.measure import latency


class Clock:
    """A searcher by which time passes."""

    def __init__(self, monkeypatch, seconds):
        self.now, self.seconds, self.calls = 0.0, seconds, 0
        monkeypatch.setattr(latency.time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(latency.time, "perf_counter_ns", lambda: int(self.now * 1e9))

    def search(self, queries, k):
        self.calls, self.now = self.calls + 1, self.now + self.seconds * len(queries)


@pytest.mark.parametrize(
    ("seconds", "timed"),
    [
        (0.001, 1000),  # all there are
        (0.005, 401),  # for two seconds
        (0.1, 100),  # longer than two seconds, for percentiles
        (3.0, 14),  # a hundred would take minutes
    ],
)
def test_a_pass_ends_in_time_with_enough_queries(monkeypatch, seconds, timed):
    clock = Clock(monkeypatch, seconds)
    found = latency.time_single_queries(clock, np.zeros((1000, 4), np.float32), 10, 2.0)
    assert len(found.milliseconds) == clock.calls == timed
    assert found.percentiles()["p50"] == pytest.approx(1e3 * seconds)


@pytest.mark.parametrize(("seconds", "calls"), [(0.001, 11), (1.5, 3), (10.0, 3)])
def test_slow_searches_are_warmed_up_by_fewer(monkeypatch, seconds, calls):
    clock = Clock(monkeypatch, seconds)
    latency.warm_up(clock, np.zeros((1000, 4), np.float32), 10)
    assert clock.calls == calls


def test_what_a_query_takes_besides_the_scan_is_where_the_line_begins():
    def p50(codes):
        return 0.2 + 1e-5 * codes

    assert latency.fixed_ms(p50(100_000), 100_000, p50(1_000), 1_000) == pytest.approx(0.2)
    assert latency.fixed_ms(10.0, 100_000, 0.05, 1_000) == 0.0  # faster in few codes than in proportion
    assert latency.fixed_ms(0.2, 100_000, 0.3, 1_000) == 0.2  # few took longer than all: noise
