"""``scenario=hybrid``: codes and postings that share a budget, and what both together find."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import bench
from bench.datasets import load
from bench.datasets.base import DatasetError
from bench.errors import UsageError
from bench.hybrid_options import DEFAULTS
from bench.records import read_queries
from bench.records.hybrid_info import SETTINGS
from bench.report import hybrid_record, tables
from bench.report.names import shown_name
from bench.tracks.hybrid import _Judge
from methods.errors import BudgetError

N, NQ, DIM = 600, 120, 64


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Documents whose vectors say which group they are of, and whose texts which of a group they are."""
    folder = tmp_path_factory.mktemp("documents")
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((40, DIM))
    group, name = rng.integers(40, size=N), rng.integers(60, size=N)
    base = centers[group] + 0.3 * rng.standard_normal((N, DIM))
    answers = rng.permutation(N)[:NQ]
    queries = centers[group[answers]] + 0.3 * rng.standard_normal((NQ, DIM))
    filler = [" ".join(f"filler{word}" for word in rng.integers(400, size=8)) for _ in range(N)]
    np.save(folder / "base.npy", base.astype(np.float32))
    np.save(folder / "queries.npy", queries.astype(np.float32))
    np.save(folder / "relevance.npy", np.stack([np.arange(NQ), answers, np.ones(NQ, int)], axis=1))
    grades = np.where(np.arange(NQ) == 3, 0, 1)
    np.save(folder / "graded.npy", np.stack([np.arange(NQ), answers, grades], axis=1))
    documents = [f"name{name[row]} {filler[row]}" for row in range(N)]
    (folder / "base.txt").write_text("\n".join(documents) + "\n")
    lines = [json.dumps({"text": f"Which name{name[row]}?"}) for row in answers]
    (folder / "queries.jsonl").write_text("\n".join(lines))
    (folder / "short.txt").write_text("one\ntwo\n")
    return folder


