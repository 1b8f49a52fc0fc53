"""Vectors of every layer: in the order of the texts though they are encoded by length, resumed, and timed."""

import numpy as np
import pytest

from bench import datasets
from bench.datasets import builders
from bench.datasets.builders import (
    layers,
    squad,
    squad_sentences,
    squad_sentences_layers,
    squad_sentences_mini,
    squad_sentences_mini_layers_paraphrase,
)
from bench.datasets.cache import cache_dir


class FakeEncoder:
    """Three layers of 4 dimensions; a text's states follow from its length and the layer."""

    layers, dim = 3, 4
    batches = ()

    def means(self, texts, depth):
        FakeEncoder.batches += (tuple(map(len, texts)),)
        drawn = [[np.random.default_rng((len(text), layer)).standard_normal(4) for text in texts] for layer in range(3)]
        return np.array(drawn[:depth], np.float32)


def texts_of(n, what):
    lengths = np.random.default_rng(0).permutation(n)
    return [f"{what} {'.' * length}" for length in lengths]


def expected(texts):
    means = FakeEncoder().means(texts, 3)
    return (means / np.linalg.norm(means, axis=2, keepdims=True)).astype(np.float16)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(layers, "_SHARD", 8)
    monkeypatch.setattr(layers, "_BATCH", 4)
    monkeypatch.setattr(FakeEncoder, "batches", ())


def test_texts_are_encoded_by_length_and_returned_in_their_order():
    texts = texts_of(30, "A text of the corpus")
    found = layers.encode_in_shards(texts, "texts", "fake 1", FakeEncoder)
    lengths = [length for batch in FakeEncoder.batches for length in batch]
    assert lengths == sorted(lengths)
    np.testing.assert_array_equal(found, expected(texts))


def test_a_build_goes_on_where_it_was_interrupted():
    texts = texts_of(30, "A text of the corpus")
    first = layers.encode_in_shards(texts, "texts", "fake 1", FakeEncoder)
    (kept,) = (cache_dir() / "encoded").iterdir()
    shards = sorted(kept.iterdir())
    assert len(shards) == 4
    shards[1].write_bytes(b"damaged")
    FakeEncoder.batches = ()
    np.testing.assert_array_equal(layers.encode_in_shards(texts, "texts", "fake 1", FakeEncoder), first)
    assert sum(map(len, FakeEncoder.batches)) == 8
    layers.encode_in_shards(texts, "texts", "fake 2", FakeEncoder)
    assert len(list((cache_dir() / "encoded").iterdir())) == 2


def test_times_grow_with_the_layer(monkeypatch):
    clock = [0.0]

    class Slow(FakeEncoder):
        def means(self, texts, depth):
            clock[0] += depth * len(texts) / 1e3
            return super().means(texts, depth)

    monkeypatch.setattr(layers.time, "process_time", lambda: clock[0])
    times = layers.encode_times(Slow(), texts_of(30, "text"), texts_of(9, "query"))
    assert times["ms_text"] == times["ms_query"] == [1, 2, 3]


def test_a_data_set_has_every_layer_and_its_mini_set_the_same_texts(monkeypatch):
    corpus = squad.Corpus(texts_of(40, "A sentence"), texts_of(20, "A question"), np.arange(20) * 2, np.zeros(20))
    monkeypatch.setattr(squad, "read_archive", lambda _path: corpus)
    monkeypatch.setattr(squad_sentences, "fetch", lambda archive: archive.path)
    monkeypatch.setattr(squad_sentences_layers, "MiniLm", FakeEncoder)
    monkeypatch.setattr(squad_sentences_mini, "QUERIES", 6)
    monkeypatch.setattr(squad_sentences_mini, "ITEMS", 15)
    for name in ("squad-sentences-layers", "squad-sentences-mini-layers"):
        builders.build(name)
    whole, mini = (datasets.load(f"squad-sentences{mini}-layers", layer=2) for mini in ("", "-mini"))
    assert (whole.card["layers"], whole.card["layer"]) == (3, 2)
    assert (whole.base.shape, mini.base.shape) == ((40, 4), (15, 4))
    np.testing.assert_array_equal(whole.base.read(0, 40), expected(corpus.sentences)[1].astype(np.float32))
    np.testing.assert_array_equal(mini.queries, whole.queries[:6])
    answers = whole.base.take(whole.relevance.item)[:6]
    np.testing.assert_array_equal(mini.base.take(mini.relevance.item), answers)
    assert len(mini.card["encode"]["ms_text"]) == 3


def test_states_behind_each_layer_are_found_in_a_graph():
    layer_outputs = squad_sentences_mini_layers_paraphrase.layer_outputs

    class Node:
        def __init__(self, name, output):
            self.name, self.output = name, [output]

    class Model:
        class graph:
            node = (
                Node("/encoder/layer.0/attention/output/LayerNorm/LayerNormalization", "inner"),
                Node("/encoder/layer.0/output/LayerNorm/LayerNormalization", "first"),
                Node("/encoder/layer.0/output/LayerNorm/Cast", "cast"),
                Node("/encoder/layer.1/output/LayerNorm/LayerNormalization", "second"),
            )

    assert layer_outputs(Model) == ["first", "second"]
