"""Codes at rest: pages say what the records say, and figures are possible ones."""

from pathlib import Path

import numpy as np
import pytest
from programs import program

ROOT = Path(__file__).resolve().parents[1]
PACKS = sorted((ROOT / "results" / "at_rest").glob("*.parquet"))


@pytest.fixture(scope="module")
def at_rest():
    """The program."""
    return program("at_rest")


def test_tables_are_those_of_the_records(at_rest):
    sets = {pack.stem: at_rest.codes_of(pack) for pack in PACKS}
    for pack in PACKS:
        assert at_rest.page(pack.stem, sets[pack.stem]) == pack.with_suffix(".md").read_text()
    text = (ROOT / "docs" / "measuring.md").read_text()
    assert "\n".join(at_rest.short(sets)) in text, "docs/measuring.md is older than the records; run make publish"


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.stem)
def test_no_order_saves_more_than_the_bound(at_rest, pack):
    for codes in at_rest.codes_of(pack):
        n, order = codes.record.dataset.n, codes.order
        assert codes.size - np.log2(n / np.e) / 8 - 0.01 < order.least <= order.stored < codes.size
