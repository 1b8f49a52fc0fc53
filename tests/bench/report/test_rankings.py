"""The ranking of each track: in which groups methods meet, and that every form of it shows the same."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.measure.ranking import connected
from bench.report import page, ranking
from bench.report.export import write_all
from bench.report.rows import rows_of

from .conftest import make, printed

ROOT = Path(__file__).resolve().parents[3]


def test_methods_are_ranked_among_those_of_their_track(sample):
    """No method of another track is in a ranking, as beaten or as one that beats."""
    tables = []
    for record in sample:
        if record.status == "ok" and record.dataset.name == "alpha":
            data = dataclasses.replace(record.dataset, name="clicks", metric="auc", vectors_per_item=50.0)
            method = dataclasses.replace(record.method, name=f"table_{record.method.name}")
            quality = {"auc": record.quality["recall@10"]}
            tables.append(dataclasses.replace(record, dataset=data, method=method, quality=quality))
    found = ranking.rankings(rows_of([*sample, *tables]))
    assert {one.track: {place.name for place in one.places} for one in found} == {
        "dense": {"opq", "sign", "int8"},
        "table": {"table_opq", "table_sign", "table_int8"},
    }
    assert {one.track: one.measure for one in found} == {"dense": "recall@10", "table": "auc"}
    assert found[0] == ranking.rankings(rows_of(sample))[0]


def test_a_method_measured_alone_in_a_group_beats_nobody_there(sample):
    alone = make("sign", "binary", 4, 0.3)
    (found,) = ranking.rankings(rows_of([*sample, alone]))
    assert (found.groups, found.places) == (4, ranking.rankings(rows_of(sample))[0].places)


def test_a_method_is_not_beaten_at_budgets_that_it_was_not_measured_at(sample):
    """Second of three wherever it was measured, it stayed second when measured at one budget of four alone."""
    rows = rows_of(record for record in sample if record.method.name != "int8" or record.key == "alpha-int8-32-0")
    (found,) = ranking.rankings(rows)
    assert [(place.name, place.tasks) for place in found.places] == [("opq", 4), ("int8", 1), ("sign", 4)]


def test_a_ranking_says_in_how_many_groups_each_method_was_measured(sample):
    rows = rows_of(record for record in sample if record.key != "alpha-int8-32-0")
    (found,) = ranking.rankings(rows)
    assert {place.name: place.tasks for place in found.places} == {"opq": 4, "int8": 3, "sign": 4}
    for text in (printed(ranking.print_rankings, rows), ranking.markdown([found])):
        assert "ranking of single vectors by recall@10 over 4 groups" in text
        assert "3 of 4" in text
        assert "only what was measured together counts" in text.lower()


def test_terminal_files_and_page_show_one_ranking(sample, tmp_path):
    rows = rows_of(sample)
    write_all(rows, [], tmp_path, ("md", "csv"))
    frame = pd.read_csv(tmp_path / "ranking.csv")
    (found,) = ranking.rankings(rows)
    assert frame["method"].tolist() == [place.name for place in found.places] == ["opq", "int8", "sign"]
    assert frame["won"].tolist() == [place.won for place in found.places]
    shown = page.page_data(rows, [])["rankings"]["dense"]
    assert [place["name"] for place in shown["places"]] == frame["method"].tolist()
    assert shown["groups"] == frame["groups"][0] == 4
    lines = [line for line in printed(ranking.print_rankings, rows).splitlines() if " of 4" in line]
    table = [line for line in (tmp_path / "ranking.md").read_text().splitlines() if " of 4" in line]
    for place, line, row in zip(found.places, lines, table, strict=True):
        assert place.name in line
        assert f"`{place.name}` | {place.rank:g} |" in row


@pytest.mark.parametrize("few", [{"alpha-opq-32-0", "alpha-int8-32-0"}, {"alpha-opq-32-0", "beta-opq-32-0"}])
def test_one_group_or_one_method_is_no_ranking(sample, few, tmp_path):
    rows = rows_of(record for record in sample if record.key in few)
    assert ranking.rankings(rows) == []
    assert printed(ranking.print_rankings, rows) == ""
    assert {path.name for path in write_all(rows, [], tmp_path, ("md", "csv"))} == {
        *("best.md", "best.csv", "runs.md", "runs.csv")
    }


def test_methods_that_never_met_the_others_are_named_without_a_place(sample, tmp_path):
    apart = [make(name, "product", 32, 0.4, dataset="gamma") for name in ("pq", "rabitq")]
    rows = rows_of([*sample, *apart])
    (found,) = ranking.rankings(rows)
    assert (found.groups, found.left_out) == (4, ["pq", "rabitq"])
    assert found.places == ranking.rankings(rows_of(sample))[0].places
    for text in (printed(ranking.print_rankings, rows), ranking.markdown([found])):
        assert "ot ranked, for they never met these, not even through others: pq, rabitq" in text
    frame = ranking.frame([found])
    assert frame[frame["rank"].isna()]["method"].tolist() == ["pq", "rabitq"]
    assert page.page_data(rows, [])["rankings"]["dense"]["left_out"] == ["pq", "rabitq"]


def test_in_published_rankings_no_method_is_left_out():
    """Of each track, as the published runs have them."""
    packs = (ROOT / "results/published").glob("*.parquet")
    runs = pd.concat(pd.read_parquet(pack, columns=["status", "method", "dataset", "budget"]) for pack in packs)
    runs = runs.reset_index(drop=True).astype(object).map(json.loads)
    runs = runs[(runs["status"] == "ok") & (runs["method"].str["family"] != "identity")]
    metric, methods = runs["dataset"].str["metric"], runs["method"].str["name"]
    groups = runs["dataset"].str["checksum"] + metric + runs["budget"].str["bytes"].astype(str)
    for track in (metric == "auc", metric == "chamfer", ~metric.isin(["auc", "chamfer"])):
        there = (pd.crosstab(groups[track], methods[track]) > 0).to_numpy(float)
        met = there.T @ there
        np.fill_diagonal(met, 0.0)
        assert len(connected(met)) == methods[track].nunique() > 2