@pytest.fixture
def hybrid(files, in_this_process, tmp_path_factory, monkeypatch):
    """``hybrid(scenario={"bits": 8})`` runs the scenario on these documents."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache of hybrid"))

    def run(budget="24B", method="int8", scenario=None, **options):
        given = {"name": "hybrid", **DEFAULTS, "postings": 12, **(scenario or {})}
        params = {} if method == "int8" else {"bits": 4}
        common = {"results": files / "results", "latency_s": 0.05, "scenario": given}
        return bench.run({"name": method, **params}, budget, dataset(files, **options), **common)

    return run


def dataset(files, **options):
    names = {"base": "base.npy", "queries": "queries.npy", "relevance": "relevance.npy"}
    names |= {"texts": "base.txt", "queries_texts": "queries.jsonl"}
    given = {key: str(files / value) for key, value in {**names, **options}.items() if value is not None}
    return {"name": "path", "metric": "cosine", **given}


@pytest.mark.thorough
def test_postings_find_what_the_code_alone_does_not(hybrid):
    record = hybrid(method="pq")
    assert record.status == "ok", record.reason
    info = record.hybrid
    assert info.gained["linear"]["MRR@10"].low > 0.1
    assert info.p["linear"]["MRR@10"] < 0.01
    for side in ("dense", "code", "postings"):
        assert info.measures["linear"]["R@10"].value > info.measures[side]["R@10"].value + 0.1
    assert record.quality["MRR@10"] == info.measures["linear"]["MRR@10"]
    assert 0 < info.weight < 1
    assert hybrid_record.statement(record).startswith("24 bytes as postings (12) and code (12) find more than the code")
    assert set(info.measures) == set(SETTINGS) == {"dense", *info.gained}


@pytest.mark.thorough
def test_code_and_postings_share_the_budget(hybrid):
    record = hybrid(method="pq", budget="24B")
    info = record.hybrid
    assert info.postings_bytes <= 12 * N
    assert info.code_bytes + math.ceil(info.postings_bytes / N) <= record.bytes.code <= 24 == info.dense_bytes
    assert record.bytes.searcher <= 24 * N + record.bytes.searcher_padding
    assert info.postings < info.all_postings
    less = hybrid(method="pq", budget="24B", scenario={"postings": 6})
    assert less.hybrid.postings < info.postings
    assert less.hybrid.code_bytes > info.code_bytes
    assert less.key != record.key
    assert shown_name(less) == "base, hybrid postings=6"


@pytest.mark.thorough
def test_what_is_left_of_the_postings_share_goes_to_the_code(hybrid):
    record = hybrid(budget="40B", method="pq", scenario={"postings": 34})
    info = record.hybrid
    assert info.postings == info.all_postings
    assert info.code_bytes > 40 - 34
    assert record.bytes.code in (39, 40)


@pytest.mark.thorough
def test_the_weight_is_chosen_on_queries_that_are_not_reported(hybrid, files):
    info = hybrid(method="pq", scenario={"tuned": 0.25}).hybrid
    assert (info.tuned, info.judged) == (30, 90)
    data = load(**dataset(files))
    judge = _Judge(data, 0.25, 0)
    assert not set(judge.tuned) & set(judge.reported)
    ids = np.tile(np.arange(100), (NQ, 1))
    values = judge.retrieval(ids)["MRR@10"]
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(values)), judge.reported)


@pytest.mark.thorough
def test_the_weight_is_the_best_of_the_queries_for_it(files):
    data = load(**dataset(files))
    judge = _Judge(data, 0.25, 0)
    right = data.relevance.item[:, None]
    wrong = (right - 1) % N
    scores = np.tile(np.float32([[2.0, 1.0]]), (NQ, 1))
    by_code = scores, np.hstack([wrong, right])
    by_postings = scores, np.hstack([right, wrong])
    searcher = type("", (), {"descending": True})
    assert judge.choose(by_code, by_postings, searcher) == 0.55  # the least at which the postings decide
    for row in judge.reported:  # lists of reported queries change nothing
        by_postings[1][row] = by_code[1][row]
    assert judge.choose(by_code, by_postings, searcher) == 0.55


@pytest.mark.thorough
def test_the_record_returns_what_was_fused(hybrid, files):
    record = hybrid(method="pq", scenario={"fusion": "rrf"})
    assert record.quality["MRR@10"] == record.hybrid.measures["rrf"]["MRR@10"]
    folder = next(path.parent for path in files.rglob("record.json") if record.key in str(path))
    assert read_queries(folder)["ids"].shape == (NQ, 100)
    printed = tables.terminal()
    with printed.capture() as capture:
        tables.print_record(record, printed)
    text = capture.get()
    assert "code of the whole budget, alone" in text
    assert "chosen on 24 others" in text


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("options", "scenario", "error", "message"),
    [
        (
            {"texts": None, "queries_texts": None},
            {},
            UsageError,
            "needs the texts of base; use dataset.texts=FILE and dataset.queries_texts=",
        ),
        ({"relevance": None}, {}, UsageError, "is judged by relevance, and base has none; use dataset.relevance=FILE"),
        ({"queries_texts": None}, {}, DatasetError, "needs the texts of the queries too; use dataset.queries_texts="),
        ({"texts": "short.txt"}, {}, DatasetError, "short.txt has 2 texts, fewer than|short.txt has 2 texts for 600"),
        ({"texts": "base.npy"}, {}, DatasetError, "base.npy cannot be read as texts"),
        ({"relevance": "base.npy"}, {}, DatasetError, "relevance=.*base.npy cannot be read as judgements"),
        (
            {"texts": None, "queries_texts": "queries.jsonl"},
            {},
            DatasetError,
            "needs the texts of the base too; use data",
        ),
        (
            {},
            {"postings": 24},
            BudgetError,
            r"postings=24 cannot go down to 24 bytes a vector; its smallest code is 88 B",
        ),
        (
            {},
            {},
            BudgetError,
            r"int8 beside scenario.postings=12 cannot go down to 24 bytes a vector; its smallest .* 76 B",
        ),
        ({"relevance": "graded.npy"}, {}, DatasetError, "has grade 0 in row 3; leave out what is not relevant"),
        ({}, {"bits": 9}, UsageError, "scenario.bits=9 is out of range; use an integer from 1 to 8"),
        ({}, {"tuned": 1}, UsageError, "scenario.tuned=1 is out of range; use a share of the queries above 0 and bel"),
        ({}, {"fusion": "max"}, UsageError, "scenario.fusion=max is unknown; use linear or rrf"),
    ],
)
def test_what_cannot_be_run_is_refused_before_any_work(hybrid, options, scenario, error, message):
    with pytest.raises(error, match=message):
        hybrid(scenario=scenario, **options)
