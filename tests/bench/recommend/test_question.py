"""What is asked: memory instead of a budget, another machine's threads, methods by a pattern."""

import dataclasses

import pytest

from bench import records
from bench.errors import UsageError
from bench.measure.statistics import Interval
from bench.recommend.answer import Answer
from bench.recommend.offer import Limits, Offer
from bench.recommend.question import Question, parse_bytes, parse_methods
from bench.recommend.words import lines
from methods import registry


@pytest.fixture
def record():
    """10,000 vectors of 48 bytes, scanned in 1 ms and encoded at 1,000 a second by 2 threads."""
    return records.Record(
        schema=records.SCHEMA,
        key="k",
        status="ok",
        reason="",
        method=records.MethodInfo("pq", "product", "1", {"name": "pq"}, {}),
        dataset=records.DatasetInfo("path", 10_000, 100, 100, "ip", "00", "train", 5_000),
        budget=records.BudgetInfo("48B", 48, 0),
        config={"k": 10, "threads": 2},
        environment={"memory_bandwidth_bytes_per_s": 1e10},
        bytes=records.Bytes(48, 480_000, {"codebooks": 1_000}, 1_000, 480_000, 0, 0, 0),
        quality={"recall@10": Interval(0.8, 0.79, 0.81)},
        latency_ms={"p50": 1.0},
        throughput={"encode_vectors_per_s": 1_000.0, "queries_per_s": 1e4},
        seconds={"fit": 5.0, "process": 10.0},
    )


@pytest.mark.parametrize(
    ("text", "count"),
    [("4GB", 4 * 10**9), ("4GiB", 4 << 30), ("512 MB", 512 * 10**6), ("1.5g", 1_500_000_000), ("20000", 20_000)],
)
def test_memory_is_written_as_people_do(text, count):
    assert parse_bytes(text) == count


def test_codes_and_parts_of_all_vectors_fit_the_memory():
    question = Question("x.npy", memory=4 * 10**9).sized(10_000_000, 1536)
    assert question.budget == "392B"  # 80 MB are kept for parts
    assert question.limits == Limits(max_memory_bytes=4 * 10**9)
    few = Question("x.npy", memory=10**6).sized(9_000, 384)
    assert few.budget == "88B"  # a rotation would take all that is kept, and more
    assert Question("x.npy", "32x").sized(9_000, 384) == Question("x.npy", "32x")


def test_parts_that_outgrow_the_memory_miss_the_limit(record):
    offer = Offer(record, 10_000, 10)
    assert offer.misses(Limits(max_memory_bytes=481_000)) == []
    assert offer.misses(Limits(max_memory_bytes=480_500)) == ["codes and parts take 481 kB, more than --memory"]


def test_the_answer_says_which_budget_was_made_of_the_memory(record):
    question = Question("x.npy", memory=500_000).sized(10_000, 100)
    answer = Answer(question, 100, 10_000, 44, chosen=Offer(record, 10_000, 10))
    first = next(iter(lines(answer)))
    assert first.endswith("at most 44 bytes each (--memory 500 kB, 60 kB of it for codebooks and the like)")


def test_more_threads_than_cores_are_measured_with_those_there_are(monkeypatch):
    monkeypatch.setattr("bench.recommend.question.os.cpu_count", lambda: 2)
    assert Question("x.npy", "32x", threads=16).measured_threads == 2
    assert Question("x.npy", "32x").measured_threads == 1
    with pytest.raises(UsageError, match="--threads 0 is out of range; use 1 to 1024"):
        Question("x.npy", "32x", threads=0)


def test_another_machine_s_threads_divide_scan_and_encoding(record):
    here, there = Offer(record, 100_000, 10), Offer(record, 100_000, 10, threads=16)
    assert here.p50_ms == pytest.approx(10.0)
    assert there.p50_ms == pytest.approx(10.0 / 8)
    assert (here.build_s, there.build_s) == pytest.approx((105.0, 5.0 + 100 / 8))


def test_no_number_of_threads_reads_memory_faster_than_eight(record):
    fast = dataclasses.replace(record, latency_ms={"p50": 1e-3})
    floor = 1e3 * 48e9 / 1e10
    assert Offer(fast, 10**9, 10).p50_ms == pytest.approx(floor / 2)
    assert Offer(fast, 10**9, 10, threads=8).p50_ms == pytest.approx(floor / 8)
    assert Offer(fast, 10**9, 10, threads=64).p50_ms == pytest.approx(floor / 8)


def test_the_answer_says_that_another_machine_is_extrapolated(record, monkeypatch):
    monkeypatch.setattr("bench.recommend.question.os.cpu_count", lambda: 2)
    question = Question("x.npy", "48B", threads=16)
    answer = Answer(question, 100, 100_000, 48, chosen=Offer(record, 100_000, 10, threads=16))
    text = "\n".join(lines(answer))
    assert "p50 1.25 ms for a scan of all codes by 16 threads, extrapolated from 2 here" in text
    assert "encode 8,000 vectors/s, extrapolated from 2 here" in text
    assert "this machine has 2 cores, not 16: latency and build time are extrapolated" in text
    assert "no faster than by 8 threads here" in text
    answer = Answer(Question("x.npy", "48B", threads=2), 100, 100_000, 48, chosen=Offer(record, 100_000, 10))
    assert "extrapolated" not in "\n".join(lines(answer))


def test_methods_are_named_by_patterns_too():
    assert parse_methods("pq,opq") == ("pq", "opq")
    assert parse_methods("") == ()
    assert set(parse_methods("glob(*trellis)")) == {name for name in registry.names() if name.endswith("trellis")}
    assert parse_methods("*trellis") == parse_methods("glob(*trellis)")
    assert parse_methods("sign,glob([pq*,*pq],exclude=pq_*)")[0] == "sign"
    assert "pq_fastscan" not in parse_methods("glob([pq*,*pq],exclude=pq_*)")
    with pytest.raises(UsageError, match=r"no method matches glob\(nothing\*\); `python -m methods` lists all"):
        parse_methods("pq,glob(nothing*)")
