"""Tables of isotropic vectors and of groups of questions follow from measurements, with signs by paired tests."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "results" / "scripts"))
    yield
    for name in ("isotropy", "query_groups"):
        sys.modules.pop(name, None)


def test_maps_that_help_or_hurt_are_marked(scripts):
    import isotropy

    def cell(name, codec, hits):
        digits = hits * 50
        recall = sum(int(digit, 11) for digit in digits) / len(digits) / 10
        return isotropy.Cell("set", name, codec, "32x", 48, f"{recall:.4f}", digits)

    cells = [cell("none", "pq", "57"), cell("center", "pq", "57"), cell("ica", "pq", "45"), cell("none", "sign", "45")]
    cells += [cell("ica", "sign", "8a")]
    table = {(each.data, each.map, each.codec, each.budget): each for each in cells}
    assert isotropy.table_of(table, "set") == [
        "| codec | bytes | none | center | ica |",
        "|---|---:|---:|---:|---:|",
        "| `pq` | 48 | .600 | .600 | .450- |",
        "| `sign` | 48 | .450 |  | .900+ |",
    ]


def test_groups_that_lose_more_or_less_are_marked(scripts):
    import query_groups

    def line(group, lost, others, chance):
        values = {"lost": lost, "others_lost": others, "p_others": chance}
        named = {"codec": "sign", "budget": "32x", "heading": "length", "group": group, "queries": "50"}
        return [{**named, "measure": measure, **values} for measure in ("recall@10", "MRR@10")]

    lines = [
        *line("short", "0.4", "0.2", "1e-5"),
        *line("long", "0.2", "0.4", "1e-5"),
        *line("some", "0.3", "0.3", "0.9"),
    ]
    assert query_groups.losses(lines)[2:] == [
        "| length: short | 50 | .400! | .400! |",
        "| length: long | 50 | .200* | .200* |",
        "| length: some | 50 | .300 | .300 |",
    ]


def test_published_tables_are_those_of_the_measurements(scripts):
    import isotropy
    import query_groups

    page = (ROOT / "docs" / "embeddings.md").read_text()
    for line in isotropy.table_of(isotropy.read(), "squad-sentences-mini"):
        assert line in page
    measuring = (ROOT / "docs" / "measuring.md").read_text()
    assert all(line in measuring for line in query_groups.losses(query_groups.read()))
