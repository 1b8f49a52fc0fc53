"""The recommendation: an answer in lines, exit statuses, extrapolation by hand, and who drops out of the race."""

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from bench import datasets, records
from bench.config import RunConfig
from bench.errors import UsageError
from bench.execution.plan import Plan
from bench.measure.statistics import Interval
from bench.recommend.answer import Answer
from bench.recommend.choice import _feasible
from bench.recommend.estimate import expected_seconds, running_order, seconds_on
from bench.recommend.offer import Limits, Offer
from bench.recommend.prior import Expectation
from bench.recommend.question import Question, parse_count
from bench.recommend.race import Racer, Round, Schedule, _Clock, _ending, affordable, undominated
from bench.recommend.rounds import Race, sizes
from bench.recommend.sample import Sample
from bench.recommend.vectors import look_at, sentences
from bench.recommend.words import lines


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own for every test."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def record():
    """An ok record made by hand: 10,000 vectors of 100 dimensions, 48 bytes, p50 1 ms, 1,000 vectors/s."""
    return records.Record(
        schema=records.SCHEMA,
        key="k",
        status="ok",
        reason="",
        method=records.MethodInfo("pq", "product", "1", {"name": "pq"}, {}),
        dataset=records.DatasetInfo("path", 10_000, 100, 100, "ip", "00", "train", 5_000),
        budget=records.BudgetInfo("48B", 48, 0),
        config={"k": 10, "threads": 1},
        environment={"memory_bandwidth_bytes_per_s": 1e10},
        bytes=records.Bytes(48, 480_000, {"codebooks": 1_000}, 1_000, 480_000, 0, 0, 0),
        quality={"recall@10": Interval(0.8, 0.79, 0.81)},
        latency_ms={"p50": 1.0},
        latency_shared=False,
        throughput={"encode_vectors_per_s": 1_000.0, "queries_per_s": 1e4},
        seconds={"fit": 5.0, "process": 10.0},
    )


def at(record, n=10_000, recall=0.8, name="pq", p50=1.0, **fields):
    return dataclasses.replace(
        record,
        method=dataclasses.replace(record.method, name=name),
        dataset=dataclasses.replace(record.dataset, n=n),
        quality={"recall@10": Interval(recall, recall - 0.01, recall + 0.01)},
        latency_ms={"p50": p50},
        **fields,
    )


def test_an_offer_is_carried_on_to_the_user_s_n(record):
    offer = Offer(record, 1_000_000, 10, smaller=at(record, n=1_000, recall=0.83))
    assert offer.memory_bytes == 48_001_000
    assert offer.disk_bytes == 0
    assert offer.build_s == 1_005.0
    assert offer.p50_ms == pytest.approx(100.0)
    assert offer.recall_at_n == pytest.approx((3 * 0.8**-0.5 - 2 * 0.83**-0.5) ** -2)


def test_what_is_not_scanning_neither_grows_nor_is_divided(record):
    """0.4 of 1 ms are spent before the scan of 10,000 codes."""
    record = dataclasses.replace(record, latency_ms={"p50": 1.0, "fixed": 0.4})
    offer = Offer(record, 1_000_000, 10)
    assert offer.p50_ms == pytest.approx(0.4 + 60.0)
    assert dataclasses.replace(offer, threads=4).p50_ms == pytest.approx(0.4 + 15.0)
    assert Offer(record, 1_000, 10).p50_ms == pytest.approx(1.0)
    assert offer.threads_for(15.5) == 4
    assert offer.threads_for(15.3) == 5
    assert offer.threads_for(0.4) is None


def test_no_scan_is_faster_than_memory(record):
    offer = Offer(at(record, p50=1e-3), 10**9, 10)
    assert offer.p50_ms == pytest.approx(1e3 * 48e9 / 1e10)


def test_recall_never_rises_with_n_and_stays_without_a_trend(record):
    assert Offer(record, 10**8, 10, at(record, n=1_000, recall=0.7)).recall_at_n == 0.8
    assert Offer(record, 10**8, 10).recall_at_n == 0.8


