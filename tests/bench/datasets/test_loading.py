"""Queries and base cut to size, judgements carried along, and a checksum that distinguishes all of it."""

import json

import numpy as np
import pytest

from bench import datasets
from bench.datasets.base import Relevance
from bench.datasets.builders import folder, folder_of
from methods import Metric

from .conftest import write_hdf5

MADE = {"d": 8, "nt": 0, "nb": 500, "nq": 30}


def whole(store):
    return store.read(0, store.shape[0])


@pytest.fixture
def file(tmp_path, gaussian):
    vectors = gaussian(300, 5)
    np.save(tmp_path / "v.npy", vectors)
    return tmp_path / "v.npy", vectors


@pytest.fixture
def judged(cache):
    """A small built data set in the cache, under a name that is known: 40 items, 12 queries, two judgements each."""
    rng = np.random.default_rng(3)
    base, queries = rng.standard_normal((40, 4)).astype(np.float16), rng.standard_normal((12, 4)).astype(np.float16)
    query = np.repeat(np.arange(12), 2)
    relevance = Relevance(query, rng.integers(0, 40, 24), np.ones(24, np.int64))
    folder.save(folder_of("squad-sentences"), base, queries, relevance, {"metric": "ip", "title": "made up"})
    return base, queries, relevance


def test_every_name_has_its_options_and_a_config():
    conf = pytest.importorskip("omegaconf").OmegaConf
    from importlib.resources import files

    for name in datasets.names():
        config = conf.to_container(conf.load(str(files("conf") / "dataset" / f"{name}.yaml")))
        assert config.pop("name") == name
        assert config.pop("max_queries") == (None if name in datasets.names("table") else 1000)
        expected = datasets.options(name)
        expected.pop("max_queries")
        assert config == expected


def test_max_queries_takes_the_first(judged):
    base, queries, _ = judged
    dataset = datasets.load("squad-sentences", max_queries=5)
    np.testing.assert_array_equal(dataset.queries, queries[:5].astype(np.float32))
    np.testing.assert_array_equal(whole(dataset.base), base.astype(np.float32))
    assert dataset.relevance.query.max() == 4
    assert "dropped_judgements" not in dataset.card
    assert not dataset.queries.flags.writeable


def test_max_queries_and_max_base_beyond_what_there_is_take_all(judged):
    dataset = datasets.load("squad-sentences", max_queries=99, max_base=99)
    assert (len(dataset.queries), dataset.base.shape) == (12, (40, 4))
    assert dataset.checksum == datasets.load("squad-sentences").checksum


def test_max_base_is_a_seeded_sample_in_order_with_its_judgements(judged):
    base, _, relevance = judged
    dataset = datasets.load("squad-sentences", max_base=15, seed=4)
    again = datasets.load("squad-sentences", max_base=15, seed=4)
    other = datasets.load("squad-sentences", max_base=15, seed=5)
    sample = whole(dataset.base)
    assert sample.shape == (15, 4)
    where = [int(np.flatnonzero((base.astype(np.float32) == row).all(axis=1))[0]) for row in sample]
    assert where == sorted(set(where))
    assert dataset.checksum == again.checksum != other.checksum
    kept = np.isin(relevance.item, where)
    np.testing.assert_array_equal(np.array(where)[dataset.relevance.item], relevance.item[kept])
    np.testing.assert_array_equal(dataset.relevance.query, relevance.query[kept])
    assert dataset.card["dropped_judgements"] == int((~kept).sum()) > 0


def test_a_sample_without_any_judged_item_has_no_relevance(judged, cache):
    base, queries, relevance = judged
    missing = next(row for row in range(40) if row not in relevance.item)
    lone = Relevance(np.array([0]), np.array([missing]), np.array([1]))
    folder.save(folder_of("squad-sentences"), base, queries, lone, {"metric": "ip"})
    seed = next(s for s in range(99) if missing not in np.random.default_rng(s).choice(40, 3, replace=False))
    assert datasets.load("squad-sentences", max_base=3, seed=seed).relevance is None


def test_max_base_holds_for_memory_and_for_files_alike(file):
    path, vectors = file
    from_file = datasets.load("path", base=str(path), queries=str(path), max_base=50)
    assert from_file.base.shape == (50, 5)
    assert set(map(bytes, whole(from_file.base))) <= set(map(bytes, vectors))
    in_memory = datasets.load("synthetic", **MADE, max_base=50)
    assert in_memory.base.shape == (50, 8)
    np.testing.assert_array_equal(in_memory.base.take(np.array([49, 0])), whole(in_memory.base)[[49, 0]])


def test_without_queries_base_vectors_are_held_out(file):
    path, vectors = file
    dataset = datasets.load("path", base=str(path), seed=1)
    assert (len(dataset.queries), dataset.base.shape) == (30, (270, 5))  # a tenth
    together = np.concatenate([dataset.queries, whole(dataset.base)])
    assert sorted(map(bytes, together)) == sorted(map(bytes, vectors))
    assert len(datasets.load("path", base=str(path), holdout=7).queries) == 7
    assert datasets.load("path", base=str(path), seed=2).checksum != dataset.checksum
    assert datasets.load("path", base=str(path), seed=1).checksum == dataset.checksum


