"""A value that rounds to zero is shown without a minus, wherever it is shown."""

import dataclasses
import re

import pytest

from bench.gate.case import Case
from bench.gate.verdict import Tolerance, compare
from bench.measure.statistics import Difference, Interval
from bench.report.compare import Pair, print_comparison
from bench.report.export import best_frame, best_markdown, runs_markdown, write_all
from bench.report.rows import by_measure, rows_of
from bench.report.significance import Comparison
from bench.report.significance import write as write_comparisons
from bench.report.tables import print_best, print_record, print_sweep
from bench.report.words import interval, number

from .conftest import make, printed

MINUS_ZERO = re.compile(r"(?<!\w)-0(\.0*)?(?![.\d])")


@pytest.fixture
def near_zero():
    """Two methods at two budgets that find nothing, with every interval about zero."""
    tiny = Interval(-1e-9, -2e-9, 1e-9)
    measures = ("recall@1", "recall@10", "recall@100", "score_bias", "rank_correlation", "reconstruction_error")
    return [
        dataclasses.replace(
            make(method, "toy", code, 0.0),
            quality=dict.fromkeys(measures, tiny),
            seconds={"fit": 1.5, "encode": 0.5},
        )
        for method in ("one", "other")
        for code in (32, 16)
    ]


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (-1e-9, ".3f", "0.000"),
        (-0.0, ".3g", "0"),
        (-1e-9, "+.4f", "+0.0000"),
        (-0.0004, ".3f", "0.000"),
        (-0.0006, ".3f", "-0.001"),
        (0.25, "+.2f", "+0.25"),
        (-1e-9, ".3g", "-1e-09"),
        (-0.2, ",.0f", "0"),
    ],
)
def test_what_rounds_to_zero_has_no_minus(value, form, text):
    assert number(value, form) == text


def test_intervals_about_zero_have_no_minus():
    assert interval(Interval(-1e-9, -1e-5, 1e-5)) == r"0.000 \[0.000, 0.000]"


def test_tables_of_runs_show_no_minus_zero(near_zero):
    rows = rows_of(near_zero)
    one = dataclasses.replace(near_zero[0], config={**near_zero[0].config, "results": "results"})
    shown = [printed(print_record, one), printed(print_sweep, near_zero), printed(print_best, rows)]
    shown += [runs_markdown(rows, []), best_markdown(rows), best_markdown(by_measure(rows, "rank_correlation"))]
    for text in shown:
        assert not MINUS_ZERO.search(text), text
        assert "0.000" in text


def test_files_of_tables_hold_no_minus_zero(near_zero, tmp_path):
    zeros = [
        dataclasses.replace(record, quality=dict.fromkeys(record.quality, Interval(-0.0, -0.0, 0.0)))
        for record in near_zero
    ]
    write_all(rows_of(zeros), [], tmp_path, ["csv"])
    assert (best_frame(rows_of(zeros))["value"] == 0).all()
    write_comparisons(tmp_path / "x.comparisons.csv", [Comparison("a", "b", "m", 8, -0.0, -0.0, 0.0, 1.0, 1.0, -0.0)])
    for file in ("best.csv", "runs.csv", "x.comparisons.csv"):
        assert not re.search(r"(^|,)-0(\.0*)?(,|$)", (tmp_path / file).read_text(), re.MULTILINE), file


def test_comparisons_and_verdicts_show_no_minus_zero(near_zero):
    before, after = rows_of(near_zero)[:2]
    same = Difference(-1e-9, -2e-9, 1e-9, 1.0, -1e-9)
    pair = Pair(before, after, -1e-9, same, 1.0, 0, 1.0, None)
    assert not MINUS_ZERO.search(printed(print_comparison, [pair], []))
    case = Case.of_record(near_zero[0])
    worse = dataclasses.replace(case, measures={**case.measures, "recall@10": case.measures["recall@10"] - 1e-9})
    assert "(+0.0000)" in compare(case, worse, Tolerance()).line()