def test_what_misses_a_limit_says_by_how_much(record):
    offer = Offer(record, 1_000_000, 10)
    assert offer.misses(Limits(0.8, 100.0)) == []
    assert offer.misses(Limits(0.9, 50.0)) == ["recall@10 0.800 is below 0.9", "p50 100 ms is above 50 ms"]
    assert Offer(record, 10**8, 10).misses(Limits(max_p50_ms=2.0)) == ["p50 10,000 ms is above 2 ms"]
    assert offer.misses(Limits()) == []


@pytest.fixture
def racers(record):
    rng = np.random.default_rng(0)
    base = rng.integers(5, 10, 500) / 10

    def racer(name, per_query, p50):
        return Racer(Offer(at(record, recall=float(per_query.mean()), name=name, p50=p50), 10_000, 10), per_query)

    noise = rng.permutation(np.repeat([-0.1, 0.1], 250))
    return [
        racer("best", base, 1.0),
        racer("twin", base + noise - 1e-4, 2.0),
        racer("near", base - 0.01, 0.5),
        racer("far", base - 0.2, 0.4),
        racer("useless", base - 0.3, 3.0),
    ]


def test_a_method_drops_out_when_another_is_surely_better(racers):
    assert [r.name for r in undominated(racers, 0.0, latency_matters=False)] == ["best", "twin"]
    assert [r.name for r in undominated(racers, 0.05, latency_matters=False)] == ["best", "twin", "near"]


def test_a_faster_method_stays_where_latency_matters(racers):
    assert [r.name for r in undominated(racers, 0.0, latency_matters=True)] == ["best", "twin", "near", "far"]


def test_the_next_round_takes_what_there_is_time_for(racers):
    larger = Sample({}, 10_000, 10_000, 100)  # twice the training of 5 s: 15 s instead of 10 s each
    assert len(affordable(racers, larger, 1e6, workers=1)) == 5
    assert [r.name for r in affordable(racers, larger, 50.0, workers=1)] == ["best", "twin", "near"]
    assert len(affordable(racers, larger, 50.0, workers=2)) == 5
    assert affordable(racers, larger, 14.0, workers=2) == []  # one alone takes longer


def test_a_run_is_estimated_from_its_smaller_one_phase_by_phase(record):
    spent = {"load": 1.0, "fit": 10.0, "encode": 2.0, "warm_up": 3.0, "search_single": 0.5, "search_batch": 0.5}
    spent |= {"search_quality": 1.0, "judge": 0.5, "process": 25.0}
    small = at(record, p50=2.0, seconds=spent, throughput={"encode_vectors_per_s": 5e3, "queries_per_s": 1e3})
    same = Sample({}, 10_000, 5_000, 100)
    assert seconds_on(small, same) == pytest.approx(25.0)
    larger = Sample({}, 40_000, 20_000, 200)
    grown = {"load": 3.0, "fit": 30.0, "encode": 6.0, "search_quality": 7.0, "judge": 0.5}
    searches = 100 * 2e-3 * 4 - 0.5 + 200 / 1e3 * 4 - 0.5  # 100 single queries and one batch, four times slower
    assert seconds_on(small, larger) == pytest.approx(25.0 + sum(grown.values()) + searches)


def test_fitting_grows_as_published_and_at_most_linearly(record):
    small = at(record, seconds={"fit": 10.0, "process": 25.0})  # on 5,000
    larger = Sample({}, 10_000, 20_000, 100)
    base = seconds_on(small, larger) - 30.0  # all of it four times as long
    assert seconds_on(small, larger, fit_ns=4_000) == pytest.approx(base + 4e-6 * 100 * 15_000)
    assert seconds_on(small, larger, fit_ns=90_000) == pytest.approx(base + 30.0)
    assert seconds_on(small, Sample({}, 10_000, 5_000, 100), fit_ns=4_000) == pytest.approx(base)


