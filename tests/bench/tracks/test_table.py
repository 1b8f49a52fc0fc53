"""The table track from the command line and from Python: rows, counted bytes, wrong tracks, quality measures."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest

from bench import datasets, records, run
from bench.config import RunConfig
from bench.datasets.builders.clicks import save_split
from bench.errors import UsageError
from bench.execution.plan import prepare
from bench.measure import click
from bench.measure.statistics import Interval
from bench.recommend import __main__ as recommend
from bench.report import significance
from bench.report.rows import rows_of, to_frame
from methods.budget import Budget
from methods.errors import BudgetError, WrongTrack
from methods.tables.checks import examples


@pytest.fixture
def options(tmp_path, monkeypatch):
    """Options of a quick run on a small data set in a cache of its own, under the name of a built one."""
    import pandas as pd

    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    held = examples()
    columns = pd.DataFrame({f"field {i}": held.ids[:, i].astype(str) for i in range(4)})
    save_split(tmp_path / "cache" / "datasets" / "ml-100k", columns, held.labels, {"title": "made up"})
    return {"dataset": "ml-100k", "results": str(tmp_path / "results"), "latency_s": 0.1}


@pytest.mark.thorough
@pytest.mark.integration
def test_a_run_counts_exported_arrays_and_judges_on_test_examples(options, tmp_path):
    record = run("hash", "4x", **options)
    assert record.status == "ok", record.reason
    assert record.dataset.metric == "auc"
    assert record.bytes.code == sum(record.bytes.made_of.values()) <= record.budget.bytes
    assert record.ratio.codes >= 4
    assert abs(record.memory_bytes["saved file"] - record.bytes.code) < 200
    assert 0 < record.quality["auc"].low < record.quality["auc"].value < record.quality["auc"].high < 1
    assert record.quality["log_loss"].value > 0
    assert {"p50", "p99", "p50 of 128", "p99 of 128"} <= set(record.latency_ms)
    assert record.memory_bytes["training: optimizer"] > record.memory_bytes["training: weights"]
    arrays = records.read_queries(tmp_path / "results" / "runs" / "ml-100k" / "hash" / record.key)
    labels = datasets.load("ml-100k").test.labels
    assert click.auc(arrays["logits"], labels) == pytest.approx(record.quality["auc"].value)
    frame = to_frame(rows_of([record]))
    assert frame["auc"][0] == record.quality["auc"].value


@pytest.mark.thorough
@pytest.mark.usefixtures("in_this_process")
def test_a_finished_run_is_read_and_a_click_model_is_another_run(options):
    first = run("hash", "4x", **options)
    assert run("hash", "4x", **options) == first
    config = RunConfig.from_dict({**first.config, "click_model": "wdl"})
    assert prepare(config).key != first.key == prepare(RunConfig.from_dict(first.config)).key
    with pytest.raises(UsageError, match="use one of dlrm, wdl, dcn_v2, deepfm"):
        run("hash", "4x", click_model="dlrn", **options)


def test_a_budget_is_of_the_whole_table(options):
    config = RunConfig(method={"name": "full"}, results=options["results"], dataset={"name": "ml-100k"})
    rows = sum(datasets.load("ml-100k").rows)
    for budget, size in (("1x", 64 * rows), ("64B", 64 * rows), ("32bit", 64 * rows), ("1000x", 64 * rows // 1000)):
        config.budget = budget
        assert prepare(config).code_bytes == size
    assert isinstance(prepare(config).infeasible, BudgetError)
    assert Budget("0.5bit").total_bytes(10, 16) == 10


@pytest.mark.thorough
def test_a_method_of_another_track_is_one_line_that_names_the_right_ones(options):
    with pytest.raises(WrongTrack, match=r"pq is of the dense track and ml-100k of the table track; use .*hash"):
        run("pq", "8x", **options)
    with pytest.raises(WrongTrack, match="hash is of the table track and squad-sentences-mini of the dense track"):
        run("hash", "8x", results=options["results"])


def test_options_of_the_data_set(options):
    whole = datasets.load("ml-100k")
    part = datasets.load("ml-100k", max_base=100, max_queries=50, dim=8)
    assert (len(part.train), len(part.test), part.dim) == (100, 50, 8)
    assert part.rows == whole.rows
    assert part.checksum != whole.checksum
    assert whole.fields.frequencies.sum() == 4 * len(whole.train)
    for wrong, hint in (
        ({"metric": "l2"}, "auc only"),
        ({"dim": 0}, "from 1 to 4096"),
        ({"dims": 8}, "did you mean dim"),
    ):
        with pytest.raises(datasets.DatasetError, match=hint):
            datasets.load("ml-100k", **wrong)
    with pytest.raises(datasets.DatasetError, match="no neighbors"):
        datasets.ground_truth(whole, 1)


def test_no_part_of_the_split_shares_an_example(tmp_path):
    import pandas as pd

    columns = pd.DataFrame({"unique": [str(i) for i in range(1000)]})
    save_split(tmp_path / "split", columns, np.zeros(1000), {})
    parts = [np.load(tmp_path / "split" / f"{part}-ids.npy")[:, 0] for part in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [800, 100, 100]
    assert len(np.unique(np.concatenate(parts))) == 1000


def test_auc_counts_pairs_and_half_of_ties():
    rng = np.random.default_rng(0)
    scores, labels = rng.integers(0, 20, 300).astype(float), rng.integers(0, 2, 300)
    positive, negative = scores[labels == 1][:, None], scores[labels == 0]
    expected = ((positive > negative) + 0.5 * (positive == negative)).mean()
    assert click.auc(scores, labels) == pytest.approx(expected)
    assert np.nanmean(click.placements(scores, labels)) == pytest.approx(expected)


@pytest.mark.parametrize("decimals", [1, 9])
def test_intervals_are_those_of_resampled_examples(decimals):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 400)
    scores = np.round(labels + rng.normal(0, 1.5, 400), decimals)
    plain = []
    for _ in range(800):
        drawn = rng.integers(0, 400, 400)
        plain.append(click.auc(scores[drawn], labels[drawn]))
    found = click.click_intervals(scores, labels)
    assert found["auc"].value == click.auc(scores, labels)
    assert found["auc"].low == pytest.approx(np.quantile(plain, 0.025), abs=0.008)
    assert found["auc"].high == pytest.approx(np.quantile(plain, 0.975), abs=0.008)
    losses = click.log_losses(scores, labels)
    error = 1.96 * losses.std() / 20
    assert found["log_loss"].low == pytest.approx(losses.mean() - error, abs=0.2 * error)
    assert found["log_loss"].high == pytest.approx(losses.mean() + error, abs=0.2 * error)


def test_influences_average_to_the_auc_and_vary_as_it_does():
    rng = np.random.default_rng(2)
    labels = (rng.random(5000) < 0.3).astype(int)
    scores = labels + rng.normal(0, 1.5, 5000)
    for groups in (5000, 700):
        values = click.influences(scores, labels, groups)
        assert len(values) == groups
        assert values.mean() == pytest.approx(click.auc(scores, labels))
        found = click.click_intervals(scores, labels)["auc"]
        assert 3.92 * values.std() / groups**0.5 == pytest.approx(found.high - found.low, rel=0.1)


@pytest.mark.thorough
@pytest.mark.usefixtures("in_this_process")
def test_a_report_pairs_click_models_on_the_same_examples(options, tmp_path):
    for method in ("hash", "robe"):
        run(method, "4x", **options)
    located = list(records.locate([tmp_path / "results"]))
    rows = rows_of(record for record, _ in located)
    found, reasons = significance.compare_rows(rows, significance.folders_of(located))
    assert reasons == []
    (comparison,) = found
    assert comparison.difference == pytest.approx(
        min(row.headline_quality.value for row in rows) - max(row.headline_quality.value for row in rows), abs=1e-9
    )
    assert comparison.low <= comparison.difference <= comparison.high


@pytest.mark.thorough
@pytest.mark.usefixtures("in_this_process")
def test_recommend_answers_for_a_vocabulary_with_uncertainty(options, tmp_path, capsys, monkeypatch):
    one = run("hash", "10x", **options)
    raw = 64 * one.dataset.vectors_per_item
    kept = []
    for method, family, ratio, area in (
        ("hash", "hashing", 10, 0.70),
        ("low_dim", "dimension", 10, 0.72),
        ("full", "identity", 1, 0.74),
    ):
        named = dataclasses.replace(one.method, name=method, family=family, requested={"name": method})
        budget = dataclasses.replace(one.budget, requested=f"{ratio}x", bytes=int(raw / ratio))
        config = {**one.config, "method": {"name": method}, "budget": f"{ratio}x"}
        quality = {"auc": Interval(area, area - 0.01, area + 0.01)}
        kept.append(dataclasses.replace(one, key=method, method=named, budget=budget, config=config, quality=quality))
    records.pack(kept, tmp_path / "packed.jsonl")
    command = ["bench.recommend", "table", "--rows", "1M,30k,20", "--records", str(tmp_path / "packed.jsonl")]
    monkeypatch.setattr("sys.argv", [*command, "--budget", "10x"])
    recommend.main()
    text = capsys.readouterr().out
    assert "1,030,020 rows of 16 dimensions are 65.9 MB as float32; at most 6.59 MB (10x)" in text
    assert re.search(r"take (low_dim)\n  AUC 0\.\d+ \[0\.\d+, 0\.\d+\] on ml-100k, 300 test examples, 1 seed", text)
    assert "the whole table 0.7400 (-0.0200)" in text
    assert "not distinguishable: hash" in text
    assert "measured at 10x" in text
    monkeypatch.setattr("sys.argv", [*command, "--budget", "100x"])
    recommend.main()
    text = capsys.readouterr().out
    assert "not possible here: low_dim cannot shrink this table" in text
    assert "nothing was published at 100x; 10x is the nearest" in text
    for wrong, hint in (("0B", "leaves no bytes"), ("9999999999x", "budget"), ("8y", "is not a budget")):
        monkeypatch.setattr("sys.argv", [*command, "--budget", wrong])
        with pytest.raises(SystemExit) as stopped:
            recommend.main()
        assert stopped.value.code == 2
        assert hint in capsys.readouterr().err


def test_log_loss_is_in_nats():
    assert click.log_losses(np.array([0.0, 100.0]), np.array([1, 1])) == pytest.approx([np.log(2), 0])
    assert click.log_losses(np.array([-3.0]), np.array([1]))[0] == pytest.approx(np.log1p(np.exp(3)))