def test_the_checksum_covers_all_that_is_used(file, tmp_path):
    path, vectors = file
    np.save(tmp_path / "q.npy", vectors[:20])
    np.save(tmp_path / "t.npy", vectors[:90])
    options = {"base": str(path), "queries": str(tmp_path / "q.npy")}
    sums = [
        datasets.load("path", **options).checksum,
        datasets.load("path", **options, max_queries=19).checksum,
        datasets.load("path", **options, max_base=299).checksum,
        datasets.load("path", **options, train=str(tmp_path / "t.npy")).checksum,
        datasets.load("path", base=str(path), queries=str(path)).checksum,
    ]
    assert len(set(sums)) == 5
    np.save(path, vectors + 1)
    assert datasets.load("path", **options).checksum not in sums


def test_a_checksum_of_a_large_file_is_remembered_until_the_file_changes(file, monkeypatch, cache):
    path, vectors = file
    monkeypatch.setattr("bench.datasets.checksum._REMEMBER_BYTES", 0)
    first = datasets.load("path", base=str(path), queries=str(path)).checksum
    (kept,) = (cache / "checksums").iterdir()
    kept.write_text(json.dumps({"sha256": "f" * 64}))
    assert datasets.load("path", base=str(path), queries=str(path)).checksum != first  # it was not computed again
    kept.write_text("damaged")
    assert datasets.load("path", base=str(path), queries=str(path)).checksum == first
    np.save(path, np.concatenate([vectors, vectors[:1]]))
    assert datasets.load("path", base=str(path), queries=str(path)).checksum != first


def test_an_ann_benchmarks_file_brings_queries_metric_and_neighbors(tmp_path):
    rng = np.random.default_rng(5)
    base, queries = rng.standard_normal((80, 4)), rng.standard_normal((9, 4))
    true = np.argsort(-(queries @ (base / np.linalg.norm(base, axis=1, keepdims=True)).T), axis=1)[:, :6]
    path = write_hdf5(tmp_path / "a.hdf5", base, queries, true, "angular")
    dataset = datasets.load("path", base=str(path), max_queries=4)
    assert dataset.metric is Metric.COSINE
    np.testing.assert_array_equal(dataset.queries, queries[:4].astype(np.float32))
    np.testing.assert_array_equal(dataset.neighbors, true[:4])
    np.testing.assert_array_equal(datasets.ground_truth(dataset, 6).ids, true[:4])
    assert datasets.load("path", base=str(path), metric="l2").neighbors is None
    assert datasets.load("path", base=str(path), max_base=20).neighbors is None


def test_metric_is_the_data_sets_own_unless_asked_otherwise(file, judged):
    path, _ = file
    assert datasets.load("path", base=str(path)).metric is Metric.COSINE
    assert datasets.load("path", base=str(path), metric="ip").metric is Metric.IP
    assert datasets.load("squad-sentences").metric is Metric.IP
    assert datasets.load("squad-sentences", metric="cosine").metric is Metric.COSINE


def test_synthetic_is_the_set_of_faiss():
    from faiss.contrib.datasets import SyntheticDataset

    dataset = datasets.load("synthetic", d=8, nt=100, nb=500, nq=30)
    theirs = SyntheticDataset(8, 100, 500, 30)
    np.testing.assert_array_equal(whole(dataset.base), theirs.get_database())
    np.testing.assert_array_equal(whole(dataset.train), theirs.get_train())
    np.testing.assert_array_equal(dataset.queries, theirs.get_queries())
    assert datasets.load("synthetic", **MADE).train is None
    assert datasets.load("synthetic", **MADE, data_seed=1).checksum != datasets.load("synthetic", **MADE).checksum


def test_the_embedded_set_is_whole():
    dataset = datasets.load("squad-sentences-mini")
    assert dataset.base.shape == (20_000, 384)
    assert dataset.queries.shape == (1_000, 384)
    assert dataset.checksum.startswith("b7e5d3279f176598")
    assert {"source", "licence", "encoder", "made_by"} <= set(dataset.card)
    np.testing.assert_array_equal(dataset.relevance.query, np.arange(1_000))
    assert np.abs(np.linalg.norm(dataset.queries, axis=1) - 1).max() < 1e-3
    files = list(folder_of("squad-sentences-mini").iterdir())
    own, learned_from = (
        sum(file.stat().st_size for file in files if file.name.startswith("train_") == trains)
        for trains in (False, True)
    )
    assert own < 18e6
    assert learned_from < 3e6


def test_the_embedded_set_is_answered_as_often_as_its_card_says():
    dataset = datasets.load("squad-sentences-mini")
    hits = datasets.ground_truth(dataset, 10).ids == dataset.relevance.item[:, None]
    reciprocal = np.where(hits.any(axis=1), 1 / (1 + hits.argmax(axis=1)), 0)
    assert reciprocal.mean() == pytest.approx(0.5395, abs=1e-3)
