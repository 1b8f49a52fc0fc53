"""What is chosen: limits are a filter, then recall, then cost; what comes nearest by each limit; fast against best."""

import dataclasses

import numpy as np
import pytest

from bench import records
from bench.measure.statistics import Interval, paired_difference
from bench.recommend import pick
from bench.recommend.amounts import change, duration, share
from bench.recommend.answer import Answer, Trade
from bench.recommend.offer import MAX_P50, MEMORY, MIN_RECALL, Limits, Offer
from bench.recommend.prior import Reaching
from bench.recommend.question import Question
from bench.recommend.race import Racer
from bench.recommend.visits import Visits
from bench.recommend.words import _offer, lines
from bench.report.words import count_bytes

N = 10_000_000


def offer(name="saq", recall=0.937, p50=1.2, code=192, sample=100_000, n=N, rate=1_000.0, **fields):
    """A method measured by hand on a sample, at 16 GB/s of memory."""
    record = records.Record(
        schema=records.SCHEMA,
        key="k",
        status="ok",
        reason="",
        method=records.MethodInfo(name, "x", "1", {"name": name}, {}),
        dataset=records.DatasetInfo("path", sample, 1_536, 1_000, "ip", "00", "train", 5_000),
        budget=records.BudgetInfo("192B", 192, 0),
        config={"k": 10, "threads": 1},
        environment={"memory_bandwidth_bytes_per_s": 16e9},
        bytes=records.Bytes(code, sample * code, {}, fields.pop("parts", 0), sample * code, 0, 0, 0),
        quality={"recall@10": Interval(recall, recall - 0.01, recall + 0.01)},
        latency_ms={"p50": p50},
        throughput={"encode_vectors_per_s": rate, "queries_per_s": 1e3},
        seconds={"fit": 5.0, "process": 10.0},
    )
    return Offer(record, n, 10, **fields)


def racer(name, recall, noise=0.0, **fields):
    rng = np.random.default_rng(0)
    per_query = rng.integers(6, 10, 400) / 10 + noise * rng.permutation(np.repeat([-1.0, 1.0], 200))
    return Racer(offer(name, recall, **fields), per_query - per_query.mean() + recall)


def asked(limits=None, budget="192B", **fields):
    return Answer(Question("x.npy", budget, limits=limits or Limits()), 1_536, N, int(budget[:-1]), 20_000, **fields)


def text_of(answer):
    return "\n".join(lines(answer))


@pytest.fixture
def finalists():
    """Scans of 10 million codes: 120 ms, 123 ms, 90 ms and, of fewer bytes, 31 ms."""
    return [
        racer("saq", 0.937, p50=1.2),
        racer("trellis", 0.935, p50=1.23),
        racer("osq", 0.865, p50=0.9, code=144),
        racer("sign", 0.703, p50=0.31, code=48),
    ]


def test_an_unreachable_latency_does_not_hide_the_best(finalists):
    answer = asked(Limits(max_p50_ms=20.0))
    pick.choose(answer, finalists)
    assert answer.chosen is None
    assert [one.method for one in answer.nearest] == ["saq", "trellis", "osq"]
    assert {option: one.method for option, one in answer.closest.items()} == {MAX_P50: "sign"}
    text = text_of(answer)
    assert "best within the budget: saq at 192 bytes a vector" in text
    assert "then trellis at 192 bytes, recall@10 0.935 on 100,000 vectors, p50 123 ms" in text
    assert "nearest to --max-p50-ms: sign at 48 bytes, recall@10 0.703 on 100,000 vectors, p50 31 ms" in text


def test_what_would_meet_an_unreachable_latency_is_said(finalists):
    answer = asked(Limits(max_p50_ms=20.0))
    pick.choose(answer, finalists)
    assert (
        "no scan of 10,000,000 codes of 192 bytes meets --max-p50-ms 20: reading 1.92 GB at 16 GB/s (by 1 thread) takes"
        " 120 ms; what would meet it: 6 threads (--threads 6), or codes of at most 32 bytes, or an index that visits at"
        " most 16% of them"
    ) in text_of(answer)
    never = asked(Limits(max_p50_ms=2.0))
    pick.choose(never, finalists)
    text = text_of(never)
    assert "codes of at most 3 bytes, or an index that visits at most 1.6% of them; more threads would not" in text
    assert "--threads" not in text.split("no scan of")[1].split("\n")[0]


