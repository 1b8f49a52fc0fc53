"""A base in shards returns what one machine does."""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.cluster.shards import Shard, merge
from bench.config import RunConfig
from bench.datasets.exact import exact_search, merged
from bench.execution.data import load_dataset
from bench.execution.plan import prepare
from bench.tracks import dense

METHODS = ["int8", "pq", "rabitq", "sign", "transform_coding", "trellis", "float16"]
CASES = [(name, "l2") for name in METHODS] + [(name, metric) for name in METHODS[:2] for metric in ("ip", "cosine")]


@pytest.fixture(scope="module")
def base(tmp_path_factory, clustered):
    """3,001 vectors of 24 dimensions and 40 queries, in files."""
    folder = tmp_path_factory.mktemp("base")
    np.save(folder / "base.npy", clustered(3001, 24))
    np.save(folder / "queries.npy", clustered(40, 24, seed=1))
    return folder


def config_of(base, method, metric="l2", shards=3):
    files = {"base": str(base / "base.npy"), "queries": str(base / "queries.npy")}
    dataset = {"name": "path", **files, "metric": metric}
    budget = {"sign": "3B", "float16": "2x", "int8": "4x"}.get(method, "12B")
    return RunConfig(method={"name": method}, dataset=dataset, budget=budget, engine={"name": "ray"}, shards=shards)


def fitted(config):
    dataset = load_dataset(config)
    budget = {"3B": 3, "2x": 48, "4x": 24}.get(config.budget, 12)
    codec, _, _ = dense.configure(config, dataset, budget)
    return dataset, codec.fit(dense.training_vectors(dataset, config.train_size, 0), 0)


def shards_of(config, codec, n):
    edges = [n * i // config.shards for i in range(config.shards + 1)]
    file = str(codec.save(Path(config.dataset["base"]).parent / "codec"))
    return [Shard(json.dumps(config.to_dict()), ".", file, *edge) for edge in itertools.pairwise(edges)]


@pytest.mark.thorough
@pytest.mark.parametrize(("method", "metric"), CASES)
def test_ids_and_scores_are_those_of_one_machine(base, method, metric):
    config = config_of(base, method, metric)
    dataset, codec = fitted(config)
    codes = codec.encode(dataset.base.read(0, 3001))
    searcher = codec.searcher(codes)
    shards = shards_of(config, codec, 3001)
    rows = np.array([0, 999, 1000, 3000])
    owners = [shards[0], shards[0], shards[1], shards[2]]
    one_by_one = [owner.codes(row[None]) for owner, row in zip(owners, rows)]
    assert np.array_equal(np.concatenate(one_by_one), codes[rows])
    for k in (1, 10, 100):
        scores, ids = searcher.search(dataset.queries, k + 1)
        in_shards = merge([shard.search(dataset.queries, k) for shard in shards], k, searcher.descending)
        np.testing.assert_array_equal(in_shards[0], scores[:, :k])
        tied = (scores[:, 1:] == scores[:, :-1]).any(axis=1)  # of these any may be returned
        np.testing.assert_array_equal(in_shards[1][~tied], ids[~tied, :k])


def test_more_neighbors_than_a_shard_has_rows(base):
    config = config_of(base, "int8", shards=40)
    dataset, codec = fitted(config)
    shards = shards_of(config, codec, 3001)
    scores, ids = merge([shard.search(dataset.queries, 100) for shard in shards], 100, descending=False)
    whole = codec.searcher(codec.encode(dataset.base.read(0, 3001))).search(dataset.queries, 100)
    np.testing.assert_array_equal(scores, whole[0])
    assert (ids >= 0).all()


def test_padding_comes_last_and_equal_scores_by_id():
    scores = np.array([[3.0, -np.inf]], np.float32), np.array([[3.0, 2.0]], np.float32)
    ids = np.array([[7, -1]]), np.array([[4, 9]])
    merged_scores, merged_ids = merge(list(zip(scores, ids)), 4, descending=True)
    assert merged_ids.tolist() == [[4, 7, 9, -1]]
    assert merged_scores.tolist() == [[3.0, 3.0, 2.0, -np.inf]]


@pytest.mark.parametrize("metric", ["l2", "ip", "cosine"])
def test_exact_neighbors_are_those_of_one_machine(base, metric):
    config = config_of(base, "int8", metric)
    dataset, codec = fitted(config)
    truth = exact_search(dataset, 100)
    part = merged([shard.truth(100) for shard in shards_of(config, codec, 3001)], 100, dataset.metric)
    np.testing.assert_array_equal(part.ids, truth.ids)
    np.testing.assert_allclose(part.scores, truth.scores, rtol=1e-14)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["shards=2"], "shards=2 is an option of engine=ray; name that too"),
        (["engine=ray", "shards=0"], "shards=0 is out of range; use an integer of at least 1"),
        (
            ["engine=ray", "rescore=disk"],
            "engine=ray measures scans of all codes, one run at a time; leave out rescore=",
        ),
        (["engine=ray", "index=ivf"], "leave out index="),
        (["engine=ray", "shards=501"], "cannot cut squad-sentences-mini into 501 shards"),
    ],
)
def test_what_shards_do_not_do_is_one_line(here, monkeypatch, options, message):
    monkeypatch.setattr("bench.cluster.extras.check", lambda *_: None)
    run = here("method=sign", "dataset.max_base=500", *options)
    assert run.returncode == 2
    assert message in run.stderr


def test_a_missing_ray_is_named(here, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    run = here("method=sign", "dataset.max_base=500", "engine=ray", "shards=2")
    assert run.returncode == 2
    assert run.stderr.strip() == "bench: engine=ray needs ray; pip install 'vector-compression-bench[ray]'"


def test_a_run_in_shards_has_a_key_of_its_own(base, monkeypatch, tmp_path):
    monkeypatch.setattr("bench.cluster.extras.check", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    config = config_of(base, "int8")
    keys = {prepare(RunConfig(**{**config.__dict__, "shards": shards})).key for shards in (2, 3)}
    keys.add(prepare(RunConfig(**{**config.__dict__, "shards": 1, "engine": {"name": "none"}})).key)
    assert len(keys) == 3
