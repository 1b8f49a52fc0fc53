"""Comparisons with the best: which rows are tested, what survives packing, and how tables say it."""

import dataclasses

import numpy as np
import pytest

from bench import records
from bench.errors import UsageError
from bench.report import per_query, significance
from bench.report.export import best_markdown
from bench.report.rows import rows_of
from bench.report.tables import print_best

from .conftest import BEST, make, printed


def test_best_names_those_not_told_apart(sample):
    rows = rows_of(sample)
    best = rows[0].record.key
    comparisons = [significance.Comparison("alpha-int8-32-0", best, "int8", 32, -0.01, -0.02, 0.01, 0.4, 0.4, 0.0)]
    rows = significance.mark(rows, comparisons)
    first = printed(print_best, rows).splitlines()
    assert any("8x" in line and "opq" in line and "int8" in line for line in first)
    assert "| alpha (ip) | 8x | `opq` | 32 | 0.955" in best_markdown(rows)
    assert "`int8` |" in best_markdown(rows)
    assert "not tested" in best_markdown(rows)


def test_best_says_of_each_group_whether_it_was_tested(sample):
    comparisons = [significance.Comparison("alpha-int8-32-0", BEST, "int8", 32, -0.1, -0.2, -0.1, 1e-4, 1e-4, -1.0)]
    lines = printed(print_best, significance.mark(rows_of(sample), comparisons)).splitlines()
    assert next(line for line in lines if "alpha" in line and "8x" in line).rstrip("│ ").endswith("-")
    assert next(line for line in lines if "beta" in line and "8x" in line).rstrip("│ ").endswith("not tested")


def test_rows_with_arrays_are_compared_beside_a_packed_one(sample, tmp_path, monkeypatch):
    class Judge:
        def values(self, record, folder, k):
            rng = np.random.default_rng(0)
            return record.quality["recall@10"].value + 0.01 * rng.standard_normal(200)

    monkeypatch.setattr(per_query, "judge_of", lambda record: Judge())
    rows = rows_of(record for record in sample if record.dataset.name == "alpha" and record.budget.bytes == 32)
    folders = {}
    for row in rows:
        for record in row.records:
            folders[record.key] = tmp_path / record.key
            folders[record.key].mkdir()
            (folders[record.key] / records.QUERIES_FILE).touch()

    def paired(**changed):
        found, reasons = significance.compare_rows(rows, folders | changed)
        assert not reasons
        return {comparison.method: not np.isnan(comparison.effect) for comparison in found}

    assert paired() == {"int8": True, "sign": True}
    assert paired(**{"alpha-int8-32-0": None}) == {"int8": False, "sign": True}
    assert paired(**{key: None for key in folders}) == {}
    assert paired(**{"alpha-opq-32-1": None}) == {"int8": False, "sign": False}  # one of the best's two seeds
    marked = significance.mark(rows, significance.compare_rows(rows, folders | {"alpha-int8-32-0": None})[0])
    assert {row.label: row.p_best is None for row in marked} == {"opq": True, "int8": False, "sign": False}
    assert {row.label: row.effect is None for row in marked} == {"opq": True, "int8": True, "sign": False}


def test_a_new_run_is_compared_with_packed_ones_by_their_recalls(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)

    class Judge:
        def values(self, record, folder, k):
            return record.quality["recall@10"].value + 0.01 * rng.standard_normal(200)

    monkeypatch.setattr(per_query, "judge_of", lambda record: Judge())
    (tmp_path / records.QUERIES_FILE).touch()
    packed = [
        dataclasses.replace(make(name, "product", 8, recall), recalls=(recall + rng.normal(0, 0.01, 200)).tolist())
        for name, recall in (("pq", 0.5), ("opq", 0.6))
    ]
    new = make("new", "product", 8, 0.55)
    rows = rows_of([*packed, new, make("old", "product", 8, 0.1)])
    folders = {new.key: tmp_path}
    found, reasons = significance.compare_rows(rows, folders)
    assert ([comparison.method for comparison in found], reasons) == (["new", "pq", "old"], [])
    assert [round(comparison.difference, 2) for comparison in found] == [-0.05, -0.1, -0.5]
    assert [np.isnan(comparison.effect) for comparison in found] == [False, False, True]
    assert significance.compare_rows(rows, {}) == ([], [])  # all packed: their comparisons lie beside them


