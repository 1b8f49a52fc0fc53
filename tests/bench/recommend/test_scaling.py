"""Recall at N: a law fitted to nested parts of the sample, its interval, and what is said of it."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
from runs_here import run_here

import methods
from bench import records
from bench.config import RunConfig
from bench.datasets.base import Dataset
from bench.datasets.exact import exact_search
from bench.datasets.store import ArrayStore
from bench.execution import runner
from bench.execution.plan import prepare
from bench.measure.quality import RecallJudge
from bench.measure.statistics import Interval
from bench.recommend.at_n import carried_on, unsure
from bench.recommend.offer import Limits, Offer
from bench.recommend.scaling import SHARES, fitted, nested_recalls, trend_of

N, DIM, QUERIES = 3_000, 24, 150


def falling(slope, queries=400, sizes=(100_000, 63_000, 40_000, 25_000), at_largest=0.8, seed=0):
    """Recalls (sizes, queries) whose mean follows the law."""
    spread = np.random.default_rng(seed).normal(0, 0.1, queries)
    means = (at_largest**-0.5 + slope * np.log(np.array(sizes) / sizes[0])) ** -2
    return sizes, means[:, None] + spread - spread.mean()


def offer(trend, n, recall=0.8, sample=100_000, smaller=None):
    """A method measured by hand on a sample, of which the number of vectors and recall matter here."""
    info = records.DatasetInfo("path", sample, 64, 1_000, "ip", "00", "train", 5_000)
    record = records.Record(
        records.SCHEMA,
        "k",
        "ok",
        "",
        records.MethodInfo("pq", "product", "1", {"name": "pq"}, {}),
        info,
        records.BudgetInfo("16B", 16, 0),
        {"k": 10, "threads": 1},
        {},
        quality={"recall@10": Interval(recall, recall - 0.01, recall + 0.01)},
    )
    if smaller is not None:
        less = dataclasses.replace(info, n=smaller[0])
        smaller = dataclasses.replace(record, dataset=less, quality={"recall@10": Interval(*smaller[1])})
    return Offer(record, n, 10, smaller=smaller, trend=trend)


def test_the_law_is_recovered_and_carried_on():
    trend = fitted(*falling(0.01))
    assert trend.slope == pytest.approx(0.01)
    assert trend.at(10_000_000, 0.8).value == pytest.approx((0.8**-0.5 + 0.01 * np.log(100)) ** -2)
    assert trend.at(100_000, 0.8).value == pytest.approx(0.8)


def test_recall_that_rises_is_not_carried_upward():
    trend = fitted(*falling(-0.01))
    assert trend.slope == 0.0
    assert trend.at(10_000_000, 0.8).value == pytest.approx(0.8)


def test_the_interval_widens_with_distance_and_narrows_with_queries():
    trend = fitted(*falling(0.01))
    widths = [trend.at(n, 0.8).high - trend.at(n, 0.8).low for n in (100_000, 10**6, 10**7, 10**9)]
    assert widths == sorted(widths)
    few = fitted(*falling(0.01, queries=40))
    assert few.at(10**6, 0.8).low < trend.at(10**6, 0.8).low
    assert trend.at(10**9, 0.99).high <= 1.0


def test_the_interval_is_of_the_choice_of_queries_too():
    """Of 300 draws of queries with a slope of their own, about nine of ten intervals hold the mean of all."""
    rng = np.random.default_rng(1)
    sizes = np.array([100_000, 63_000, 40_000, 25_000])
    roots, slopes = rng.normal(1.15, 0.1, 20_000), rng.normal(0.015, 0.01, 20_000)

    def recalls(rows, n):
        return (roots[rows] + slopes[rows] * np.log(n / sizes[0])) ** -2

    truth, inside = recalls(slice(None), 1_000_000).mean(), 0
    for _ in range(300):
        rows = rng.integers(20_000, size=200)
        parts = recalls(rows, sizes[:, None])
        interval = dataclasses.replace(fitted(sizes, parts), law_error=0.0).at(1_000_000, float(parts[0].mean()))
        inside += interval.low <= truth <= interval.high
    assert 250 <= inside <= 300


def test_nothing_is_fitted_to_no_recall():
    assert fitted((100, 50), np.zeros((2, 5))) is None
    assert fitted((100,), np.ones((1, 5))) is None


@pytest.mark.thorough
@pytest.mark.parametrize("metric", ["ip", "cosine", "l2"])
def test_recall_of_parts_is_that_of_searches_in_parts(metric):
    """What is read from one search of the whole is, on average, what searches of drawn parts find."""
    rng = np.random.default_rng(3)
    base, queries = (rng.standard_normal((n, DIM)).astype(np.float32) for n in (N, QUERIES))
    codec = methods.create("sign", DIM, 3, metric).fit(base, 0)
    codes = codec.encode(base)

    def recall(rows):
        part = Dataset("part", methods.Metric.parse(metric), ArrayStore(base[rows]), queries, None, None, "0")
        truth = exact_search(part, 100)
        _, ids = codec.searcher(np.ascontiguousarray(codes[rows])).search(queries, 100)
        judge = RecallJudge(part.base, queries, part.metric, truth.scores, truth.ids)
        return judge.recall(ids[:, :10], 10), judge.judge(ids), ids, truth, part

    whole, judged, ids, truth, part = recall(np.arange(N))
    nested = nested_recalls(judged, ids, truth.ids, 10, N, part.metric.descending)
    assert nested.shape == (len(SHARES), QUERIES)
    np.testing.assert_allclose(nested[0], whole)
    drawn = [recall(np.flatnonzero(rng.random(N) < SHARES[-1]))[0].mean() for _ in range(12)]
    assert nested[-1].mean() == pytest.approx(np.mean(drawn), abs=0.01)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """``run(...)`` measures ``sign`` on a sample as a race does; its record."""
    folder = tmp_path_factory.mktemp("scaling")
    rng = np.random.default_rng(0)
    for name, rows in {"base": N, "queries": 100, "train": 500}.items():
        np.save(folder / f"{name}.npy", rng.standard_normal((rows, DIM)).astype(np.float32))
    dataset = {"name": "path", "metric": "cosine", "max_queries": None}
    dataset |= {name: str(folder / f"{name}.npy") for name in ("base", "queries", "train")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE", str(folder / "cache"))
        patch.setattr(runner, "run_isolated", run_here)

        def measured(**options):
            options = {"k": 10, "latency_s": 0.1, "budget": "3B", **options}
            config = RunConfig({"name": "sign"}, dataset, results=str(folder / "results"), **options)
            record = runner.execute(prepare(config))
            assert record.status == "ok", record.reason
            return record

        yield measured


@pytest.mark.thorough
def test_the_trend_of_a_run_is_read_from_what_it_left_behind(run):
    record = run()
    trend = trend_of(record)
    assert trend.sizes == (3_000, 1_890, 1_200, 750)
    assert trend.recalls[0] == pytest.approx(record.quality["recall@10"].value, abs=1e-9)
    assert list(trend.recalls) == sorted(trend.recalls)
    assert trend.slope > 0
    assert trend_of(run(k=100)).recalls == trend.recalls  # of recall@10 too
    assert trend_of(run(rescore="disk")) is None
    lost = dataclasses.replace(record, config={**record.config, "seed": 77})  # a run that left nothing
    assert trend_of(lost) is None


def test_two_runs_alone_make_a_wider_interval():
    two = offer(None, 1_000_000, smaller=(25_000, (0.82, 0.81, 0.83)))
    assert two.law.sizes == (100_000, 25_000)
    step = (0.8**-0.5 - 0.82**-0.5) * np.log(10) / np.log(4)
    assert two.recall_at_n == pytest.approx((0.8**-0.5 + step) ** -2)
    four = offer(dataclasses.replace(fitted(*falling(0.01)), slope=two.law.slope), 1_000_000)
    assert two.recall_range.high - two.recall_range.low > four.recall_range.high - four.recall_range.low


def test_recall_at_n_is_said_with_its_interval_and_what_it_comes_from():
    trend = fitted(*falling(0.01))
    assert carried_on(offer(trend, 1_000_000)).startswith("; at 1,000,000 about 0.768 [0.7")
    assert "(-0.032 for ten times the vectors, from 4 sizes of 25,000 to 100,000)" in carried_on(offer(trend, 10**6))
    assert "(no fall seen, from 4 sizes" in carried_on(offer(fitted(*falling(-0.01)), 10**6))


def test_a_small_fall_is_not_rounded_away():
    assert "(-0.0003 for ten times the vectors" in carried_on(offer(fitted(*falling(0.0001)), 10**6))


def test_beyond_two_decades_no_value_is_promised():
    trend = fitted(*falling(0.01))
    assert "about" in carried_on(offer(trend, 10_000_000))
    text = carried_on(offer(trend, 100_000_000))
    assert text.startswith("; at 100,000,000 not known better than 0.6")
    assert "about" not in text


def test_without_another_size_recall_at_n_is_not_known():
    alone = offer(None, 10**6)
    assert alone.recall_range is None
    assert carried_on(alone) == "; at 1,000,000 not known: it was measured at one size alone"
    assert offer(None, 100_000).recall_range == alone.recall


def test_a_least_recall_that_is_not_sure_at_n_is_said():
    trend = fitted(*falling(0.01))
    assert list(unsure(offer(trend, 10**6), Limits(min_recall=0.6))) == []
    (text,) = unsure(offer(trend, 10**6), Limits(min_recall=0.76))
    assert text.startswith("  but recall at 1,000,000 may be less than --min-recall 0.76: below 0.7")
    (text,) = unsure(offer(None, 10**6), Limits(min_recall=0.76))
    assert text == "  but whether it keeps --min-recall 0.76 at 1,000,000 is not known"
    assert list(unsure(offer(trend, 100_000), Limits(min_recall=0.76))) == []


def test_a_rescored_recall_that_is_not_known_at_n_meets_no_least_recall():
    alone = offer(None, 10**6)
    rescored = replace(alone, record=replace(alone.record, config={**alone.record.config, "rescore": "disk"}))
    unknown = "recall@10 at 1,000,000 is not known: it was measured at one size alone"
    assert rescored.misses(Limits(min_recall=0.1)) == [unknown]
    assert rescored.misses(Limits()) == []
    assert replace(rescored, n=100_000).misses(Limits(min_recall=0.1)) == []


def test_a_recall_that_is_missed_at_n_alone_says_so():
    less = offer(fitted(*falling(0.01)), 10**6)
    assert less.misses(Limits(min_recall=0.79)) == ["recall@10 0.768 at 1,000,000 is below 0.79"]
    assert less.misses(Limits(min_recall=0.76)) == []
    assert offer(None, 100_000).misses(Limits(min_recall=0.9)) == ["recall@10 0.800 is below 0.9"]