@pytest.fixture
def clock(record, monkeypatch):
    """A clock of a round, whose runs are said to take ``seconds``; ``limits`` are what they were given."""

    def make(seconds, **values):
        def execute(plan, turns):
            limits.append(plan.config.limits.time_s)
            return dataclasses.replace(record, seconds={"process": seconds})

        limits = []
        monkeypatch.setattr("bench.recommend.race.runner.execute", execute)
        plan = Plan(RunConfig(), None, 48, {}, None, None, None, None)
        now = time.monotonic()
        kept = _Clock(values.get("limit", 40.0), now + values["over"], now + values["end"], values.get("least", 0.0), 2)
        return kept, limits, lambda: kept.run(plan, "pq")

    return make


@pytest.fixture
def named_clock(record, monkeypatch):
    """A clock of a round in which runs take ``slower`` times what is expected of them; what it was asked to start."""

    def make(expected_s, slower, over, status="ok", **values):
        def execute(plan, turns):
            started.append((plan.config.method["name"], plan.config.limits.time_s))
            seconds = {"process": slower * expected_s[plan.config.method["name"]]}
            return dataclasses.replace(record, seconds=seconds, status=status)

        started = []
        monkeypatch.setattr("bench.recommend.race.runner.execute", execute)
        now = time.monotonic()
        kept = _Clock(10.0, now + over, now + 1_000.0, 0.0, expected_s=expected_s, **values)

        def run(name):
            return kept.run(Plan(RunConfig(method={"name": name}), None, 48, {}, None, None, None, None), name)

        return kept, started, run

    return make


def test_a_slow_machine_is_known_after_the_first_run(named_clock):
    _, started, run = named_clock({"quick": 2.0, "slow": 30.0, "other": 3.0}, slower=3.0, over=50.0)
    assert run("quick") is not None
    assert run("slow") is None  # 90 s here, and the round has 50
    assert run("other") is not None
    assert started == [("quick", 10.0), ("other", 27.0)]  # three times what is expected of it here


def test_the_first_round_keeps_its_time_and_later_ones_may_run_over():
    now, times = 1_000.0, {"time_s": 90.0, "end": 2_000.0, "workers": 2}
    assert _Clock.of(Schedule(**times, slack=1.0), 9, now).over == now + 90.0
    assert _Clock.of(Schedule(**times), 9, now).over == now + 120.0
    assert _Clock.of(Schedule(**times), 9, now).turns is None
    assert _Clock.of(Schedule(**times, alone=True), 9, now).turns is not None


def test_a_run_that_is_expected_to_take_long_gets_longer(named_clock):
    _, started, run = named_clock({"slow": 30.0}, slower=1.0, over=50.0)
    run("slow")
    assert started == [("slow", 90.0)]


def test_a_favorite_that_was_stopped_starts_again_whatever_was_measured(named_clock):
    for favorites, attempts in ((frozenset({"a"}), 3), (frozenset(), 1)):
        _, started, run = named_clock({"a": 5.0}, slower=1.0, over=50.0, status="timeout", favorites=favorites)
        assert run("a").status == "timeout"
        assert len(started) == attempts


def test_a_run_gets_the_time_left_and_none_starts_that_would_outlast_it(clock):
    kept, limits, run = clock(seconds=12.0, over=100.0, end=20.0)
    assert run() is not None
    assert limits[0] == pytest.approx(20.0, abs=0.5)
    kept.end -= 10.0
    assert run() is None  # 10 s are left, and the last one took 12


def test_a_round_goes_on_until_there_is_something_to_choose_from(clock):
    _, limits, run = clock(seconds=5.0, over=-1.0, end=60.0)
    assert [run() is not None for _ in range(4)] == [True, True, False, False]
    assert limits == [40.0, 40.0]


def test_without_any_answer_yet_a_run_may_outlast_the_time(clock):
    _, limits, run = clock(seconds=5.0, over=5.0, end=10.0, least=40.0, limit=15.0)
    run()
    run()
    assert limits[0] == 40.0
    assert limits[1] == pytest.approx(10.0, abs=0.5)