def test_the_same_vectors_are_judged_by_each_metric(tmp_path, monkeypatch):
    class Judge:
        def __init__(self, record):
            self.metric = record.dataset.metric

        def values(self, record, folder, k):
            assert record.dataset.metric == self.metric
            return np.full(100, record.quality["recall@10"].value)

    monkeypatch.setattr(per_query, "judge_of", Judge)
    made = [make("pq", "product", 8, 0.5), make("sign", "binary", 8, 0.4)]
    made += [
        dataclasses.replace(r, key=f"l2-{r.key}", dataset=dataclasses.replace(r.dataset, metric="l2")) for r in made
    ]
    (tmp_path / records.QUERIES_FILE).touch()
    found, reasons = significance.compare_rows(rows_of(made), {record.key: tmp_path for record in made})
    assert ([comparison.method for comparison in found], reasons) == (["sign", "sign"], [])


def test_a_packed_comparison_with_a_best_that_was_overtaken_marks_nothing(sample):
    comparisons = [significance.Comparison("alpha-int8-32-0", BEST, "int8", 32, -0.1, -0.2, -0.1, 1e-4, 1e-4, -1.0)]
    overtaken = significance.mark(rows_of([*sample, make("new", "product", 32, 0.99)]), comparisons)
    assert [row.label for row in overtaken if row.p_best is not None] == []
    assert next(row.label for row in overtaken if row.is_best) == "new"
    assert [row.label for row in significance.mark(rows_of(sample), comparisons) if row.p_best] == ["int8"]


def test_packed_pairs_stay_where_only_intervals_can_be_compared_now(sample):
    rows = rows_of(sample)
    packed = significance.Comparison("alpha-int8-32-0", BEST, "int8", 32, -0.1, -0.2, -0.1, 1e-4, 1e-4, -1.0)
    by_intervals = dataclasses.replace(packed, difference=-0.1 + 1e-8, p_adjusted=0.5, effect=float("nan"))
    pairs_again = dataclasses.replace(packed, p_adjusted=0.01, effect=-2.0)
    assert significance.combine([packed], [by_intervals], rows) == [packed]
    assert significance.combine([packed], [pairs_again], rows) == [pairs_again]
    assert significance.combine([by_intervals], [packed], rows) == [packed]
    more_seeds = dataclasses.replace(by_intervals, difference=-0.11)
    assert significance.combine([packed], [more_seeds], rows) == [more_seeds]
    another_best = dataclasses.replace(by_intervals, best="alpha-sign-32-0")
    assert significance.combine([packed], [another_best], rows) == [another_best]


def test_comparisons_of_rows_that_are_gone_are_left_out(sample):
    packed = significance.Comparison("alpha-int8-32-0", BEST, "int8", 32, -0.1, -0.2, -0.1, 1e-4, 1e-4, -1.0)
    gone = [dataclasses.replace(packed, key="earlier"), dataclasses.replace(packed, best="earlier")]
    assert significance.combine([*gone, packed], [], rows_of(sample)) == [packed]


def test_comparisons_survive_the_disk(tmp_path):
    made = [significance.Comparison("a", "b", "pq", 48, -0.1, -0.2, -0.05, 0.001, 0.002, -0.5)]
    significance.write(significance.beside(tmp_path / "x.jsonl"), made)
    assert significance.find([tmp_path]) == significance.find([tmp_path / "x.jsonl"]) == made
    unpaired = [dataclasses.replace(made[0], effect=float("nan"))]
    significance.write(significance.beside(tmp_path / "x.jsonl"), unpaired)
    assert [np.isnan(comparison.effect) for comparison in significance.find([tmp_path])] == [True]
    (tmp_path / "y.comparisons.csv").write_text("key\nz\n")
    with pytest.raises(UsageError, match="is not a table of comparisons"):
        significance.find([tmp_path])
