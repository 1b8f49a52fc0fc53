"""The line on a final order from disk: what a run with rescore=disk keeps, its reads and its latency."""

import dataclasses
import json

import numpy as np
import pytest
from runs_here import run_here

from bench import records
from bench.config import RunConfig
from bench.execution import runner
from bench.execution.plan import prepare
from bench.measure.statistics import Interval
from bench.recommend import disk
from bench.recommend.answer import Answer
from bench.recommend.disk import DiskOrder, Kept
from bench.recommend.export import to_json
from bench.recommend.offer import Offer
from bench.recommend.question import Question
from bench.recommend.words import lines

N, DIM = 2_000, 32


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """``run(budget, ...)`` measures ``sign`` on a sample as a race does; its offer at 1,000,000 vectors."""
    folder = tmp_path_factory.mktemp("disk")
    rng = np.random.default_rng(0)
    for name, rows in {"base": N, "queries": 100, "train": 500}.items():
        np.save(folder / f"{name}.npy", rng.standard_normal((rows, DIM)).astype(np.float32))
    dataset = {"name": "path", "metric": "cosine", "max_queries": None}
    dataset |= {name: str(folder / f"{name}.npy") for name in ("base", "queries", "train")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE", str(folder / "cache"))
        patch.setattr(runner, "run_isolated", run_here)

        def measured(budget="4B", **options):
            options = {"k": 10, "latency_s": 0.1, **options}
            config = RunConfig({"name": "sign"}, dataset, budget=budget, results=str(folder / "results"), **options)
            record = runner.execute(prepare(config))
            assert record.status == "ok", record.reason
            return Offer(record, 1_000_000, options["k"])

        yield measured


def test_recall_is_that_of_a_run_with_rescore_disk(run):
    order = disk.measure(run(), None, left_s=0.0)
    (kept,) = order.kept
    real = run(rescore="disk").record
    assert kept.recall.value == pytest.approx(real.quality["recall@10"].value, abs=1e-9)
    assert kept.recall.value > run().recall.value + 0.05
    assert (kept.method, kept.code_bytes, kept.measured_on) == ("sign", 4, N)
    assert (order.reads, order.row_bytes, order.disk_bytes) == (40, 4 * DIM, 4 * DIM * 1_000_000)
    assert order.missing == (2,)
    assert order.warm_ms > run().p50_ms
    assert order.cold_unknown or order.cold_ms > run().p50_ms


def test_half_the_bytes_are_measured_if_there_is_time(run):
    assert disk.measure(run(), None, left_s=0.0).missing == (2,)
    other = dataclasses.replace(run().record)
    order = disk.measure(run(), Offer(other, 1_000_000, 10), left_s=0.0)  # what was measured elsewhere does as well
    assert [kept.code_bytes for kept in order.kept] == [4, 4]
    order = disk.measure(run(), None, left_s=300.0)
    assert order.missing == (2,)  # 32 signs take 4 bytes: no code of 2
    assert len(order.kept) == 1


@pytest.mark.thorough
def test_for_a_hundred_neighbors_runs_re_rank_themselves(run):
    offer = run(k=100)
    assert disk.measure(offer, None, left_s=0.0).kept == []
    order = disk.measure(offer, None, left_s=300.0)
    assert [kept.code_bytes for kept in order.kept] == [4]
    assert order.kept[0].recall == run(k=100, rescore="disk").record.quality["recall@100"]
    assert order.reads == 400


def test_what_a_run_left_behind_may_be_gone(run):
    offer = run(seed=1)
    (prepare(RunConfig.from_dict(offer.record.config)).folder / records.QUERIES_FILE).unlink()
    assert disk.measure(offer, None, left_s=0.0).kept == []


@pytest.fixture
def offer():
    record = records.Record(
        schema=records.SCHEMA,
        key="k",
        status="ok",
        reason="",
        method=records.MethodInfo("pq", "product", "1", {"name": "pq"}, {}),
        dataset=records.DatasetInfo("path", 10_000, 100, 100, "ip", "00", "train", 5_000),
        budget=records.BudgetInfo("48B", 48, 0),
        config={"k": 10, "threads": 1},
        environment={"memory_bandwidth_bytes_per_s": 1e10},
        bytes=records.Bytes(48, 480_000, {}, 0, 480_000, 0, 0, 0),
        quality={"recall@10": Interval(0.8, 0.79, 0.81)},
        latency_ms={"p50": 1.0},
        throughput={"encode_vectors_per_s": 1_000.0, "queries_per_s": 1e4},
        seconds={"fit": 5.0, "process": 10.0},
    )
    return Offer(record, 10_000, 10)


def line(offer, order):
    answer = Answer(Question("x.npy", "48B"), 100, 10_000, 48, 10_000, chosen=offer, disk=order)
    json.loads(to_json(answer))
    (only,) = [text for text in lines(answer) if "from disk" in text]
    return only


def test_one_line_says_recall_reads_bytes_and_latency(offer):
    kept = [Kept("pq", 48, Interval(1.0, 1.0, 1.0), 10_000), Kept("pq", 24, Interval(0.998, 0.9, 1.0), 10_000)]
    order = DiskOrder(offer, kept, 40, 400, 4_000_000, 1.9, 12.0)
    assert line(offer, order) == (
        "with the final order from disk (rescore=disk): recall@10 1.000 at 48 bytes, 0.998 at 24 bytes of pq on "
        "10,000 vectors; 40 reads of 400 B a query; 4 MB on disk; p50 1.9 ms with vectors in memory, 12 ms cold"
    )
    smaller = dataclasses.replace(order, kept=[kept[0], dataclasses.replace(kept[1], measured_on=5_000)])
    assert "1.000 at 48 bytes of pq on 10,000 vectors, 0.998 at 24 bytes of pq on 5,000 vectors" in line(offer, smaller)
    unknown = dataclasses.replace(order, cold_ms=None, cold_unknown="the file system keeps the file in memory")
    assert line(offer, unknown).endswith("unknown cold (the file system keeps the file in memory)")


def test_without_time_the_line_has_the_command_that_measures(offer):
    order = DiskOrder(offer, [Kept("pq", 48, Interval(1.0, 1.0, 1.0), 10_000)], 40, 400, 4_000_000, missing=(24,))
    assert "; at 24 bytes: python -m bench method=pq budget=24B" in line(offer, order)
    assert line(offer, order).endswith("rescore=disk")
    nothing = line(offer, dataclasses.replace(order, kept=[]))
    assert nothing.startswith("no time to measure a final order from disk: python -m bench method=pq budget=48B")


def test_nothing_is_said_of_a_disk_where_the_user_chose_a_store(offer):
    answer = Answer(Question("x.npy", "48B", rescore="int8"), 100, 10_000, 48, 10_000, chosen=offer)
    assert "disk:" not in "\n".join(lines(answer))