def test_a_round_whose_leader_the_clock_cut_off_does_not_decide(record, racers):
    stopped = dataclasses.replace(at(record, name="leader"), status="timeout")
    crashed = dataclasses.replace(stopped, status="failed")
    assert not Round(racers, {"leader": stopped}).decides(["leader"])
    assert not Round(racers, {}, ["leader"]).decides(["another", "leader"])
    assert Round(racers, {"leader": crashed}).decides(["leader"])
    assert Round(racers, {}, ["another"]).decides(["leader"])
    assert not Round([]).decides(["leader"])


def test_runs_that_compiled_until_they_were_stopped_are_started_again(clock, record, monkeypatch):
    _, limits, run = clock(seconds=5.0, over=100.0, end=200.0)
    outcomes = iter(["timeout", "ok", "timeout", "timeout", "timeout", "ok", "timeout"])

    def execute(plan, turns):
        limits.append(plan.config.limits.time_s)
        return dataclasses.replace(record, status=next(outcomes), seconds={"process": 5.0})

    monkeypatch.setattr("bench.recommend.race.runner.execute", execute)
    assert run().status == "ok"  # at the second attempt
    assert run().status == "timeout"  # both attempts
    assert run().status == "timeout"  # two were tried again: no more
    assert [run().status for _ in range(2)] == ["ok", "timeout"]
    assert len(limits) == 7


def test_those_expected_to_keep_more_than_a_method_are_known(record, racers):
    names = [racer.name for racer in racers]
    stopped = {name: dataclasses.replace(at(record, name=name), status="timeout") for name in ("slow", "behind")}
    broken = {"broken": dataclasses.replace(at(record, name="broken"), status="failed")}
    first = Round(racers, stopped | broken, ["late"])
    expected = ["slow", "late", "broken", names[0], "behind"]
    assert first.stopped_ahead(expected, names[0]) == ["slow", "late"]
    assert first.stopped_ahead([names[0], "slow"], names[0]) == []


def test_the_answer_says_which_methods_are_expected_to_keep_more(record):
    answer = Answer(Question("x.npy", "48B"), 100, 10_000, 48, chosen=Offer(record, 10_000, 10))
    assert "expect" not in "\n".join(lines(answer))
    answer.ahead = ["rq_trellis", "trellis"]
    text = "\n".join(lines(answer))
    assert "published records expect rq_trellis, trellis to keep more than pq: give more --time" in text


def test_a_broken_promise_of_time_says_what_took_it(record):
    answer = Answer(Question("x.npy", "48B", time_s=45), 100, 10_000, 48, chosen=Offer(record, 10_000, 10))
    answer.slowest, answer.preparing_s = at(record, name="slow", seconds={"process": 41.0}), 6.0
    answer.too_long = ["the best on more (25,000 vectors): about 60 s for two, 20 s were left"]
    answer.seconds = 50.0
    *_, skipped, last = lines(answer)
    assert skipped.startswith("no time for the best on more (25,000 vectors): about 60 s for two, 20 s were left")
    assert last == "0 methods raced in 50 s"  # kept: within a fifth
    answer.seconds = 77.0
    *_, last = lines(answer)
    assert "77 s, not in the 45 s of --time: slow alone took 41 s, samples and their exact neighbors 6 s" in last


def test_a_method_that_got_through_alone_is_said_to_have_no_runner_up(record):
    answer = Answer(Question("x.npy", "48B"), 100, 10_000, 48, chosen=Offer(record, 10_000, 10))
    assert "no runner-up: no method but pq got through on 10,000 vectors" in "\n".join(lines(answer))


def test_a_round_that_is_over_starts_no_further_run():
    with ThreadPoolExecutor(1) as pool:
        running = [pool.submit(time.sleep, 0.3) for _ in range(4)]
        ended = list(_ending(running, 0.05))
    assert len(ended) == 4
    assert [future.cancelled() for future in running] == [False, True, True, True]
    with ThreadPoolExecutor(2) as pool:
        assert not any(future.cancelled() for future in _ending([pool.submit(time.sleep, 0.01)], 5.0))


