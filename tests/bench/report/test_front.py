"""``bench.report.pareto``: the rows of a frame that no other of their data set and metric beats."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bench
from bench.records import find, pack
from bench.records.frame import COLUMNS

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def frame():
    """Two data sets; in the first ``b`` costs as much as ``a`` for less, and ``d`` more than ``c`` for as much."""
    rows = [
        ("one", "ip", "a", 8, 0.5),
        ("one", "ip", "b", 8, 0.4),
        ("one", "ip", "c", 16, 0.9),
        ("one", "ip", "d", 32, 0.9),
        ("one", "ip", "e", 4, np.nan),
        ("two", "ip", "f", 64, 0.3),
        ("one", "l2", "g", 64, 0.2),
    ]
    return pd.DataFrame(rows, columns=["dataset", "metric", "method", "bytes", "recall@10"], index=range(10, 17))


def test_the_front_of_each_data_set_and_metric(frame):
    front = bench.report.pareto(frame)
    assert front["method"].tolist() == ["a", "c", "g", "f"]
    assert front.index.tolist() == [10, 12, 16, 15]
    pd.testing.assert_frame_equal(front, frame.loc[front.index])


def test_samples_of_one_name_do_not_compete(frame):
    frame["checksum"] = frame["method"]
    assert sorted(bench.report.pareto(frame)["method"]) == ["a", "b", "c", "d", "f", "g"]


def test_times_compete_on_one_processor_alone(frame):
    frame["p50_ms"], frame["cpu"] = frame["bytes"], ["x", "x", "y", "y", "x", "x", "x"]
    frame.loc[12, "recall@10"] = 0.45
    assert bench.report.pareto(frame)["method"].tolist() == ["a", "d", "g", "f"]
    assert sorted(bench.report.pareto(frame, x="p50_ms")["method"]) == ["a", "c", "d", "f", "g"]


def test_without_names_of_data_sets_all_rows_compete(frame):
    assert bench.report.pareto(frame[["method", "bytes", "recall@10"]])["method"].tolist() == ["a", "c"]


def test_equal_rows_stay_together_and_order_does_not_matter(frame):
    twice = pd.concat([frame, frame]).sample(frac=1, random_state=0)
    assert sorted(bench.report.pareto(twice)["method"]) == sorted("aaccffgg")


def test_of_errors_the_nearest_to_zero_is_the_best(frame):
    frame["score_bias"] = [0.1, -0.05, -0.5, 0.01, 0.0, 0.2, 0.3]
    chosen = frame[(frame["dataset"] == "one") & (frame["metric"] == "ip")]
    assert bench.report.pareto(chosen, y="score_bias")["method"].tolist() == ["e"]
    assert bench.report.pareto(chosen[:4], y="score_bias")["method"].tolist() == ["b", "d"]


def test_a_frame_of_no_rows_has_an_empty_front(frame):
    assert bench.report.pareto(frame[:0]).empty


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": "byte"}, "the frame has no column 'byte'; did you mean 'bytes'?"),
        ({"y": "zzz"}, "use one of dataset, metric, method, bytes, recall@10"),
        ({"x": "method"}, "column 'method' holds no numbers"),
    ],
)
def test_a_column_that_cannot_be_is_one_line(frame, columns, message):
    with pytest.raises(bench.UsageError) as caught:
        bench.report.pareto(frame, **columns)
    assert message in str(caught.value)


def test_published_records_as_a_frame(tmp_path):
    """Every row is a record: bytes, recall with its interval, latency, parameters; fronts are found among them."""
    path = "results/published/squad-sentences-mini.parquet"
    frame = bench.load_records(ROOT / path)
    records = list(find([ROOT / path]))
    assert frame["key"].tolist() == [record.key for record in records]
    for row, record in zip(frame.to_dict("records"), records):
        assert (row["method"], row["bytes"], row["seed"]) == (
            record.method.name,
            record.bytes.code,
            record.config["seed"],
        )
        interval = record.quality["recall@10"]
        assert (row["recall@10_low"], row["recall@10"], row["recall@10_high"]) == (
            interval.low,
            interval.value,
            interval.high,
        )
        assert row["bytes_at_1m"] == pytest.approx(4 * record.dataset.dim / record.ratio.total_at_1m)
        assert row["bytes"] <= row["bytes_at_100m"] <= row["bytes_at_1m"]
        assert row["p50_ms"] == record.latency_ms["p50"]
        assert row["params.dim"] == record.method.params["dim"]
    assert 1 < len(bench.report.pareto(frame)) < len(frame)
    pack(records[:2], tmp_path / "some.jsonl")
    assert bench.load_records([tmp_path, ROOT / path])["key"].tolist() == frame["key"].tolist()
    pd.testing.assert_frame_equal(bench.to_frame(records), frame)
    with pytest.raises(bench.UsageError, match="does not exist"):
        bench.load_records(tmp_path / "none")
    assert bench.load_records([]).columns.tolist() == list(COLUMNS)
