"""Layers of encoders: the page and the tables say what the published records say."""

import importlib.util
import sys
from pathlib import Path

import pytest

from bench.measure.statistics import Interval

ROOT = Path(__file__).resolve().parents[1]
PACKS = sorted((ROOT / "results" / "layers").glob("*.parquet"))


@pytest.fixture(scope="module")
def layers():
    """The program."""
    sys.path.insert(0, str(ROOT / "results" / "scripts"))
    spec = importlib.util.spec_from_file_location("published_layers", ROOT / "results" / "scripts" / "layers.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["published_layers"] = module
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(ROOT / "results" / "scripts"))
    del sys.modules["published_layers"]


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.stem)
def test_tables_are_those_of_the_records(layers, pack):
    runs = layers.read([pack])[pack.stem]
    assert "\n".join(layers.page(pack.stem, runs)) + "\n" == pack.with_suffix(".md").read_text()
    text = layers.PAGE.read_text()
    for table in (layers.layer_table(runs), layers.width_table(runs), layers.code_table(runs)):
        assert len(table) > 3
        assert "\n".join(table) in text, "docs/layers.md is older than the records; run make publish"


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.stem)
def test_records_say_what_a_nearer_layer_costs_and_keeps(layers, pack):
    runs = layers.read([pack])[pack.stem]
    times = [runs.ms(layer) for layer in range(1, runs.last + 1)]
    assert times == sorted(times)
    assert runs.saved(runs.last) == 0
    for record in runs.records:
        names = [f"{layer}->{runs.last} recall@10" for layer in range(1, runs.last)]
        found = [record.quality[name].value for name in names if name in record.quality]
        assert found == sorted(found)
        assert found[-1] <= record.quality["recall@10"].value + 0.01


def test_what_is_kept_is_a_share_with_the_interval_of_the_loss(layers):
    class Found:
        quality = {  # noqa: RUF012
            "MRR@10": Interval(0.5, 0.4, 0.6),
            "3->6 MRR@10_loss": Interval(0.1, 0.05, 0.2),
        }

    assert layers.kept(Found, "3->6", "MRR@10") == "0.800 [0.600, 0.900]"
