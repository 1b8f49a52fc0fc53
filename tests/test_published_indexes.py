"""Pages and tables on indexes are those of the published records."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "results" / "scripts"


@pytest.fixture(scope="module")
def indexes():
    """The program."""
    sys.path.insert(0, str(SCRIPTS))  # it takes what it shares from the program beside it
    spec = importlib.util.spec_from_file_location("published_indexes", SCRIPTS / "indexes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(SCRIPTS))


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
