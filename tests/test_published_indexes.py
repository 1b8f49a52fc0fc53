"""Pages and tables on indexes are those of the published records."""

from pathlib import Path

import pytest
from programs import program

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def indexes():
    """The program."""
    return program("indexes")


def test_pages_are_those_of_the_records(indexes):
    packs = sorted(indexes.INDEXES.glob("*.parquet"))
    assert packs
    for pack in packs:
        lines = indexes.page(pack)
        assert len(lines) > 10
        page = pack.with_suffix(".md").read_text()
        assert page == "\n".join(lines) + "\n", f"{pack.stem}.md is older than the records; run make publish"


def test_tables_of_the_documentation_are_those_of_the_records(indexes):
    document = indexes.DOC.read_text()
    for name, lines in indexes.tables().items():
        assert len(lines) > 2
        assert "\n".join(lines) in document, f"the table {name} is older than the records; run make publish"