def test_a_method_named_twice_races_once():
    question = Question(data="mine.npy", budget="4x", methods=("int8", "sign", "int8"))
    assert sorted(_feasible(question, SimpleNamespace(dim=16, metric="ip"), 16)) == ["int8", "sign"]


def test_samples_grow_and_fit_into_what_there_is():
    for most in (400, 19_000, 100_000):
        bases = [base for base, _, _ in sizes(most)]
        assert bases == sorted(bases)
        assert bases[-1] == most
        assert bases[0] <= most // 4


def test_few_vectors_need_no_round_between_the_first_and_the_last():
    assert [len(sizes(most)) for most in (5_000, 25_000, 25_001, 10**6)] == [2, 2, 3, 3]


EXPECTED = Expectation(
    ["best", "slow", "third", "fourth", "fifth", "new", "far", "slower"],
    ["best", "slow", "third", "fourth", "fifth", "far", "slower"],
    "published records",
    {"best": 0.0, "slow": 0.01, "third": 0.02, "fourth": 0.02, "fifth": 0.02, "far": 0.3, "slower": 0.04},
    {name: (1_000.0, 100.0) for name in ("best", "third", "fourth", "fifth", "slower")}
    | {"slow": (9_000.0, 100.0), "far": (0.0, 1.0)},
)


def test_a_run_without_an_earlier_one_is_estimated_from_published_times():
    seconds = expected_seconds(EXPECTED, Sample({}, 5_000, 2_000, 200), 100)
    assert seconds["best"] == pytest.approx(4.0 + 1e-9 * (100 * (1_000 * 2_000 + 100 * 5_000) + 2 * 100**3))
    assert seconds["far"] < seconds["best"] < seconds["slow"]
    assert seconds["new"] == seconds["best"]  # nothing is known of it: as most


def test_favorites_start_first_and_then_what_promises_most_for_its_time():
    seconds = {"best": 9.0, "slow": 90.0, "third": 8.0, "fourth": 10.0, "fifth": 11.0}
    seconds |= {"far": 4.0, "slower": 10.0, "new": 30.0}
    order = running_order(EXPECTED, seconds)
    assert order == ["third", "best", "fourth", "fifth", "slow", "slower", "far", "new"]


@pytest.fixture
def race(tmp_path):
    return Race(Question("x.npy", "48B"), 10_000, str(tmp_path), time.monotonic())


def test_favorites_go_on_unless_they_are_far_behind(race, racers):
    go_on = lambda favorites: [r.name for r in race._going_on(racers, 2, 0.1, favorites)]  # noqa: E731
    assert go_on([]) == ["best", "twin"]
    assert go_on(["near", "far", "useless"]) == ["best", "twin", "near"]  # .2 and .3 behind: twice the margin
    assert [r.name for r in race._going_on(racers[3:], 1, 0.0, [])] == ["far", "useless"]  # two at least


@pytest.mark.parametrize(
    ("time_s", "names", "training"),
    [
        (500, ["best", "twin", "near"], 20_000),  # each 25 s
        (35, ["best", "twin"], 20_000),  # with the time of later rounds
        (20, ["best", "twin"], 10_000),
        (10, [], None),
    ],
)
def test_finalists_are_fitted_on_less_rather_than_not_measured(race, racers, monkeypatch, time_s, names, training):
    called = []
    monkeypatch.setattr(race, "round", lambda share, entries, sample, *rest, **more: called.append((entries, sample)))
    race.question = dataclasses.replace(race.question, time_s=time_s)
    race.workers = 2
    race.next_round(racers, "final", Sample({}, 10_000, 20_000, 100), "the finalists", 3, 0.05)
    if not names:
        assert not called
        assert "the finalists (10,000 vectors): about 25 s" in race.too_long[0]
        return
    ((entries, sample),) = called
    assert [entry.name for entry in entries] == names
    assert sample.train_size == training


