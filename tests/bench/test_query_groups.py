"""Groups of queries: labels from files and texts, measures by group, and which group loses more."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from bench import datasets, records, run
from bench.datasets import DatasetError, query_groups
from bench.datasets.builders.question_groups import of_questions
from bench.measure.by_group import by_group
from bench.report.groups_record import groups_table, statements
from bench.report.tables import print_groups

rng = np.random.default_rng(0)


@pytest.fixture
def files(tmp_path):
    """Options of ``dataset=path``: 40 queries, the first 20 of which are rows of the base; judgements and labels."""
    base = rng.standard_normal((300, 8)).astype(np.float32)
    queries = np.concatenate([base[:20], rng.standard_normal((20, 8)).astype(np.float32)])
    np.save(tmp_path / "base.npy", base)
    np.save(tmp_path / "queries.npy", queries)
    np.save(tmp_path / "relevance.npy", np.stack([np.arange(40), np.arange(40), np.ones(40, int)], axis=1))
    (tmp_path / "groups.json").write_text(json.dumps({"kind": ["row"] * 20 + ["new"] * 20}))
    names = ("base", "queries", "relevance")
    return {name: str(tmp_path / f"{name}.npy") for name in names} | {"groups": str(tmp_path / "groups.json")}


@pytest.mark.usefixtures("in_this_process")
def test_a_record_has_measures_by_group(files, tmp_path):
    record = run(
        method="sign",
        budget="32x",
        dataset={"name": "path", **files, "metric": "ip"},
        results=str(tmp_path),
        latency_s=0.05,
    )
    assert record.status == "ok", record.reason
    assert {label: info.queries for label, info in record.groups["kind"].items()} == {"new": 20, "row": 20}
    row, new = record.groups["kind"]["row"], record.groups["kind"]["new"]
    assert set(row.quality) == {"recall@10", "P@10", "R@10", "MRR@10", "nDCG@10"}
    both = (row.quality["recall@10"].value + new.quality["recall@10"].value) / 2
    assert both == pytest.approx(record.quality["recall@10"].value)
    assert row.lost["recall@10"].value == pytest.approx(1 - row.quality["recall@10"].value)
    assert row.quality["MRR@10"].value > new.quality["MRR@10"].value
    again = records.Record.from_json(record.to_json())
    assert again.groups == record.groups
    assert groups_table(again.groups, "pq").row_count == 2
    printed = Console(width=160, record=True, file=StringIO())
    print_groups([again, replace(again, groups=None)], printed)
    text = printed.export_text()
    assert text.count("by group of queries") == 1
    assert "kind: row" in text


def test_groups_change_no_key_and_no_checksum(files):
    with_groups = datasets.load("path", **files)
    without = datasets.load("path", **{name: file for name, file in files.items() if name != "groups"})
    assert with_groups.checksum == without.checksum
    assert without.groups is None
    assert datasets.load("path", max_queries=5, **files).groups["kind"].tolist() == ["row"] * 5


def test_labels_need_a_file_of_queries(files):
    with pytest.raises(DatasetError, match=r"groups=.* is of a file of queries; name it by dataset.queries=FILE"):
        datasets.load("path", base=files["base"], groups=files["groups"])


def test_the_embedded_set_has_groups():
    groups = datasets.load("squad-sentences-mini", max_queries=100).groups
    assert set(groups) == {"question word", "length", "article"}
    assert all(len(labels) == 100 for labels in groups.values())
    assert {"what", "who", "how"} <= set(groups["question word"].tolist())


def test_a_group_that_loses_more_is_named():
    labels = {"half": np.array(["a"] * 100 + ["b"] * 100), "even": np.array(["c", "d"] * 100)}
    exact = {"recall@10": np.ones(200)}
    found = np.where(np.arange(200) < 100, 0.9, 0.6) + rng.uniform(-0.05, 0.05, 200)
    groups = by_group(labels, {"recall@10": found, "recall@1": found}, exact, 0)
    assert groups["half"]["a"].lost["recall@10"].value == pytest.approx(0.1, abs=0.01)
    assert groups["half"]["a"].others_lost["recall@10"] == pytest.approx(0.4, abs=0.01)
    assert groups["half"]["b"].p_others["recall@10"] < 1e-6 < groups["half"]["b"].p_lost["recall@10"] < 0.01
    assert groups["even"]["c"].p_others["recall@10"] > 0.05
    lines = list(statements(groups))
    assert len(lines) == 1
    assert lines[0].startswith("half b: loses 0.39")
    assert "more than the others' 0.09" in lines[0]
    assert lines[0].endswith("(p below 1e-09)")


def test_few_and_unjudged_queries_have_no_measures():
    labels = {"word": np.array(["a"] * 4 + ["b"] * 96)}
    values = np.where(np.arange(100) < 50, np.nan, 0.5)
    groups = by_group(
        labels, {"MRR@10": values, "recall@10": np.full(100, np.nan)}, {"MRR@10": values, "recall@10": values}, 0
    )
    (info,) = groups["word"].values()
    assert (info.queries, set(info.quality)) == (96, {"MRR@10"})
    assert info.p_others == {}  # four others are too few


def test_questions_have_labels_of_their_words_and_article():
    questions = [
        "To whom did he write?",
        "In the year of the flood, what was it that they all saw there?",
        "Name a river.",
    ]
    labels = of_questions(questions, np.array([0, 1, 2]), np.array([1, 1, 0, 1, 1, 1, 1, 5]))
    assert labels["question word"] == ["who", "what", "other"]
    assert labels["length"] == ["up to 8 words", "13 words or more", "up to 8 words"]
    assert labels["article"] == ["1 to 5 other questions", "more other questions", "unseen"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[1, 2]", "has 2 labels for group and 3 queries"),
        ('{"a": {"b": 1}}', "has no labels for a; give a .json file"),
        ("no", "cannot be read"),
    ],
)
def test_labels_that_do_not_fit_are_refused(text, match, tmp_path):
    (tmp_path / "g.json").write_text(text)
    with pytest.raises(DatasetError, match=match):
        query_groups.given(str(tmp_path / "g.json"), 3)


def test_labels_of_numbers_are_read_and_too_many_are_refused(tmp_path):
    np.save(tmp_path / "g.npy", np.array([3, 1, 3]))
    assert query_groups.given(str(tmp_path / "g.npy"), 3)["group"].tolist() == ["3", "1", "3"]
    np.save(tmp_path / "g.npy", np.arange(60))
    with pytest.raises(DatasetError, match="has 60 different labels for group; use at most 50"):
        query_groups.given(str(tmp_path / "g.npy"), 60)