def test_what_lists_would_keep_is_said_beside_an_unreachable_latency(finalists):
    answer = asked(Limits(max_p50_ms=20.0))
    pick.choose(answer, finalists)
    assert pick.affordable_share(answer) == pytest.approx(20 / answer.nearest[0].p50_ms)
    answer.visits = Visits(100_000, 1024, 163, 0.158, 0.9874)
    assert (
        "an index that visits at most 16% of them (index=ivf: in a sample of 100,000, the 163 best of 1,024 lists hold"
        " 15.8% of the vectors and 0.987 of the 10 nearest; with more vectors they hold more of these)"
    ) in text_of(answer)


def test_a_limit_that_a_scan_could_meet_is_not_called_unreachable(finalists):
    answer = asked(Limits(max_p50_ms=20.0))
    slow = [racer("slow", 0.9, p50=0.3, code=16)]
    pick.choose(answer, slow)
    assert "no scan of" not in text_of(answer)
    met = asked(Limits(max_p50_ms=100.0))
    pick.choose(met, finalists)
    assert met.chosen.method == "osq"
    assert "no scan of" not in text_of(met)


def test_limits_filter_and_the_nearest_miss_is_told_for_each(finalists):
    answer = asked(Limits(min_recall=0.95, max_p50_ms=100.0))
    pick.choose(answer, finalists)
    assert answer.nearest[0].method == "osq"  # it misses one limit, the others two
    assert {option: one.method for option, one in answer.closest.items()} == {MIN_RECALL: "osq"}
    both = asked(Limits(min_recall=0.95, max_p50_ms=20.0))
    pick.choose(both, finalists)
    assert both.nearest[0].method == "saq"
    assert {option: one.method for option, one in both.closest.items()} == {MIN_RECALL: "saq", MAX_P50: "sign"}
    assert "but recall@10 0.937 is below 0.95 and p50 120 ms is above 20 ms" in text_of(both)


def test_what_meets_the_other_limits_is_named_as_such(finalists):
    answer = asked(Limits(min_recall=0.9, max_p50_ms=20.0))
    pick.choose(answer, finalists)
    assert [one.method for one in answer.nearest] == ["saq", "trellis"]
    assert answer.closest == {MAX_P50: answer.nearest[0]}  # the fastest of those that keep enough
    assert "best within the budget and the other limit: saq" in text_of(answer)


def test_of_indistinguishable_methods_the_smaller_is_first():
    tied = [racer("large", 0.9, code=192), racer("small", 0.8999, noise=0.05, code=180)]
    assert paired_difference(tied[0].per_query, tied[1].per_query).p > 0.05
    answer = asked()
    pick.choose(answer, tied)
    assert (answer.chosen.method, answer.runner_up.method) == ("small", "large")
    missed = asked(Limits(max_p50_ms=1.0))
    pick.choose(missed, tied)
    assert [one.method for one in missed.nearest] == ["small", "large"]


def test_the_nearest_may_have_left_the_race_early(finalists):
    answer = asked(Limits(max_p50_ms=20.0))
    pick.choose(answer, finalists[:2], finalists)
    assert [one.method for one in answer.nearest] == ["saq", "trellis"]
    assert answer.closest[MAX_P50].method == "sign"


def test_a_method_that_left_early_is_taken_if_it_alone_meets_the_limits(finalists):
    answer = asked(Limits(max_p50_ms=100.0))
    pick.choose(answer, finalists[:2], finalists)
    assert (answer.chosen.method, answer.runner_up.method) == ("osq", "sign")
    few = asked(Limits(0.85, 100.0))
    pick.choose(few, finalists[:2], finalists)
    assert few.chosen is None  # a hundredth above the least on fewer vectors promises nothing


def test_a_runner_up_that_misses_a_limit_says_so(finalists):
    answer = asked(Limits(min_recall=0.936))
    pick.choose(answer, finalists)
    assert (answer.chosen.method, answer.runner_up.method) == ("saq", "trellis")
    assert "build 2.78 h, but recall@10 0.935 is below 0.936" in text_of(answer)


def test_a_much_faster_method_that_keeps_nearly_as_much_is_named_too():
    answer = asked()
    fast = racer("rq_trellis", 0.970, p50=1.3, rate=480.0)
    pick.choose(answer, [racer("saq", 0.975, p50=6.8, rate=50_000.0), fast, racer("sign", 0.7, p50=1.3)])
    assert [trade.other.method for trade in answer.trades] == ["rq_trellis"]
    assert (
        "fast against best: saq 0.975 at p50 680 ms and 3.33 min to encode 10,000,000; "
        "rq_trellis 0.970 at p50 130 ms and 5.79 h to encode 10,000,000"
    ) in text_of(answer)


