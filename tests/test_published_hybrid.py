"""Codes beside postings: the page says what the records say."""

from pathlib import Path

import pytest
from programs import program

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def hybrid():
    """The program."""
    return program("hybrid")


@pytest.fixture(scope="module")
def measured(hybrid):
    return hybrid.read(ROOT / "results" / "hybrid" / "squad-sentences.parquet")


def test_the_page_is_that_of_the_records(hybrid, measured):
    page = (ROOT / "results" / "hybrid" / "squad-sentences.md").read_text()
    assert page == "\n".join(hybrid.page("squad-sentences", measured)) + "\n", "run make publish"


def test_both_ways_to_spend_the_bytes_stay_within_them(measured):
    assert len(measured) >= 6
    for record in measured:
        info, budget = record.hybrid, record.budget.bytes
        assert info.dense_bytes <= budget
        assert info.code_bytes + info.postings_bytes / record.dataset.n <= budget


def test_a_line_and_a_point_for_every_split(hybrid, measured):
    (axis,) = hybrid.figure_of(measured).axes
    assert "code alone" in {text.get_text() for text in axis.texts}
    splits = {record.config["scenario"]["postings"] for record in measured if record.config["scenario"]["bits"] == 4}
    assert len(axis.texts) == len(axis.containers) == 1 + len(splits)
