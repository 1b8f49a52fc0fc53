"""Token codes: the pages say what the records say."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def tokens():
    """The program, whose neighbors it imports."""
    scripts = ROOT / "results" / "scripts"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(scripts))
        spec = importlib.util.spec_from_file_location("published_tokens", scripts / "tokens.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def test_the_pages_are_those_of_the_records(tokens):
    page, tables = tokens.made()
    assert (ROOT / "results" / "tokens" / "squad-tokens-128.md").read_text() == "\n".join(page) + "\n"
    text = (ROOT / "docs" / "multivector.md").read_text()
    for lines in tables.values():
        assert len(lines) > 4
        assert "\n".join(lines) in text, "docs/multivector.md is older than the records; run make publish"


def test_codes_are_compared_with_residuals_of_no_fewer_bytes(tokens):
    rows = tokens.rows_of(record for record, _ in tokens.records.locate([tokens.PACK]))
    references = [row for row in rows if row.record.method.name == tokens.REFERENCE]
    rivals = [(row, tokens.rival_of(row, references)) for row in rows]
    assert sum(rival is not None for _, rival in rivals) >= 6
    assert all(rival is None or row.code <= rival.code for row, rival in rivals)