def test_a_method_that_encodes_ten_times_as_fast_is_named_too():
    answer = asked()
    pick.choose(answer, [racer("rq_trellis", 0.975, rate=480.0), racer("saq", 0.966, rate=5_000.0)])
    assert [trade.other.method for trade in answer.trades] == ["saq"]
    assert answer.trades[0].encode_speedup == pytest.approx(5_000 / 480)


def test_a_little_faster_or_much_worse_is_not_named_beside_the_best():
    answer = asked()
    best = racer("saq", 0.975, p50=6.8)
    pick.choose(answer, [best, racer("slower", 0.97, p50=4.0), racer("worse", 0.964, p50=1.3)])
    assert answer.trades == []
    limited = asked(Limits(min_recall=0.972))
    pick.choose(limited, [best, racer("fast", 0.97, p50=1.3)])
    assert limited.trades == []  # it misses the limit


def test_those_that_left_early_are_compared_on_the_vectors_that_both_met():
    answer = asked()
    early = [racer("saq", 0.98, p50=0.68, sample=10_000), racer("fast", 0.975, p50=0.13, sample=10_000)]
    pick.choose(answer, [racer("saq", 0.95, p50=6.8)], early)
    (trade,) = answer.trades
    assert (trade.best.recall.value, trade.other.recall.value) == (0.98, 0.975)
    assert "fast 0.975 at p50 130 ms and 2.78 h to encode 10,000,000 (on 10,000 vectors)" in text_of(answer)


def test_other_budgets_are_tried_where_the_limit_may_be_met(finalists):
    assert pick.sizes_elsewhere(asked(chosen=offer())) == [384, 96]
    for limits, sizes in [
        (Limits(max_p50_ms=20.0), [96, 48, 24]),
        (Limits(min_recall=0.99), [384, 768, 1_536]),
        (Limits(0.99, 20.0), [384, 96]),
    ]:
        answer = asked(limits)
        pick.choose(answer, finalists)
        assert pick.sizes_elsewhere(answer) == sizes


def test_what_is_within_the_budget_is_not_called_beyond_it(finalists):
    answer = asked(Limits(max_p50_ms=20.0))
    pick.choose(answer, finalists)
    answer.nearer = pick.nearer(answer, [offer("pq", 0.6, p50=0.15, code=24), offer("rq", 0.65, p50=0.15, code=30)])
    text = text_of(answer)
    assert "meets them with smaller codes: rq at 30 bytes a vector" in text
    assert "beyond the budget" not in text


def test_larger_codes_that_keep_more_are_named_as_beyond_the_budget():
    answer = asked(Limits(min_recall=0.95))
    pick.choose(answer, [racer("pq", 0.6)])
    answer.published = Reaching("int8", 4.0, 0.97, "a")
    answer.nearer = pick.nearer(answer, [offer("pq", 0.7, code=384), offer("rq", 0.9, code=384), offer("sign", 0.3)])
    text = text_of(answer)
    assert "best within the budget: pq at 192 bytes" in text
    assert "nearer beyond the budget: rq at 384 bytes" in text
    assert "published records: int8 at 4x (here 1536 bytes) kept recall@10 0.970 on a; not measured on your" in text
    answer.nearer = pick.nearer(answer, [offer("rq", 0.96, code=768), offer("lsq", 0.96, code=384)])
    assert "meets them beyond the budget: lsq at 384 bytes" in text_of(answer)
    assert pick.nearer(answer, [offer("pq", 0.5, code=384)]) is None  # keeps less


def test_other_budgets_are_no_advice_where_they_miss_the_limits():
    answer = asked(Limits(max_p50_ms=150.0), chosen=offer())
    slow, met = offer("rq", 0.97, p50=3.0, code=384), offer("pq", 0.8, p50=0.5, code=96)
    answer.elsewhere = {384: pick.best_of([Racer(slow, np.zeros(1))], answer.question.limits), 96: met}
    text = text_of(answer)
    assert (
        "at 384 bytes nothing tried meets the limits; rq (recall@10 0.970 on 100,000 vectors) keeps most, but p50 "
        "300 ms is above 150 ms"
    ) in text
    assert "at 96 bytes take pq (recall@10 0.800 on 100,000 vectors)" in text
    both = [Racer(slow, np.zeros(1)), Racer(met, np.zeros(1))]
    assert pick.best_of(both, answer.question.limits) is met


def test_a_code_smaller_than_the_other_budget_says_its_bytes():
    answer = asked(chosen=offer("sign", code=48))
    answer.elsewhere = {384: offer("sign", code=48)}
    assert "at 384 bytes still sign at 48 bytes (recall@10" in text_of(answer)


