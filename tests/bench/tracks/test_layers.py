"""``scenario=layers``: what queries at an inner layer find, and the data sets that it takes."""

import re

import numpy as np
import pytest

import bench
from bench import datasets
from bench.datasets import DatasetError
from bench.datasets.base import Relevance
from bench.datasets.builders import folder, folder_of
from bench.errors import UsageError

NAME, LAST, N, DIM = "squad-sentences-layers", 3, 1_200, 24
TIMES = {"ms_text": [1.0, 2.0, 4.0], "ms_query": [2.0, 4.0, 5.0]}


@pytest.fixture
def built(tmp_path, monkeypatch, in_this_process):
    """Three layers: the second is the last one turned, with some noise, and the first with much."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((60, DIM))
    last = centers[np.arange(N + 100) % 60] + 0.6 * rng.standard_normal((N + 100, DIM))
    layers = []
    for noise in (1.5, 0.3, 0.0):
        turned = last @ np.linalg.qr(rng.standard_normal((DIM, DIM)))[0] if noise else last
        vectors = turned + noise * rng.standard_normal(last.shape)
        layers.append(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    vectors = np.array(layers, np.float16)
    nearest = np.argmax(last[N:] @ last[:N].T, axis=1)
    relevance = Relevance(np.arange(100), nearest, np.ones(100, np.int64))
    card = {"metric": "ip", "layers": LAST, "encode": TIMES}
    folder.save_layers(folder_of(NAME), vectors[:, :N], vectors[:, N:], relevance, card)
    return vectors


def run(results, dataset=None, **options):
    scenario = {"name": "layers", **options.pop("scenario", {})}
    return bench.run(
        "int8", "4x", {"name": NAME, **(dataset or {})}, scenario=scenario, results=results, latency_s=0.05, **options
    )


def test_a_data_set_of_layers_is_loaded_by_layer(built):
    for layer in (1, 2, 3):
        loaded = datasets.load(NAME, layer=layer)
        np.testing.assert_array_equal(loaded.base.read(0, N), built[layer - 1, :N].astype(np.float32))
        np.testing.assert_array_equal(loaded.queries, built[layer - 1, N:].astype(np.float32))
        assert loaded.card["layer"] == layer
    assert datasets.load(NAME).checksum == loaded.checksum != datasets.load(NAME, layer=1).checksum
    with pytest.raises(DatasetError, match="has 3 layers, and no layer 4"):
        datasets.load(NAME, layer=4)
    with pytest.raises(DatasetError, match="layer=0 is out of range"):
        datasets.load(NAME, layer=0)


def test_a_nearer_layer_finds_more_and_a_map_finds_it(built, tmp_path):
    record = run(tmp_path)
    assert record.status == "ok", record.reason
    recall = {name.removesuffix(" recall@10"): value.value for name, value in record.quality.items() if "->" in name}
    assert recall["2->3"] > recall["1->3"] > 5 * 10 / N
    assert recall["2->2"] > recall["1->1"]
    assert record.quality["recall@10"].value > max(recall["2->3"], recall["2->2"])
    # A turn keeps neighbors: of documents and queries that are both turned, no map is needed.
    assert recall["2->2 unmapped"] > 0.8 * recall["2->2"]
    assert {"2->3 MRR@10", "1->1 unmapped MRR@10"} <= set(record.quality)
    lost = record.quality["2->3 recall@10_loss"]
    assert lost.value == pytest.approx(record.quality["recall@10"].value - recall["2->3"])
    assert lost.high - lost.low < 0.2
    assert record.throughput["layer 2 texts_per_s"] == 500
    assert record.throughput["layer 3 queries_per_s"] == 200
    assert record.bytes.code == DIM
    only = run(tmp_path, scenario={"layers": [2]})
    assert only.quality["2->3 recall@10"] == record.quality["2->3 recall@10"]
    assert not any(name.startswith("1->") for name in only.quality)
    assert only.key != record.key


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scenario": {"layers": [3]}}, "scenario.layers has 3, but those before the last are 1 to 2"),
        ({"scenario": {"layers": [0]}}, "scenario.layers=[0] is out of range; use numbers of layers"),
        ({"scenario": {"layers": []}}, "scenario.layers=[] is out of range"),
        ({"rescore": "int8"}, "scenario=layers measures what codes alone keep; leave out rescore=int8"),
        ({"dataset": {"layer": 1}}, "scenario=layers takes all layers; leave out dataset.layer=1"),
        ({"dataset": {"name": "squad-sentences-mini"}}, "squad-sentences-mini has no layers; scenario=layers takes"),
    ],
)
def test_what_has_no_such_layer_is_refused_before_any_work(built, tmp_path, options, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        run(tmp_path, **options)
    assert not list(tmp_path.rglob("record.json"))
