"""``--save``: the codec that was measured, and codes of the user's file; whole or not at all."""

import dataclasses
import os

import numpy as np
import pytest
from runs_here import run_here

import methods
from bench import datasets
from bench.config import RunConfig
from bench.errors import UsageError
from bench.execution import runner
from bench.execution.plan import prepare
from bench.measure.quality import RecallJudge
from bench.recommend import keep
from bench.recommend.answer import Answer
from bench.recommend.keep import Saved
from bench.recommend.offer import Offer
from bench.recommend.question import Question
from bench.recommend.sample import Sample
from bench.recommend.words import saved_lines

N, DIM = 1_000, 16


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Files of a sample, as a race writes them, the user's own file, and a cache."""
    folder = tmp_path_factory.mktemp("keep")
    rng = np.random.default_rng(0)
    for name, rows in {"base": N, "queries": 50, "train": 400, "my": 1_200}.items():
        np.save(folder / f"{name}.npy", rng.standard_normal((rows, DIM)).astype(np.float32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE", str(folder / "cache"))
        patch.setattr(runner, "run_isolated", run_here)
        yield folder


def offer(sample, method="pq", **options):
    options = {"budget": "4B", "latency_s": 0.1, **options}
    config = RunConfig({"name": method}, final(sample).config, results=str(sample / "results"), **options)
    record = runner.execute(prepare(config))
    assert record.status == "ok", record.reason
    return Offer(record, N, 10)


def final(sample, train_size=400):
    dataset = {"name": "path", "metric": "l2", "max_queries": None}
    dataset |= {name: str(sample / f"{name}.npy") for name in ("base", "queries", "train")}
    return Sample(dataset, N, train_size, 50)


@pytest.mark.integration
def test_the_codec_that_was_measured_is_saved_with_codes(sample, tmp_path):
    measured = offer(sample)
    question = Question(str(sample / "my.npy"), "4B", save=str(tmp_path / "new" / "kept"))
    keep.check(question.save)
    saved = keep.save(question, measured, final(sample), in_file=1_200, left_s=0.0)
    assert sorted(saved.files) == ["codes.npy", "pq.codec"] == sorted(os.listdir(tmp_path / "new" / "kept"))
    assert os.listdir(tmp_path / "new") == ["kept"]
    codec = methods.load(tmp_path / "new" / "kept" / "pq.codec")
    codes = np.load(tmp_path / "new" / "kept" / "codes.npy")
    assert np.array_equal(codes, codec.encode(np.load(sample / "my.npy")))
    data = datasets.load("path", metric="l2", base=str(sample / "base.npy"), queries=str(sample / "queries.npy"))
    truth = datasets.ground_truth(data, 100)
    _, ids = codec.searcher(codec.encode(np.load(sample / "base.npy"))).search(data.queries, 10)
    recall = RecallJudge(data.base, data.queries, data.metric, truth.scores, truth.ids).recall(ids, 10).mean()
    assert recall == pytest.approx(measured.recall.value, abs=1e-9)


@pytest.mark.thorough
@pytest.mark.integration
def test_what_was_measured_with_little_training_is_fitted_on_more(sample, tmp_path):
    little = offer(sample, train_size=100)
    assert little.record.dataset.n_train == 100
    question = Question(str(sample / "my.npy"), "4B", save=str(tmp_path / "kept"))
    assert keep.save(question, little, final(sample), in_file=1_200, left_s=0.0).trained_on == 400
    codec = methods.create("pq", DIM, "4B", "l2").fit(np.load(sample / "train.npy"))
    assert np.array_equal(np.load(tmp_path / "kept" / "codes.npy"), codec.encode(np.load(sample / "my.npy")))


@pytest.mark.thorough
@pytest.mark.integration
def test_a_store_for_re_ranking_is_saved_beside_the_codec(sample, tmp_path):
    measured = offer(sample, "sign", budget="24B", rescore="int8")
    question = Question(str(sample / "my.npy"), "24B", rescore="int8", save=str(tmp_path / "kept"))
    saved = keep.save(question, measured, final(sample), in_file=1_200, left_s=0.0)
    assert sorted(saved.files) == ["codes.npy", "rescore_codes.npy", "rescore_int8.codec", "sign.codec"]
    assert methods.load(tmp_path / "kept" / "rescore_int8.codec").name == "int8"


@pytest.mark.thorough
@pytest.mark.integration
def test_what_cannot_be_saved_leaves_nothing_and_says_why(sample, tmp_path):
    measured = offer(sample)
    question = Question("gone.npy", "4B", save=str(tmp_path / "kept"))
    saved = keep.save(question, measured, final(sample), in_file=1_200, left_s=0.0)
    assert saved.files == {}
    assert "gone.npy does not exist" in saved.problem
    assert os.listdir(tmp_path) == []


@pytest.mark.thorough
@pytest.mark.integration
def test_codes_that_take_long_are_left_out(sample, tmp_path):
    measured = offer(sample)
    slow = dataclasses.replace(measured.record, throughput={**measured.record.throughput, "encode_vectors_per_s": 1.0})
    question = Question(str(sample / "my.npy"), "4B", save=str(tmp_path / "kept"))
    saved = keep.save(question, Offer(slow, N, 10), final(sample), in_file=1_200, left_s=0.0)
    assert list(saved.files) == ["pq.codec"]
    assert saved.encoding_s == 1_200.0


def test_a_folder_that_holds_something_is_refused_before_work(tmp_path):
    keep.check(None)
    keep.check(str(tmp_path / "new"))
    assert os.listdir(tmp_path) == []
    (tmp_path / "empty").mkdir()
    keep.check(str(tmp_path / "empty"))
    (tmp_path / "file").write_text("mine")
    for name in (tmp_path / "file", tmp_path):
        with pytest.raises(UsageError, match="exists and is not an empty folder; nothing is overwritten"):
            keep.check(str(name))
    with pytest.raises(UsageError, match="cannot be written"):
        keep.check(str(tmp_path / "file" / "below"))


def test_a_folder_that_cannot_be_replaced_or_read_is_refused(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in (".", "../here"):
        with pytest.raises(UsageError, match="is the folder that this runs in"):
            keep.check(name)
    with pytest.raises(UsageError, match="name a new one"):
        keep.check("..")

    def unreadable(path):
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "closed").mkdir()
    monkeypatch.setattr("pathlib.Path.iterdir", unreadable)
    with pytest.raises(UsageError, match="closed cannot be read: Permission denied; name a new folder"):
        keep.check(str(tmp_path / "closed"))


def said(saved):
    return list(saved_lines(Answer(Question("x.npy", "48B", save="kept"), 100, 10_000, 48, 10_000, saved=saved)))


def test_the_answer_says_what_is_in_the_folder():
    files = {"codes.npy": 480_128, "pq.codec": 40_000}
    assert (
        "saved in kept, fitted on 400 vectors in 12 s more: "
        "codes.npy (480 kB; of every vector of x.npy, in its order), "
        "pq.codec (40 kB; methods.load reads it)"
    ) in said(Saved("kept", files, trained_on=400, seconds=12.0))
    assert any(
        "codes are not saved: encoding the vectors of x.npy takes 5.8 h" in line
        for line in said(Saved("kept", {"pq.codec": 1}, 20_880.0))
    )
    assert "nothing is saved: why" in said(Saved("kept", problem="why"))
    assert "nothing is saved in kept: no method meets the limits" in said(None)
