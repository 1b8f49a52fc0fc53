"""The standard sweep's data of other kinds: each by one name, built once, and distinct from the plain sets."""

from importlib import resources
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from bench import datasets
from bench.datasets import builders
from bench.datasets.__main__ import main
from bench.datasets.builders import (
    encoder,
    folder,
    folder_of,
    glove_100,
    squad,
    squad_sentences,
    squad_sentences_layer4,
)
from bench.datasets.cache import cache_dir
from methods import Metric


def whole(store):
    return store.read(0, store.shape[0])


@pytest.fixture
def glove():
    """A small ``glove-100``: 300 words whose lengths vary, 12 as queries."""
    rng = np.random.default_rng(0)
    lengths = rng.lognormal(1.3, 0.3, (312, 1))
    vectors = (rng.standard_normal((312, 100)) * lengths / 10).astype(np.float32)
    folder.save(folder_of("glove-100"), vectors[:300], vectors[300:], None, {"metric": "cosine", "title": "words"})
    return vectors


def test_glove_by_inner_product_is_glove_by_another_metric(glove):
    by_length, plain = datasets.load("glove-100-ip"), datasets.load("glove-100")
    assert (by_length.metric, plain.metric) == (Metric.IP, Metric.COSINE)
    assert (by_length.name, by_length.card["metric"]) == ("glove-100-ip", "ip")
    np.testing.assert_array_equal(whole(by_length.base), glove[:300])
    np.testing.assert_array_equal(by_length.queries, glove[300:])
    assert by_length.checksum == plain.checksum == datasets.load("glove-100", metric="ip").checksum
    truth = datasets.ground_truth(by_length, 5).ids
    np.testing.assert_array_equal(truth, np.argsort(-(glove[300:] @ glove[:300].T), axis=1)[:, :5])
    assert (truth != datasets.ground_truth(plain, 5).ids).any()
    assert datasets.load("glove-100-ip", metric="cosine").metric is Metric.COSINE


def test_building_a_view_builds_what_it_shows(monkeypatch, tmp_path, capsys, gaussian):
    vectors = gaussian(10_100, 100)
    (tmp_path / "glove.tgz").write_bytes(b"")
    monkeypatch.setattr(glove_100, "read_archive", lambda _path: vectors)
    monkeypatch.setattr(glove_100, "verified", lambda _archive, path: path)
    assert not builders.is_built("glove-100-ip")
    assert main(["info", "glove-100-ip"]) == 2
    assert "python -m bench.datasets build glove-100-ip" in capsys.readouterr().err
    assert main(["build", "glove-100-ip", "--from", str(tmp_path / "glove.tgz")]) == 0
    assert builders.is_built("glove-100-ip")
    assert builders.is_built("glove-100")
    assert [path.name for path in (cache_dir() / "datasets").iterdir()] == ["glove-100"]
    assert main(["build", "glove-100"]) == 0
    assert "is built already" in capsys.readouterr().out


def test_a_cone_has_one_name_however_it_was_chosen(capsys, monkeypatch):
    rng = np.random.default_rng(1)
    base, queries = (rng.standard_normal((rows, 16)).astype(np.float32) for rows in (60, 5))
    folder.save(folder_of("squad-sentences"), base, queries, None, {"metric": "ip"})
    named, asked = datasets.load("squad-sentences-cone"), datasets.load("squad-sentences", cone=0.75)
    assert named.name == asked.name == "squad-sentences+cone.75"
    assert named.checksum == asked.checksum != datasets.load("squad-sentences").checksum
    assert datasets.load("squad-sentences-cone", cone=0.5).name == "squad-sentences+cone.5"
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["info", "squad-sentences", "cone=.75"]) == 0
    assert asked.checksum in capsys.readouterr().out


class FakeEncoder:
    """Has six layers and encodes a text by its length, in float64, as the layers that are left would."""

    def __init__(self):
        layers = [object() for _ in range(6)]
        self.bert = SimpleNamespace(encoder=SimpleNamespace(layer=layers))
        self.dtype = np.float32

    def __getitem__(self, place):
        assert place == 0
        return SimpleNamespace(auto_model=self.bert)

    def double(self):
        self.dtype = np.float64
        return self

    def encode(self, texts, batch_size, normalize_embeddings, show_progress_bar):
        assert normalize_embeddings
        drawn = [np.random.default_rng(len(text)).standard_normal(encoder.DIM) for text in texts]
        vectors = np.stack(drawn) + len(self.bert.encoder.layer)
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(self.dtype)


@pytest.fixture
def texts(monkeypatch):
    """A corpus of 30 sentences and 12 questions instead of the archive's, and a fake encoder of them."""
    sentences = [f"This is a sentence of the texts{'.' * number}" for number in range(30)]
    questions = [f"What is it{'?' * number}" for number in range(12)]
    corpus = squad.Corpus(sentences, questions, np.arange(12) * 2, np.zeros(12, np.int64))
    monkeypatch.setattr(squad, "read_archive", lambda _path: corpus)
    monkeypatch.setattr(squad_sentences, "fetch", lambda archive: archive.path)
    monkeypatch.setattr(encoder, "load_encoder", FakeEncoder)
    monkeypatch.setattr(encoder, "_SHARD", 8)
    return corpus


def test_layer_4_is_built_of_four_layers_in_float64(texts):
    builders.build("squad-sentences")
    builders.build("squad-sentences-layer4")
    dataset, plain = datasets.load("squad-sentences-layer4"), datasets.load("squad-sentences")
    model = FakeEncoder().double()
    model.bert.encoder.layer = model.bert.encoder.layer[:4]
    expected = model.encode(texts.sentences, 64, True, False)
    stored = np.load(folder_of("squad-sentences-layer4") / "base.npy")
    assert stored.dtype == np.float16
    np.testing.assert_array_equal(stored, expected.astype(np.float16))
    np.testing.assert_array_equal(dataset.relevance.item, plain.relevance.item)
    assert (dataset.metric, dataset.base.shape, dataset.queries.shape) == (Metric.IP, (30, 384), (12, 384))
    assert dataset.checksum != plain.checksum
    assert "layer 4" in dataset.card["encoder"]


def test_layers_share_no_shard_and_a_build_goes_on(texts, monkeypatch):
    squad_sentences_layer4.encode(texts.sentences, "sentences")
    assert len(list((cache_dir() / "encoded").iterdir())) == 1
    plain = encoder.encode_in_shards(texts.sentences, "sentences")
    folders = sorted((cache_dir() / "encoded").iterdir())
    assert [len(list(kept.iterdir())) for kept in folders] == [4, 4]
    assert plain.dtype == np.float32

    def none_needed():
        raise AssertionError("the encoder was loaded, but all shards are there")

    first = squad_sentences_layer4.encode(texts.sentences, "sentences")
    monkeypatch.setattr(encoder, "load_encoder", none_needed)
    np.testing.assert_array_equal(squad_sentences_layer4.encode(texts.sentences, "sentences"), first)


@pytest.mark.parametrize("experiment", ["standard", "full"])
def test_the_sweeps_name_data_of_all_kinds(experiment):
    text = (resources.files("conf") / "experiment" / f"{experiment}.yaml").read_text()
    named = yaml.safe_load(text)["hydra"]["sweeper"]["params"]["dataset"].replace(" ", "").split(",")
    assert {"squad-sentences", "squad-sentences-layer4", "squad-sentences-cone", "glove-100-ip"} <= set(named)
    assert set(named) <= set(datasets.names("dense"))
