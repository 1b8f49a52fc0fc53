"""``python -m bench.recommend multivector``: methods measured on the user's documents, and which one is chosen."""

import json

import numpy as np
import pytest

from bench.recommend import sets
from bench.recommend.__main__ import main
from bench.recommend.offer import Limits
from bench.recommend.set_words import lines
from bench.recommend.sets import SetsQuestion, recommend_sets
from methods.multivector import Ragged

BUDGET = "16B"  # of documents of 3 to 6 vectors of 8 dimensions


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Documents and queries about them."""
    folder, rng = tmp_path_factory.mktemp("sets"), np.random.default_rng(0)
    documents = [rng.standard_normal((rng.integers(3, 7), 8)).astype(np.float32) for _ in range(60)]
    queries = [documents[row][:2] + 0.1 * rng.standard_normal((2, 8)).astype(np.float32) for row in range(0, 60, 3)]
    paths = []
    for name, vectors in (("docs.npz", documents), ("q.npz", queries)):
        ragged = Ragged.from_list([np.ascontiguousarray(each, np.float32) for each in vectors])
        np.savez(folder / name, vectors=ragged.vectors, offsets=ragged.offsets)
        paths.append(str(folder / name))
    return paths


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch, in_this_process):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sets, "_LATENCY_S", 0.02)
    monkeypatch.setattr(sets, "CODECS", ("pq",))
    monkeypatch.setattr(sets, "_ADVANCED", 1)


@pytest.fixture
def command(command_line):
    return command_line("bench.recommend", main)


def ask(files, **options):
    return SetsQuestion(*files, options.pop("budget", BUDGET), **options)


def test_the_best_recall_within_the_limits_is_taken_with_its_candidates(files):
    question = ask(files, disk_budget=10_000, methods=("first_k_tokens", "mean_pooling", "colbert_residual"))
    answer = recommend_sets(question)
    assert answer.chosen is answer.ranked[0]
    assert answer.chosen.recall.value == max(offer.recall.value for offer in answer.ranked)
    factors = {offer.choice.factor for offer in answer.ranked}
    assert factors == {0, 2, 4, 10}
    assert {offer.choice.codec for offer in answer.ranked} == {"", "pq"}
    assert all(offer.record.bytes.code <= 16 + 8 for offer in answer.ranked)  # and where a document begins on disk
    text = "\n".join(lines(answer))
    assert f"take {answer.chosen.choice.label}" in text
    assert "not possible here: colbert_residual + 40 from disk: " in text
    assert "read a query" in text
    assert f"rescore_factor={answer.chosen.choice.factor}" in answer.chosen.command


def test_without_room_on_disk_nothing_is_read_from_it(files):
    answer = recommend_sets(ask(files, disk_budget=20, methods=("mean_pooling",)))
    assert {offer.choice.factor for offer in answer.ranked} == {0}
    assert "more than --disk-budget" in "\n".join(lines(answer))


def test_what_meets_no_limit_is_answered_with_the_nearest(files):
    question = ask(files, limits=Limits(max_p50_ms=1e-6), methods=("first_k_tokens", "mean_pooling"))
    answer = recommend_sets(question)
    assert answer.chosen is None
    assert answer.nearest.p50_ms == min(offer.p50_ms for offer in answer.ranked)
    assert "nothing meets --max-p50-ms 1e-06; the nearest:" in "\n".join(lines(answer))


def test_latency_grows_with_the_documents_that_were_not_measured(files, monkeypatch):
    answer = recommend_sets(ask(files, methods=("mean_pooling",), sample=200))
    known = answer.ranked[0]
    latency = known.record.latency_ms
    assert (answer.documents, known.p50_ms) == (60, pytest.approx(latency["p50"]))
    monkeypatch.setattr(SetsQuestion, "__post_init__", lambda self: None)
    larger = recommend_sets(ask(files, methods=("mean_pooling",), sample=30))
    assert (larger.documents, larger.ranked[0].record.dataset.n) == (60, 30)
    latency = larger.ranked[0].record.latency_ms
    fixed = min(latency["p50"], latency.get("fixed", 0.0))
    assert larger.ranked[0].p50_ms == pytest.approx(fixed + 2 * (latency["p50"] - fixed))
    assert "measured on 30 documents: with 60 recall is lower" in "\n".join(lines(larger))


def test_status_one_and_json_where_nothing_is_good_enough(files, command):
    arguments = ["--data", files[0], "--queries", files[1], "--budget", BUDGET, "--methods", "first_k_tokens"]
    status, out, _ = command("multivector", *arguments, "--min-recall", "1", "--json")
    answer = json.loads(out)
    assert (status, answer["chosen"]) == (1, None)
    assert answer["nearest"].startswith("first_k_tokens")
    assert all(offer["bytes_in_memory"] <= 16 and not offer["meets_limits"] for offer in answer["offers"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "much"], "budget=much is not a budget"),
        (["--budget", "16B", "--methods", "muvira"], "no method is called 'muvira'; did you mean muvera"),
        (["--budget", "16B", "--methods", "pq"], "pq is of the dense track"),
        (["--budget", "16B", "--sample", "10"], "--sample 10 is too small to choose by"),
        (["--budget", "16B", "--time", "1"], "--time 1 is too short"),
        (["--budget", "16B", "--disk-budget", "lots"], "lots is no amount of memory"),
        (["--budget", "1B", "--methods", "first_k_tokens"], "no method stores these documents in 1B: first_k_tokens:"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_in_one_line(files, command, arguments, message):
    status, out, err = command("multivector", "--data", files[0], "--queries", files[1], *arguments)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("bench.recommend: ")
    assert message in err
