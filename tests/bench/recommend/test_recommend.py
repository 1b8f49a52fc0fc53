"""The recommendation: an answer in lines, exit statuses, extrapolation by hand, and who drops out of the race."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest

from bench import records
from bench.errors import UsageError
from bench.measure.statistics import Interval
from bench.recommend.__main__ import main
from bench.recommend.choice import Answer, _sizes
from bench.recommend.offer import Limits, Offer
from bench.recommend.prior import by_expectation
from bench.recommend.question import Question, parse_count
from bench.recommend.race import Racer, _ending, affordable, undominated
from bench.recommend.words import lines


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
        throughput={"encode_vectors_per_s": 1_000.0},
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
    assert offer.recall_per_decade == pytest.approx(-0.03)
    assert offer.recall_at_n == pytest.approx(0.74)


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
    assert offer.shortfall(Limits()) == 0.0
    assert offer.shortfall(Limits(max_p50_ms=50.0)) == 1.0


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
    assert len(affordable(racers, growth=2.0, time_s=1e6, workers=1, least=2)) == 5
    assert [r.name for r in affordable(racers, growth=2.0, time_s=60.0, workers=1, least=2)] == ["best", "twin", "near"]
    assert len(affordable(racers, growth=2.0, time_s=0.0, workers=1, least=2)) == 2


def test_those_expected_to_find_most_race_first(record):
    def published(name, recall, dataset, budget):
        found = at(record, recall=recall, name=name, budget=records.BudgetInfo(f"{budget}B", budget, 0))
        return dataclasses.replace(found, dataset=dataclasses.replace(found.dataset, name=dataset))

    found = [
        published("pq", 0.8, "a", 50),
        published("opq", 0.9, "a", 50),
        published("pq", 0.7, "b", 48),
        published("opq", 0.4, "b", 48),
        published("rq", 0.7, "b", 48),
        published("sign", 0.99, "b", 12),  # another budget
    ]
    names, known = by_expectation(["itq", "opq", "pq", "rq", "sign"], 8.0, found)
    assert names == ["itq", "sign", "rq", "pq", "opq"]  # 0 behind, .05, .15; nothing is known of the first two
    assert known == ["opq", "pq", "rq"]
    assert by_expectation(["b", "a"], 8.0, []) == (["b", "a"], [])


def test_a_round_that_is_over_starts_no_further_run():
    with ThreadPoolExecutor(1) as pool:
        running = [pool.submit(time.sleep, 0.3) for _ in range(4)]
        ended = list(_ending(running, 0.05))
    assert len(ended) == 4
    assert [future.cancelled() for future in running] == [False, True, True, True]
    with ThreadPoolExecutor(2) as pool:
        assert not any(future.cancelled() for future in _ending([pool.submit(time.sleep, 0.01)], 5.0))


def test_samples_grow_and_fit_into_what_there_is():
    for most in (400, 19_000, 100_000):
        sizes = [base for base, _, _ in _sizes(most)]
        assert sizes == sorted(sizes)
        assert sizes[-1] == most


@pytest.mark.parametrize(("text", "count"), [("100M", 10**8), ("250k", 250_000), ("1.5G", 1_500_000_000), ("7", 7)])
def test_counts_are_written_as_people_do(text, count):
    assert parse_count(text) == count


def test_the_answer_names_method_cost_runner_up_and_changes(record, racers):
    answer = Answer(Question("x.npy", "48B"), 100, 1_000_000, 48)
    answer.chosen = Offer(record, 1_000_000, 10, at(record, n=1_000, recall=0.83))
    answer.elsewhere = {24: Offer(at(record, name="rq", recall=0.7), 1_000_000, 10)}
    answer.raced, answer.unstarted, answer.expected = ["pq", "rq"], ["itq"], {"itq", "pq"}
    text = "\n".join(lines(answer))
    assert "take pq at 48 bytes a vector" in text
    assert "recall@10 0.800 [0.790, 0.810] on 10,000 vectors; about 0.74 at 1,000,000" in text
    assert "memory   48 MB, nothing on disk" in text
    assert "latency  p50 100 ms" in text
    assert "build    16.8 min: fit 5 s on 5,000, encode 1,000 vectors/s" in text
    assert "at 24 bytes take rq (recall@10 0.700" in text
    assert "no time for: itq (published records have them behind; --time gives more)" in text


@pytest.fixture
def command(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["bench.recommend", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "none.npy", "--budget", "32x"], "none.npy does not exist"),
        (["--data", "{0}", "--budget", "much"], "budget=much is not a budget"),
        (["--data", "{0}", "--budget", "32x", "--min-recall", "90"], "--min-recall 90 is out of range"),
        (["--data", "{0}", "--budget", "32x", "--max-p50-ms", "0"], "--max-p50-ms 0 is out of range"),
        (["--data", "{0}", "--budget", "32x", "--n", "many"], "many is not a number of vectors"),
        (["--data", "{0}", "--budget", "32x", "--metric", "cos"], "cos"),
        (["--data", "{0}", "--budget", "32x", "--k", "7"], "--k 7 is not judged; use 1, 10 or 100"),
        (["--data", "{0}", "--budget", "32x", "--methods", "pqq"], "no method is called 'pqq'; did you mean pq"),
        (["--data", "{0}", "--budget", "32x", "--rescore", "tape"], "--rescore tape is unknown"),
        (["--data", "{0}", "--budget", "32x", "--threads", "999"], "--threads 999 is out of range"),
        (["--data", "{0}", "--budget", "8B", "--methods", "float32"], "no method has a code of 8 bytes"),
        (["--data", "{0}", "--budget", "8x", "--sample", "10"], "--sample 10 is too small"),
        (["--budget", "32x"], "the following arguments are required: --data"),
    ],
)
def test_wrong_input_is_one_line_before_any_work(command, vectors, arguments, message):
    status, _, errors = command(*[argument.format(vectors) for argument in arguments])
    assert status == 2
    assert message in errors
    assert errors.startswith("bench.recommend: ")
    assert errors.count("\n") == 1


def test_too_few_vectors_are_refused(command, tmp_path):
    np.save(tmp_path / "few.npy", np.random.default_rng(0).standard_normal((100, 8), np.float32))
    status, _, errors = command("--data", tmp_path / "few.npy", "--budget", "8x")
    assert status == 2
    assert "90 vectors are too few to choose by; give at least 500" in errors


def test_limits_that_nothing_meets_bring_the_nearest_offer_and_status_one(bench, vectors):
    arguments = ["--data", str(vectors), "--budget", "8B", "--methods", "acme_truncated", "--metric", "l2"]
    done = bench(*arguments, "--min-recall", ".95", "--n", "1k", "--time", "60", module="bench.recommend")
    assert done.returncode == 1, done.stderr
    assert "nothing measured meets the limits" in done.stdout
    assert "nearest within the budget: acme_truncated at 8 bytes" in done.stdout
    assert "is below 0.95" in done.stdout
    assert "meets them beyond the budget: acme_truncated at 16 bytes" in done.stdout


def test_an_interrupted_race_leaves_no_process_behind(bench, vectors, tmp_path):
    """Ctrl-C in the middle of a round: status 130 at once, and the runs' processes end too."""
    command = [
        sys.executable,
        "-m",
        "bench.recommend",
        "--data",
        str(vectors),
        "--budget",
        "8B",
        "--methods",
        "acme_hangs",
    ]
    child = subprocess.Popen(command, cwd=tmp_path, env=bench.env, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while not (workers := psutil.Process(child.pid).children(recursive=True)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert workers
        os.kill(child.pid, signal.SIGINT)
        _, errors = child.communicate(timeout=30)
    finally:
        child.kill()
    assert child.returncode == 130
    assert "interrupted" in errors
    psutil.wait_procs(workers, timeout=10)
    assert not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers)


def test_a_budget_outside_the_question_is_refused_in_python_too():
    with pytest.raises(UsageError, match="--time 1 is too short"):
        Question("x.npy", "8x", time_s=1)