def test_the_fastest_is_no_advice_where_it_misses_a_limit():
    answer = asked(chosen=offer(p50=3.0), fastest=offer("sign", 0.7, p50=0.31, code=48))
    assert "for a p50 below 300 ms take sign: about 31 ms" in text_of(answer)
    answer = asked(Limits(min_recall=0.9), chosen=offer(p50=3.0), fastest=offer("sign", 0.7, p50=0.31, code=48))
    assert "for a p50 below" not in text_of(answer)
    answer = asked(chosen=offer(p50=3.0), fastest=offer("sign", 0.93, p50=0.31, code=48))
    answer.trades = [Trade(answer.chosen, answer.fastest)]
    assert "for a p50 below" not in text_of(answer)  # named beside the best


def test_parts_that_never_weigh_more_are_no_reason_to_change():
    answer = asked(chosen=offer(code=100, parts=10), runner_up=offer("pq", code=192))
    answer.against = paired_difference(np.arange(9.0), np.arange(9.0))
    assert "is the smaller one" not in text_of(answer)
    answer.chosen = offer(code=100, parts=9_300)
    assert "below 101 vectors pq is the smaller one, parts included" in text_of(answer)


def test_a_value_beyond_its_limit_never_reads_as_the_limit():
    assert offer(p50=0.20004).misses(Limits(max_p50_ms=20.0)) == [f"p50 {120:g} ms is above 20 ms"]
    assert offer(p50=2.0004, n=100_000).misses(Limits(max_p50_ms=2.0)) == ["p50 2.0004 ms is above 2 ms"]
    assert offer(recall=0.89996).misses(Limits(min_recall=0.9)) == ["recall@10 0.89996 is below 0.9"]
    assert set(offer().missed(Limits(0.99, 1.0, 1))) == {MIN_RECALL, MAX_P50, MEMORY}


def test_a_small_difference_is_not_rounded_to_none():
    assert [change(value) for value in (0.0, 0.0123, -0.0123, 4e-4, -3.2e-4)] == [
        *("+0.000", "+0.012", "-0.012", "+0.0004", "-0.0003")
    ]
    assert change(-1e-9) == "less than .0001"
    answer = asked(chosen=offer(), runner_up=offer("pq"))
    answer.against = paired_difference(np.full(5, 0.5004), np.full(5, 0.5))
    assert "(-0.0004, " in text_of(answer)


def test_durations_shares_and_bytes_have_no_exponents():
    assert [duration(s) for s in (0.9996, 119.9, 7199.0, 1e7, 0.0013)] == ["1 s", "2 min", "2 h", "2,780 h", "1.3 ms"]
    assert [share(value) for value in (0.1666, 0.0166, 0.00166, 1e-4)] == ["16%", "1.6%", "0.16%", "0.01%"]
    assert [count_bytes(count) for count in (999.6, 999_600, 999)] == ["1 kB", "1 MB", "999 B"]


def test_more_threads_are_counted_as_far_as_memory_feeds_them():
    assert offer().threads_for(20.0) == 6
    assert offer().threads_for(15.0) == 8
    assert offer().threads_for(10.0) is None
    assert dataclasses.replace(offer(), threads=2).threads_for(20.0) == 6


def test_a_latency_says_from_how_many_vectors_it_is_carried_on():
    assert "p50 120 ms for a scan of all codes by 1 thread, carried on from 100,000 vectors" in text_of(
        asked(chosen=offer())
    )
    same = asked(chosen=offer(n=100_000))
    assert "by 1 thread\n" in text_of(same)
    config = {"k": 10, "threads": 1, "rescore": "int8"}
    same.chosen = dataclasses.replace(same.chosen, record=dataclasses.replace(same.chosen.record, config=config))
    assert "for a scan of all codes and re-ranking by 1 thread" in "\n".join(_offer("take", same.chosen))


def test_hardly_fewer_bytes_do_not_decide_against_a_much_faster_method():
    tied = [
        racer("trellis", 0.949, noise=0.3, p50=4.5),
        racer("transform_coding", 0.945, p50=0.5),
        racer("saq", 0.942, p50=3.1, code=190),
    ]
    assert pick.cheapest(tied).name == "transform_coding"
    tied.append(racer("osq", 0.941, p50=0.9, code=144))
    assert pick.cheapest(tied).name == "osq"


def test_what_is_measured_to_lose_more_than_a_hundredth_is_not_chosen():
    few_queries = [racer("trellis", 0.949, noise=0.3, p50=4.5), racer("sign", 0.93, p50=0.1, code=48)]
    assert pick.undominated(few_queries, 0.0, latency_matters=False) == few_queries
    assert pick.cheapest(few_queries).name == "trellis"
