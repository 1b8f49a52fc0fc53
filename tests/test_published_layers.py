"""Layers of encoders: the page and the tables say what the published records say."""

import csv
from pathlib import Path

import numpy as np
import pytest
from programs import program

from bench.measure.statistics import Interval
from methods.vectors import normalized

ROOT = Path(__file__).resolve().parents[1]
PACKS = sorted((ROOT / "results" / "layers").glob("*.parquet"))


@pytest.fixture(scope="module")
def layers():
    """The program."""
    return program("layers")


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


def test_the_tables_of_heads_are_those_of_what_was_measured(layers):
    with (layers.LAYERS / "heads.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    for at in layers.AT:
        table = layers.heads_table(lines, at)
        assert len(table) == 2 + len(layers.PAIRS) * len(layers.MEASURES)
        assert "\n".join(table) in layers.PAGE.read_text(), "docs/layers.md is older than heads.csv; run make publish"


@pytest.fixture
def heads(monkeypatch):
    """The program that trains heads, on few texts whose layers are noisier the earlier they are."""
    pytest.importorskip("torch")
    layer_heads = program("layer_heads")

    monkeypatch.setattr(layer_heads, "DIM", 48)
    rng = np.random.default_rng(0)
    sentences, noise = (rng.standard_normal((count, layer_heads.DIM)) for count in (200, 160))
    answers = rng.integers(200, size=160)
    moved = 0.3 * noise + sentences[answers]

    def layered(last):
        noise = rng.standard_normal((layer_heads.LAST, *last.shape))
        steps = np.linspace(2, 0, layer_heads.LAST)[:, None, None]
        return normalized((last + steps * noise).reshape(-1, last.shape[1]).astype(np.float32)).reshape(noise.shape)

    base, questions = layered(sentences), layered(moved)
    parts = [
        layer_heads.Asked(questions[:, rows], answers[rows])
        for rows in (slice(0, 100), slice(100, 130), slice(130, 160))
    ]
    near = layer_heads.nearest(base[-1], parts[-1].vectors[-1], layer_heads.K)
    monkeypatch.setattr(layer_heads, "data", lambda: layer_heads.Data(base, *parts, near))
    monkeypatch.setattr(layer_heads, "BATCH", 50)
    monkeypatch.setattr(layer_heads, "EPOCHS", 1)
    return layer_heads


@pytest.mark.thorough
def test_heads_keep_their_best_epoch(heads):
    start = heads.closed_form(0)
    for loss in heads.LOSSES:
        own, epoch = heads.trained(loss, 0)
        assert heads.judged(own) >= heads.judged(start)
        moved = any((one["matrix"] != two["matrix"]).any() for one, two in zip(own, start, strict=True))
        assert moved == (epoch > 0)


def test_the_same_seed_trains_the_same_heads(heads):
    first, second = (heads.trained("2dmse", 0)[0] for _ in range(2))
    assert all((one["matrix"] == two["matrix"]).all() for one, two in zip(first, second, strict=True))


def test_the_closed_form_at_the_last_layer_is_the_last_layer(heads):
    measures = heads.searched(heads.closed_form(0), heads.data().test, [(heads.LAST, heads.DIM)])
    assert all(each["recall@10"].mean() > 0.99 for each in measures.values())
