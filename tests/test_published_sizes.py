"""Recall by the number of vectors: pages say what the records say, and predictions are those of known laws."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Annotation, Text
from programs import program

from bench import records
from bench.measure.statistics import Interval
from bench.recommend.scaling import Parts
from bench.records.index_info import IndexInfo, OperatingPoint

ROOT = Path(__file__).resolve().parents[1]
SLOPES = {"pq": 0.02, "sign": 0.06}
NAME = "made-up"


@pytest.fixture(scope="module")
def sizes():
    """The program."""
    return program("sizes")


def law(method, n):
    """Recall that falls as recommend expects, from .8 at 10,000."""
    return (0.8**-0.5 + SLOPES[method] * np.log(n / 10_000)) ** -2


def record(method, n, train=10_000, **fields):
    """A scan that follows the law, in 0.1 ms and 20 µs for a thousand codes; fitted in 3 s, 10,000 encoded in 1 s."""
    value = law(method, n)
    made = records.Record(
        schema=records.SCHEMA,
        key=f"{method}-{n}-{train}",
        status="ok",
        reason="",
        method=records.MethodInfo(method, "product", "1", {"name": method}, {}),
        dataset=records.DatasetInfo(NAME, n, 64, 100, "l2", f"{n}", "base", train),
        budget=records.BudgetInfo("16B", 16, 0),
        config={"k": 10, "threads": 1},
        environment={"cpu": "toy", "memory_bandwidth_bytes_per_s": 1e10},
        quality={"recall@10": Interval(value, value - 0.01, value + 0.01)},
        bytes=records.Bytes(16, 16 * n, {}, 0, 16 * n, 0, 0, 0),
        latency_ms={"p50": 0.1 + 2e-5 * n, "fixed": 0.1},
        latency_shared=False,
        throughput={"encode_vectors_per_s": 10_000.0},
        seconds={"fit": 3.0, "encode": n / 10_000},
    )
    return dataclasses.replace(made, **fields)


def parts(method, n):
    """Of queries that all keep what the law says."""
    of_parts = tuple(round(share * n) for share in (1.0, 0.63, 0.4, 0.25))
    return Parts(of_parts, np.array([[law(method, size)] * 5 for size in of_parts]))


@pytest.fixture
def runs(sizes):
    return sizes.runs_of([record(method, n) for method in SLOPES for n in (10_000, 100_000, 1_000_000)], [])


@pytest.fixture
def cases(sizes, runs):
    return list(sizes.foretold(runs, {(method, 10_000, 10_000): parts(method, 10_000) for method in SLOPES}))


def test_a_known_law_is_foretold(sizes, cases):
    assert [(case.method, case.offer.n) for case in cases] == list(itertools.product(SLOPES, (100_000, 1_000_000)))
    for case in cases:
        assert case.recall.value == pytest.approx(law(case.method, case.offer.n))
        assert case.off == pytest.approx(0)
        assert (case.latency_ratio, case.build_ratio) == pytest.approx((1.0, 1.0))


def test_what_is_far_off_is_bold_and_counted(sizes, runs, cases):
    assert "**" not in "\n".join(sizes.foretold_table(cases))
    (exact,) = [line for line in sizes.summary(cases) if "| 100 |" in line]
    assert exact.startswith("| 10,000, fitted on 10,000 | 100 | 2 | 0.0000 |")
    assert exact.endswith("| 2 | 2 | 2 of 2 | 2 of 2 |")
    key = ("pq", 1_000_000, 10_000)
    runs.scans[key] = record(
        *key,
        quality={"recall@10": Interval(0.5, 0.49, 0.51)},
        latency_ms={"p50": 40.0},
        seconds={"fit": 9, "encode": 300},
    )
    known = {(method, 10_000, 10_000): parts(method, 10_000) for method in SLOPES}
    off = list(sizes.foretold(runs, known))
    (line,) = [line for line in sizes.foretold_table(off) if "`pq` | 10,000 | 10,000 | 1,000,000" in line]
    assert line.endswith("| 0.500 | 40 | **20.1** | 309 | **103** |")
    assert f"| **{law('pq', 1_000_000):.3f}** |" in line
    (counted,) = [line for line in sizes.summary(off) if "| 100 |" in line]
    assert counted.endswith("| 1 | 1 | 1 of 2 | 1 of 2 |")


def test_where_there_is_no_scan_all_lists_say_the_recall(sizes):
    def point(probes, recall):
        return OperatingPoint(probes, 1.0, {"recall@10": Interval(recall, recall, recall)}, {"p50": 1.0}, 100, 1.0)

    index = IndexInfo("ivf", "none", 0, 1, [point(1, 0.1), point(64, 0.7)], lists=64)
    lists = [record("pq", 1_000_000, index=index)]
    runs = sizes.runs_of([record("pq", n) for n in (10_000, 100_000)], lists)
    assert runs.curve("pq")[1_000_000].value == 0.7
    *_, last = sizes.foretold(runs, {("pq", 10_000, 10_000): parts("pq", 10_000)})
    assert (last.offer.n, last.latency_ratio, last.build_ratio) == (1_000_000, None, pytest.approx(1.0))
    scanned = sizes.runs_of([record("pq", n) for n in (10_000, 1_000_000)], lists)
    assert scanned.curve("pq")[1_000_000].value == pytest.approx(law("pq", 1_000_000))


def test_of_a_repeated_run_the_shortest_times_count(sizes):
    slow = record("pq", 10_000, latency_ms={"p50": 0.3, "fixed": 0.2}, latency_shared=True)
    busy = record("pq", 10_000, latency_ms={"p50": 0.5}, seconds={"fit": 1.0, "encode": 0.5})
    one = sizes.fastest([slow, busy])
    assert one.latency_ms == {"p50": 0.3, "fixed": 0.2}
    assert one.latency_shared is False
    assert sizes.build_s(one) == sizes.build_s(busy) == 1.5


def test_recall_at_100_is_compared_at_ten_times_the_vectors(sizes):
    def both(n, at_10, at_100):
        quality = {"recall@10": Interval(at_10, at_10, at_10), "recall@100": Interval(at_100, at_100, at_100)}
        return record("pq", n, quality=quality)

    measured = [both(10_000, 0.7, 0.8), both(30_000, 0.6, 0.0), both(100_000, 0.5, 0.72), both(1_000_000, 0.4, 0.46)]
    text = sizes.density(sizes.runs_of(measured, []))
    assert text.endswith("recall@10: -0.010 on average, -0.040 to +0.020 (2 pairs).")


def test_every_line_of_the_figure_is_named_at_its_end(sizes, runs, cases):
    figure = sizes.figure_of({NAME: runs, "other": runs}, {NAME: cases, "other": []})
    for axis, is_foretold in zip(figure.axes, (True, False), strict=True):
        lines = [line for line in axis.lines if line.get_gid() == "method"]
        ends = {tuple(line.get_xydata()[-1]) for line in lines}
        names = [text for text in axis.texts if isinstance(text, Annotation)]
        assert {name.get_text(): name.xy for name in names} == {
            method: (1_000_000, pytest.approx(law(method, 1_000_000))) for method in SLOPES
        }
        assert {tuple(name.xy) for name in names} == ends
        boxes = [Text.get_window_extent(name) for name in names]
        assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
        assert any(line.get_linestyle() == "--" for line in axis.lines) == is_foretold


@pytest.mark.parametrize("pack", sorted((ROOT / "results" / "sizes").glob("*.parquet")), ids=lambda path: path.stem)
def test_pages_are_those_of_the_records(sizes, pack):
    runs, cases = sizes.read(pack)
    text = pack.with_suffix(".md").read_text()
    assert text == "\n".join(sizes.page(pack.stem, runs, cases)) + "\n", "run make publish"
    assert len(cases) > 10
