"""Methods that are fitted on other vectors: pages say what the records say, and pairs search the same vectors."""

from pathlib import Path

import pytest
from programs import program

ROOT = Path(__file__).resolve().parents[1]
PACKS = sorted((ROOT / "results" / "held_out").glob("*.parquet"))


@pytest.fixture(scope="module")
def held_out():
    """The program."""
    return program("held_out")


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.stem)
def test_tables_are_those_of_the_records(held_out, pack):
    by_budget = held_out.pairs(pack)
    assert held_out.page(pack, by_budget) == pack.with_suffix(".md").read_text()
    lines = held_out.short(pack.stem, by_budget)
    assert len(lines) == len(by_budget)
    text = (ROOT / "docs" / "frontier.md").read_text()
    assert "\n".join(lines) in text, "docs/frontier.md is older than the records; run make publish"


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.stem)
def test_pairs_search_the_same_vectors_by_the_same_method(held_out, pack):
    for of_budget in held_out.pairs(pack).values():
        for pair in of_budget:
            base, other = pair.base, pair.other
            assert base.config["dataset"].get("train") is None
            assert other.config["dataset"]["train"] == "held_out"
            assert (base.dataset.n, base.dataset.queries) == (other.dataset.n, other.dataset.queries)
            assert (base.method.version, base.bytes.code) == (other.method.version, other.bytes.code)
            assert len(base.recalls) == len(other.recalls) > 0.9 * base.dataset.queries  # equal questions count once
            assert (base.dataset.trained_on, other.dataset.trained_on) == ("base", "train")