def test_the_time_that_would_have_been_enough_is_said_in_whole_steps(race):
    race.workers, race.missing_s = 2, {"slow": 50.0, "other": 20.0}
    assert race.time_for(["slow"]) == 300  # 25 s more of the first round, which has .55 of the time, are 45 s
    assert race.time_for(["slow", "other"]) == 330
    assert race.time_for([]) == 240


def test_a_favorite_without_time_is_said_before_what_to_take(record):
    answer = Answer(Question("x.npy", "48B"), 100, 10_000, 48, chosen=Offer(record, 10_000, 10))
    answer.favorites_missing, answer.needed_s, answer.ahead = ["trellis", "qinco2"], 420, ["trellis", "qinco2"]
    _, second, third, *rest = lines(answer)
    assert second.startswith("no time for trellis and qinco2, of the first five in published records")
    assert "--time 420 should be enough" in second
    assert third.startswith("take pq")
    assert not any("published records expect trellis" in line for line in rest)


@pytest.mark.parametrize(("text", "count"), [("100M", 10**8), ("250k", 250_000), ("1.5G", 1_500_000_000), ("7", 7)])
def test_counts_are_written_as_people_do(text, count):
    assert parse_count(text) == count


def test_the_answer_names_method_cost_runner_up_and_changes(record, racers):
    answer = Answer(Question("x.npy", "48B"), 100, 1_000_000, 48)
    answer.chosen = Offer(record, 1_000_000, 10, at(record, n=1_000, recall=0.83))
    larger = dataclasses.replace(record.bytes, code=90)
    worse = Offer(at(record, name="eden", recall=0.1, bytes=larger), 1_000_000, 10)
    answer.elsewhere = {24: Offer(at(record, name="rq", recall=0.7), 1_000_000, 10), 96: worse}
    answer.raced, answer.unstarted, answer.expected = ["pq", "rq"], ["itq"], {"itq", "pq"}
    text = "\n".join(lines(answer))
    assert "take pq at 48 bytes a vector" in text
    assert "recall@10 0.800 [0.790, 0.810] on 10,000 vectors; at 1,000,000 about 0.745 [0.6" in text
    assert "(-0.028 for ten times the vectors, from 2 sizes of 1,000 to 10,000)" in text
    assert "memory   48 MB, nothing on disk" in text
    assert "latency  p50 100 ms" in text
    assert "build    16.8 min: fit 5 s on 5,000, encode 1,000 vectors/s" in text
    assert "at 24 bytes take rq (recall@10 0.700" in text
    assert "eden" not in text  # it keeps less in more bytes
    assert "no time for: itq (published records have them behind; --time gives more)" in text


def test_a_constant_dimension_is_no_reason_to_refuse_or_to_find_ties(tmp_path, gaussian):
    vectors = gaussian(2_000, 16)
    vectors[:, 0] = 1_000  # all cosines are .99999
    np.save(tmp_path / "v.npy", vectors)
    user = datasets.load("path", base=str(tmp_path / "v.npy"), metric="cosine")
    found = look_at(user)
    assert (found.indistinct, found.most_ties) == (0, 0)
    assert sentences(found, user, None)[0] == (
        "vectors share a direction: the mean is 1.00 of their length; average cosine 1.00"
    )


def test_the_answer_says_of_which_kind_the_vectors_are(record):
    answer = Answer(Question("x.npy", "48B"), 100, 10_000, 48, chosen=Offer(record, 10_000, 10))
    answer.vectors = ["vectors share a direction: the mean is 0.87 of their length; average cosine 0.75"]
    text = list(lines(answer))
    assert text[1] == answer.vectors[0]
    assert text[2].startswith("take pq")


def test_a_budget_outside_the_question_is_refused_in_python_too():
    with pytest.raises(UsageError, match="--time 1 is too short"):
        Question("x.npy", "8x", time_s=1)
