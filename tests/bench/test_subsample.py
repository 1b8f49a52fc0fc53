"""Subsets keep the neighbors of their queries; what is read from stored ids is what a search of the subset returns."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bench import records
from bench.subsample import Agreement, Runs, agreement, draw, main, recalls, smallest


def exact(base, queries, k):
    return np.argsort(-(queries @ base.T), axis=1, kind="stable")[:, :k]


@pytest.fixture(scope="module")
def world():
    """900 vectors, 120 queries, and six methods that see the vectors through more and more noise."""
    rng = np.random.default_rng(0)
    base, queries = rng.standard_normal((900, 16)), rng.standard_normal((120, 16))
    noisy = [base + rng.standard_normal(base.shape) * noise for noise in (0.05, 0.1, 0.2, 0.3, 0.45, 0.6)]
    ids = np.stack([exact(seen, queries, 100) for seen in noisy])
    return Runs({48: ids}, exact(base, queries, 100), 900), base, queries, noisy


def test_a_subset_keeps_the_neighbors_of_its_queries(world):
    runs = world[0]
    subset = draw(runs, 3, 400, np.random.default_rng(1))
    assert len(subset.queries) == 3
    assert len(subset.base) == 400
    assert set(runs.truth[subset.queries].ravel()) <= set(subset.base)


def test_hard_negatives_come_before_the_size_asked_for(world):
    subset = draw(world[0], 20, 10, np.random.default_rng(1))
    assert set(subset.base) == set(world[0].truth[subset.queries].ravel())


def test_recall_from_stored_ids_is_that_of_searching_the_subset(world):
    runs, base, queries, noisy = world
    subset = draw(runs, 30, 850, np.random.default_rng(2))
    truth = exact(base[subset.base], queries[subset.queries], 10)
    for method, seen in enumerate(noisy):
        found = exact(seen[subset.base], queries[subset.queries], 10)
        expected = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, truth)])
        assert recalls(runs, subset)[48][method] == pytest.approx(expected)


def test_the_full_set_agrees_with_itself_and_fewer_queries_agree_less(world):
    runs = world[0]
    assert agreement(runs, 120, 900, draws=2).tau == pytest.approx(1.0)
    few = agreement(runs, 2, 900)
    assert few.tau_low <= few.tau < 1.0


def test_the_smallest_that_keeps_the_ranking_is_the_cheapest():
    found = [Agreement(100, 900, 0.99, 0.9), Agreement(50, 900, 0.96, 0.9), Agreement(10, 300, 0.8, 0.5)]
    assert smallest(found, 0.95) is found[1]
    assert smallest(found, 0.999) is None


@pytest.fixture
def subsample(command_line):
    return command_line("bench.subsample", main)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere does not exist"),
        ([".", "--queries", "a"], "--queries a is not a list of numbers"),
        ([".", "--base", "0"], "--base 0 is out of range"),
        ([".", "--base", "2"], "--base 2 is more than there is"),
        ([".", "--tau", "7"], "--tau 7 is out of range"),
        ([], "the following arguments are required: RECORDS"),
    ],
)
def test_wrong_input_is_one_line(subsample, arguments, message):
    status, _, errors = subsample(*arguments)
    assert status == 2
    assert message in errors
    assert errors.count("\n") == 1


def test_records_without_arrays_are_refused(subsample, tmp_path):
    (tmp_path / "empty").mkdir()
    status, _, errors = subsample(tmp_path / "empty")
    assert status == 2
    assert "bring no per-query arrays; give a folder of runs of one data set, not a pack" in errors


def test_own_vectors_are_named_by_their_file_also_in_earlier_records(subsample, tmp_path):
    packed = Path(__file__).resolve().parents[2] / "results/published/squad-sentences-mini.parquet"
    record = next(iter(records.find([packed])))
    data = dataclasses.replace(record.dataset, name="path")
    config = {**record.config, "dataset": {"name": "path", "base": "some/mine.npy"}}
    records.write(dataclasses.replace(record, dataset=data, config=config, queries_sha256=None), tmp_path / "run")
    messages = [subsample(tmp_path, "--dataset", name)[2] for name in ("path", "mine", "yours")]
    assert messages[0] == messages[1] != messages[2]


@pytest.mark.thorough
def test_the_subset_written_can_be_measured(subsample, bench, vectors, tmp_path):
    sweep = ["-m", "method=acme_truncated,pq,int8", "budget=4x", "dataset=path", f"dataset.base={vectors}"]
    done = bench(*sweep, "dataset.holdout=50", "latency_s=0.1", isolated=False)
    assert done.returncode == 0, done.stderr
    status, output, errors = subsample(
        bench.results, "--queries", "50,10", "--base", "1,.5", "--tau", ".3", "--write", tmp_path / "small"
    )
    assert status == 0, errors
    assert "keep it: tau" in output
    base, queries = (np.load(tmp_path / "small" / f"{name}.npy") for name in ("base", "queries"))
    assert base.shape[1] == queries.shape[1] == 16
    assert len(base) <= 550
    assert "dataset.metric=cosine" in output
