"""``python -m bench.recommend multivector``: methods measured on the user's documents, and which one is chosen."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from bench.datasets.sets.formats import save_npz
from bench.recommend import set_prior, sets
from bench.recommend.__main__ import main
from bench.recommend.amounts import duration
from bench.recommend.offer import Limits
from bench.recommend.set_prior import PublishedSets, Row
from bench.recommend.set_question import SetsQuestion, question_of
from bench.recommend.set_words import lines
from bench.recommend.sets import recommend_sets
from methods import registry
from methods.multivector import Ragged

ROOT = Path(__file__).resolve().parents[3]
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


@pytest.mark.thorough
def test_the_best_recall_within_the_limits_is_taken_with_its_candidates(files):
    question = ask(files, disk_budget=10_000, methods=("first_k_tokens", "mean_pooling", "colbert_residual"))
    answer = recommend_sets(question)
    assert answer.chosen is answer.ranked[0]
    assert answer.chosen.recall.value == max(offer.recall.value for offer in answer.ranked)
    factors = {offer.choice.factor for offer in answer.ranked}
    assert factors == {0, 2, 4, 10}
    assert [offer.choice.codec for offer in answer.ranked].count("pq") == 1
    assert all(offer.record.bytes.code <= 16 + 8 for offer in answer.ranked)  # and where a document begins on disk
    text = "\n".join(lines(answer))
    assert f"take {answer.chosen.choice.label}" in text
    assert "larger than 16B of a document at least: colbert_residual + 40 from disk (38 B)" in text
    assert not answer.unstarted
    assert "every method finds all" not in text
    assert "read a query" in text
    assert f"rescore_factor={answer.chosen.choice.factor}" in answer.chosen.command


def test_what_the_time_does_not_hold_is_left_out_with_its_seconds(files, monkeypatch):
    rows = Row("first_k_tokens", 1, 0.9, None, 50_000.0), Row("mean_pooling", 1, 0.5, None, 10.0)
    monkeypatch.setattr(set_prior, "packaged", lambda: (PublishedSets("known", 60 * 4 * 8, 4 * 4 * 8.0, rows),))
    answer = recommend_sets(ask(files, methods=("first_k_tokens", "mean_pooling")))
    assert {offer.choice.method for offer in answer.ranked} == {"mean_pooling"}
    assert answer.unstarted.keys() == {"first_k_tokens"}
    assert answer.enough_s % 60 == 0
    assert answer.enough_s >= 900 + answer.unstarted["first_k_tokens"]
    assert f"no time for first_k_tokens (about {duration(answer.unstarted['first_k_tokens'])})" in "\n".join(
        lines(answer)
    )


def test_the_best_come_first_and_of_equals_the_quickest():
    rows = Row("one", 90, 0.70, None, 90.0), Row("two", 100, 0.71, None, 20.0), Row("three", 100, 0.60, 0.99, 15.0)
    known = PublishedSets("known", 1_000, 1_000.0, (*rows, Row("two", 400, 0.99, None, 40.0)))
    alone, from_disk = (set_prior.expect(10.0, disk, 1_000, [known]) for disk in (False, True))
    assert alone.order(["one", "two", "three", "new"]) == ["two", "one", "new", "three"]
    assert from_disk.order(["one", "two", "three"]) == ["three", "two", "one"]
    assert alone.behind["one"] == pytest.approx(0.01)
    assert set_prior.expect(2.0, False, 1_000, [known]).behind["one"] == pytest.approx(0.29)
    assert alone.quick(["one", "three"]) == "three"
    assert alone.quick(["one", "two", "three"]) == "two"
    later = set_prior.expect(10.0, False, 10_000, [known])
    assert later.seconds_of("one") > 9 * known.rows[0].seconds
    assert later.seconds_of("one(pq)") == later.seconds_of("one")


def test_what_is_known_before_is_of_the_published_measurements(monkeypatch):
    """Where they changed, `python results/scripts/prior.py` makes it anew."""
    monkeypatch.syspath_prepend(str(ROOT / "results" / "scripts"))
    script = importlib.import_module("set_prior")
    assert json.loads((ROOT / "bench" / "recommend" / set_prior.FILE).read_text())["sources"] == script.sources()
    first = set_prior.packaged()[0]
    order = set_prior.expect(first.raw / 320, False, first.numbers, [first]).order(registry.names("multivector"))
    assert order.index("lemur") < order.index("kmeans_pooling")


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


@pytest.mark.thorough
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
        (["--budget", "1B", "--methods", "first_k_tokens"], "in 1B; the smallest codes are those of first_k_tokens"),
        (["--budget", "16B", "--tme", "60"], "there is no option --tme; did you mean --time?"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_in_one_line(files, command, arguments, message):
    status, out, err = command("multivector", "--data", files[0], "--queries", files[1], *arguments)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1].startswith("bench.recommend: ")
    assert message in err
    assert "usage: " not in err


@pytest.mark.parametrize("arguments", [["multivector", "--budget", "16B"], ["table", "--budget", "10x"]])
def test_a_missing_option_is_named_in_one_line(command, arguments):
    status, out, err = command(*arguments)
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert "the following arguments are required: --" in err


@pytest.mark.parametrize(
    ("documents", "asked", "message"),
    [
        (
            [np.ones((2, 4))] * 3,
            [np.ones((1, 4))],
            "docs.npz holds 3 in all, of which any codes find the first 10; give at least 11 documents",
        ),
        ([np.ones((2, 4))] * 12, [np.zeros((2, 4))] * 2, "q.npz holds vectors of zeros alone"),
        ([np.zeros((2, 4))] * 12, [np.ones((1, 4))], "docs.npz holds vectors of zeros alone"),
        ([np.ones((2, 4))] * 12, [np.ones((1, 3))], "q.npz has dimension 3, "),
    ],
)
def test_sets_that_say_nothing_of_methods_are_refused(tmp_path, command, documents, asked, message):
    for name, sets_ in (("docs.npz", documents), ("q.npz", asked)):
        save_npz(tmp_path / name, Ragged.from_list([np.asarray(each, np.float32) for each in sets_]))
    files = ["--data", str(tmp_path / "docs.npz"), "--queries", str(tmp_path / "q.npz")]
    status, out, err = command("multivector", *files, "--budget", "16B")
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert message in err


def test_documents_that_are_all_alike_are_said_to_say_nothing(tmp_path):
    for name, count in (("docs.npz", 12), ("q.npz", 3)):
        save_npz(tmp_path / name, Ragged.from_list([np.ones((2, 8), np.float32)] * count))
    answer = recommend_sets(ask((str(tmp_path / "docs.npz"), str(tmp_path / "q.npz")), methods=("mean_pooling",)))
    assert len(answer.ranked) == 2
    assert "every method finds all: these documents are too few or too alike" in "\n".join(lines(answer))


def test_a_method_that_is_named_twice_is_measured_once():
    words = ["--data", "a.npz", "--queries", "q.npz", "--budget", "32x", "--methods", "muvera,lemur,muvera"]
    assert question_of(words)[0].methods == ("muvera", "lemur")
