"""Token codes: the pages say what the records say."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def program(name):
    """One whose neighbors it imports."""
    scripts = ROOT / "results" / "scripts"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(scripts))
        spec = importlib.util.spec_from_file_location(f"published_{name}", scripts / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tokens():
    return program("tokens")


def test_tables_of_single_vectors_are_those_of_the_measured_lines():
    measured = program("multivector_measured")
    rows = measured.load(measured.FILE)
    text = (ROOT / "docs" / "multivector.md").read_text()
    parts = [[row for row in rows if (row["method"] in measured.FEWER) is fewer] for fewer in (False, True)]
    for lines in (list(measured.by_memory(rows)), *(list(measured.table(part)) for part in parts)):
        assert len(lines) > 4
        assert "\n".join(lines) in text, "docs/multivector.md is older than its csv; run make publish"


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
