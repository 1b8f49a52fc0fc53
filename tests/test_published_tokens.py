"""Token codes: the pages say what the records say."""

from pathlib import Path

import pytest
from programs import program

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def tokens():
    return program("tokens")


def test_lines_and_choices_are_those_of_the_measured_lines():
    page = program("multivector_page")
    text, lines = page.PAGE.read_text(), (ROOT / "docs" / "multivector.md").read_text().splitlines()
    for i, file in enumerate(page.SETS.values()):
        by_name = page.groups(page.load(file))
        for rows in by_name.values():
            cells = page.label(*page.key(rows[0])[:2]), page.short(page.means(rows)[0])
            assert f"| {cells[0]} | {cells[1]} [" in text, "the page is older than its csv; run make publish"
        for size in page.SIZES:
            for at, count in enumerate(page.COUNTS):
                (line,) = (line for line in lines if line.startswith(f"| {size:,} | {count if at else 'none'} | "))
                best = page.best_at(by_name, size, at)[0]
                expected = f"{page.label(*best[:2])}, {int(by_name[best][0]['code']):,} B: "
                expected += page.short(page.means(by_name[best])[at])
                assert line.split(" | ")[2 + i].startswith(expected), (
                    "the table is older than its csv; run make publish"
                )


def test_the_example_is_what_the_command_answered():
    script = program("recommend_sets")
    assert "take " in script.FILE.read_text()
    assert "\n".join(script.example()) in (ROOT / "docs" / "multivector.md").read_text()


def test_the_pages_are_those_of_the_records(tokens):
    page, tables = tokens.made()
    assert (ROOT / "results" / "tokens" / "squad-tokens-128.md").read_text() == "\n".join(page) + "\n"
    text = (ROOT / "docs" / "multivector.md").read_text()
    for lines in tables.values():
        assert len(lines) > 4
        assert "\n".join(lines) in text, "docs/multivector.md is older than the records; run make publish"


def test_tables_of_candidates_are_those_of_the_measured_lines():
    measured, text = program("token_candidates"), (ROOT / "docs" / "multivector.md").read_text()
    for lines in (
        measured.curve_table(measured.load(measured.CURVE)),
        measured.look_table(measured.load(measured.LOOKS)),
    ):
        assert len(lines) > 4
        assert "\n".join(lines) in text, "docs/multivector.md is older than its csv"


def test_the_table_of_the_second_set_is_that_of_the_measured_lines():
    script, text = program("multivector_shift_tokens"), (ROOT / "docs" / "multivector.md").read_text()
    lines = list(script.table(script.load(script.FILE)))
    assert len(lines) > 4
    assert "\n".join(lines) in text, "docs/multivector.md is older than its csv"


def test_codes_are_compared_with_residuals_of_no_fewer_bytes(tokens):
    rows = tokens.rows_of(record for record, _ in tokens.records.locate([tokens.PACK]))
    references = [row for row in rows if row.record.method.name == tokens.REFERENCE]
    rivals = [(row, tokens.rival_of(row, references)) for row in rows]
    assert sum(rival is not None for _, rival in rivals) >= 6
    assert all(rival is None or row.code <= rival.code for row, rival in rivals)
