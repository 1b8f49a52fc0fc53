"""A base in shards returns what one machine does."""

import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench.cluster.cuts import BLOCK, cuts
from bench.cluster.shards import Files, Shard, Shards, merge
from bench.config import RunConfig
from bench.datasets.exact import exact_search, merged
from bench.execution.data import load_dataset
from bench.execution.plan import prepare
from bench.index_options import INDEXES
from bench.tracks import dense, indexed, sharded
from bench.tracks.measurement import Measurement
from methods.compose.rescored import RescoredSearcher
from methods.index import IVFSearcher, Partition

METHODS = ["int8", "pq", "rabitq", "sign", "transform_coding", "trellis", "float16"]
CASES = [(name, "l2") for name in METHODS] + [(name, metric) for name in METHODS[:2] for metric in ("ip", "cosine")]


@pytest.fixture(scope="module")
def base(tmp_path_factory, clustered):
    """3,001 vectors of 24 dimensions and 40 queries, in files."""
    folder = tmp_path_factory.mktemp("base")
    np.save(folder / "base.npy", clustered(3001, 24))
    np.save(folder / "queries.npy", clustered(40, 24, seed=1))
    return folder


def config_of(base, method, metric="l2", shards=3, **lists):
    files = {"base": str(base / "base.npy"), "queries": str(base / "queries.npy")}
    dataset = {"name": "path", **files, "metric": metric}
    budget = {"sign": "3B", "float16": "2x", "int8": "4x"}.get(method, "12B")
    config = RunConfig(method={"name": method}, dataset=dataset, budget=budget, engine={"name": "ray"}, shards=shards)
    return replace(config, index={"name": "ivf", **INDEXES["ivf"], **lists}) if lists else config


def fitted(config):
    """The data set, the codec and, of an index, the lists."""
    dataset = load_dataset(config)
    budget = {"3B": 3, "2x": 48, "4x": 24}.get(config.budget, 12)
    codec, _, _ = (indexed if config.has_index else dense).configure(config, dataset, budget)
    train = dense.training_vectors(dataset, config.train_size, 0)
    if not config.has_index:
        return dataset, codec.fit(train, 0), None
    lists = Partition(dataset.dim, dataset.metric, config.index["lists"]).fit(train, 0)
    residual = config.index["residual"]
    return dataset, codec.fit(lists.residuals(train, lists.assign(train)) if residual else train, 0), lists


def searcher_of(config, dataset, codec, lists):
    """As one machine makes it, and the codes of all vectors."""
    vectors = dataset.base.read(0, dataset.base.shape[0])
    if lists is None:
        codes = codec.encode(vectors)
        return codec.searcher(codes), codes
    assigned, residual = lists.assign(vectors), config.index["residual"]
    codes = codec.encode(lists.residuals(vectors, assigned) if residual else vectors)
    return IVFSearcher(codec, codes, lists, assigned, residual=residual, ids=config.index["ids"]), codes


def shards_of(config, codec, n, lists=None):
    folder = Path(config.dataset["base"]).parent
    given = (
        json.dumps(config.to_dict()),
        ".",
        Files(codec.save(folder / "codec"), lists and lists.save(folder / "lists")),
    )
    return [Shard(*given, *edge) for edge in itertools.pairwise(cuts(n, config.shards).tolist())]


def check_alike(found, expected, k):
    """Scores to rounding, and ids where no score is as good; ``expected`` has one more than ``k``."""
    scores, ids = expected
    np.testing.assert_allclose(found[0], scores[:, :k], rtol=1e-5, atol=1e-5)
    with np.errstate(invalid="ignore"):
        near = np.abs(np.diff(scores, axis=1)) <= 1e-5 * np.maximum(1, np.abs(scores[:, 1:]))
    alone = ~near & ~np.hstack([np.zeros_like(near[:, :1]), near[:, :-1]])  # as good as neither the last nor the next
    np.testing.assert_array_equal(found[1][alone], ids[:, :k][alone])
    np.testing.assert_array_equal(found[1] < 0, ids[:, :k] < 0)


@pytest.mark.thorough
@pytest.mark.parametrize(("method", "metric"), CASES)
def test_ids_and_scores_are_those_of_one_machine(base, method, metric):
    config = config_of(base, method, metric)
    dataset, codec, _ = fitted(config)
    searcher, codes = searcher_of(config, dataset, codec, None)
    shards = shards_of(config, codec, 3001)
    rows = np.array([0, 999, 1000, 3000])
    owners = [shards[0], shards[0], shards[1], shards[2]]
    one_by_one = [owner.codes(row[None]) for owner, row in zip(owners, rows)]
    assert np.array_equal(np.concatenate(one_by_one), codes[rows])
    for k in (1, 10):
        in_shards = merge([shard.search(dataset.queries, k) for shard in shards], k, searcher.descending)
        check_alike(in_shards, searcher.search(dataset.queries, k + 1), k)


def test_more_neighbors_than_a_shard_has_rows(base):
    config = config_of(base, "int8", shards=40)
    dataset, codec, _ = fitted(config)
    shards = shards_of(config, codec, 3001)
    scores, ids = merge([shard.search(dataset.queries, 100) for shard in shards], 100, descending=False)
    whole = codec.searcher(codec.encode(dataset.base.read(0, 3001))).search(dataset.queries, 100)
    np.testing.assert_allclose(scores, whole[0], rtol=1e-5)
    assert (ids >= 0).all()


LISTS = [
    ("transform_coding", "l2", 16, 3, False, "packed"),
    ("trellis", "cosine", 16, 3, False, "elias_fano"),
    ("pq", "ip", 16, 3, False, "int32"),
    ("rabitq", "l2", 16, 3, False, "none"),
    ("rq", "l2", 16, 3, True, "packed"),  # whose scan is made anew for each list
    ("sign", "cosine", 16, 3, False, "int64"),
    ("pq", "l2", 16, 3, True, "packed"),
    ("pq", "ip", 16, 3, True, "packed"),
    ("transform_coding", "cosine", 16, 3, True, "elias_fano"),
    ("int8", "l2", 2, 7, False, "packed"),  # fewer lists than shards
    ("pq", "l2", 500, 3, True, "packed"),  # more than there are vectors, and most of them empty in a shard
]


@pytest.mark.thorough
@pytest.mark.parametrize(("method", "metric", "lists", "shards", "residual", "ids"), LISTS)
def test_lists_over_shards_are_those_of_one_machine(base, method, metric, lists, shards, residual, ids):
    config = config_of(base, method, metric, shards, lists=lists, residual=residual, ids=ids)
    n = 300 if lists == 500 else 3001
    config.dataset["max_base"] = n
    config.check()
    dataset, codec, partition = fitted(config)
    assert partition.lists == min(n, lists)
    searcher, codes = searcher_of(config, dataset, codec, partition)
    actors = shards_of(config, codec, n, partition)
    starts = cuts(n, shards)
    np.testing.assert_array_equal(
        np.concatenate([a.codes(np.arange(*e)) for a, e in zip(actors, itertools.pairwise(starts))]), codes
    )
    for probes in {1, 3, partition.lists}:
        one = searcher.probing(min(probes, partition.lists))
        for queries in (dataset.queries, dataset.queries[:1]):
            for k in (1, 10, 400):
                found = merge([actor.search(queries, k, probes) for actor in actors], k, one.descending)
                check_alike(found, one.search(queries, k + 1), k)


def test_lists_over_shards_are_counted_once_for_each(base):
    config = config_of(base, "transform_coding", shards=3, lists=16, residual=False, ids="packed")
    dataset, codec, partition = fitted(config)
    searcher, _ = searcher_of(config, dataset, codec, partition)
    said = [shard.scan() for shard in shards_of(config, codec, 3001, partition)]
    np.testing.assert_array_equal(sum(each["counts"] for each in said), np.diff(searcher._offsets))
    assert [each["ids_nbytes"] for each in said] == [1250, 1250, 1252]  # ten bits for a thousand rows, not twelve
    assert {name: 3 * size for name, size in searcher.parts.items()} == {
        name: sum(each["parts"][name] for each in said) for name in searcher.parts
    }


class RayHere:
    """What shards ask of Ray, in this process; ``calls`` has the names of methods of actors that were called."""

    def __init__(self):
        self.calls, self.actors = [], []

    def remote(self, **_):
        return lambda cls: SimpleNamespace(remote=lambda *given: self._started(lambda: cls(*given)))

    def _started(self, make):
        self.actors.append(ActorHere(self, make))
        return self.actors[-1]

    def cluster_resources(self):
        return {"CPU": 16}

    def put(self, value):
        return value

    def get(self, values):
        return values

    def wait(self, refs):
        return refs, []

    def shutdown(self):
        pass


class ActorHere:
    def __init__(self, ray, make):
        self.ray, self.make, self.lost = ray, make, make()

    def lose(self):
        self.lost = self.make()

    def __getattr__(self, name):
        def call(*given):
            self.ray.calls.append(name)
            return getattr(self.lost, name)(*given)

        return SimpleNamespace(remote=call)


REORDERED = [
    ("rabitq", "l2", "float16", {}),
    ("sign", "cosine", "disk", {}),  # whose scores are many times the same
    ("transform_coding", "ip", "int8", {}),
    ("transform_coding", "cosine", "float32", {"residual": False}),
    ("rabitq", "ip", "int8", {"residual": False}),
    ("transform_coding", "l2", "disk", {"residual": True}),
    ("transform_coding", "cosine", "disk", {"residual": True}),  # whose codes are of the inner product
]


@pytest.mark.thorough
@pytest.mark.parametrize(("method", "metric", "rescore", "index"), REORDERED)
def test_candidates_of_all_shards_are_reordered_as_on_one_machine(base, tmp_path, method, metric, rescore, index):
    config = config_of(base, method, metric, **({"lists": 16, "ids": "packed"} if index else {}), **index)
    dataset, codec, lists = fitted(config)
    config = replace(config, rescore=rescore)
    one, _ = searcher_of(config, dataset, codec, lists)
    _, store_codec, _ = (indexed if config.has_index else dense).configure(config, dataset, 1_000)
    vectors = dataset.base.read(0, 3001)
    codes = None if store_codec is None else store_codec.fit(vectors, 0).encode(vectors)
    store = dense.finer_store(codec, store_codec, codes, dataset, tmp_path, Measurement({}))
    ray = RayHere()
    shards = Shards(ray, config, codec, sharded._saved(codec, lists, store_codec, tmp_path), 3001)
    searcher, sharded_store = shards.searcher(), shards.store(store_codec)
    assert (sharded_store.memory_bytes, sharded_store.disk_bytes) == (store.memory_bytes, store.disk_bytes)
    if codes is not None:
        np.testing.assert_array_equal(shards._stored(np.arange(3001)), codes)
    for probes in (1, 3, 16) if index else (None,):
        whole, parts = (each if probes is None else each.probing(probes) for each in (one, searcher))
        whole, parts = RescoredSearcher(whole, store, 4, codec), RescoredSearcher(parts, sharded_store, 4, codec)
        for queries, k in itertools.product((dataset.queries, dataset.queries[:1]), (1, 10, 1_000)):
            ray.actors[k % 3].lose()
            (scores, ids), (same_scores, same_ids) = whole.search(queries, k), parts.search(queries, k)
            np.testing.assert_array_equal(same_ids, ids)
            np.testing.assert_array_equal(same_scores, scores)


def test_a_batch_asks_each_shard_once_for_what_it_stores(base, tmp_path):
    config = replace(config_of(base, "sign"), rescore="disk")
    dataset, codec, _ = fitted(config)
    ray = RayHere()
    shards = Shards(ray, config, codec, sharded._saved(codec, None, None, tmp_path), 3001)
    searcher = RescoredSearcher(shards.searcher(), shards.store(None), 4, codec)
    ray.calls.clear()
    searcher.search(dataset.queries, 10)
    assert (ray.calls.count("search"), ray.calls.count("stored")) == (3, 3)
    assert (searcher.store.reads, searcher.store.read_bytes) == (40 * 40, 40 * 40 * 4 * 24)


@pytest.mark.parametrize("rescore", ["int8", "disk"])
@pytest.mark.parametrize("index", [{}, {"lists": 8, "probes": [1, 2], "residual": False}], ids=["scanned", "in lists"])
def test_a_reordered_run_is_that_of_one_machine(base, monkeypatch, tmp_path, rescore, index):
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    for room in ("tracks.dense", "cluster.cuts", "cluster.shards"):
        monkeypatch.setattr(f"bench.{room}.BLOCK", 1_200)  # that of rows 1,200 to 2,400 is of two shards
    config = replace(config_of(base, "rabitq", "cosine", **index), rescore=rescore, latency_s=0.01)
    dataset = load_dataset(config)
    size = 12 + (24 if rescore == "int8" else 0)
    (tmp_path / "one").mkdir()
    one = (indexed if index else dense).measure(replace(config, shards=1), dataset, size, tmp_path / "one")
    monkeypatch.setattr(sharded, "connect", lambda *_: RayHere())
    other = sharded.measure(config, dataset, size, tmp_path)
    np.testing.assert_array_equal(other.arrays["ids"], one.arrays["ids"])
    np.testing.assert_array_equal(other.arrays["scores"], one.arrays["scores"])
    assert other.quality == one.quality
    for name in ("code", "code_total", "rescore_memory", "rescore_disk"):
        assert getattr(other.bytes, name) == getattr(one.bytes, name)
    assert other.bytes.parts_total == 3 * one.bytes.parts_total
    assert other.bytes.parts.keys() == one.bytes.parts.keys()
    assert all(shard["store_s"] > 0 for shard in other.shards)
    if index:
        for point, same in zip(other.index.points, one.index.points, strict=True):
            assert (point.probes, point.scanned, point.quality) == (same.probes, same.scanned, same.quality)
    if rescore == "disk":
        assert (other.disk.reads, other.disk.bytes) == (one.disk.reads, one.disk.bytes) == (40, 40 * 4 * 24)
        assert other.disk.not_measured == "the files are on the nodes of shards"


def test_shards_are_cut_between_blocks_where_each_has_one():
    assert cuts(550, 2).tolist() == [0, 275, 550]
    assert cuts(BLOCK * 5 - 7, 2).tolist() == [0, 2 * BLOCK, 5 * BLOCK - 7]
    assert BLOCK == dense.BLOCK  # codes of a block are those of one machine
    for rows, shards in ((BLOCK * 3, 3), (BLOCK * 3 + 1, 3), (10**6, 61), (10**9, 64)):
        edges = cuts(rows, shards)
        assert (edges[0], edges[-1], len(edges)) == (0, rows, shards + 1)
        assert (np.diff(edges) >= BLOCK // 2).all()
        assert not (edges[:-1] % BLOCK).any()


def test_padding_comes_last_and_equal_scores_by_id():
    scores = np.array([[3.0, -np.inf]], np.float32), np.array([[3.0, 2.0]], np.float32)
    ids = np.array([[7, -1]]), np.array([[4, 9]])
    merged_scores, merged_ids = merge(list(zip(scores, ids)), 4, descending=True)
    assert merged_ids.tolist() == [[4, 7, 9, -1]]
    assert merged_scores.tolist() == [[3.0, 3.0, 2.0, -np.inf]]


@pytest.mark.parametrize("metric", ["l2", "ip", "cosine"])
def test_exact_neighbors_are_those_of_one_machine(base, metric):
    config = config_of(base, "int8", metric)
    dataset, codec, _ = fitted(config)
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
            ["engine=ray", "scenario=drift"],
            "engine=ray measures searches of one base, one run at a time; leave out scenario=",
        ),
        (["engine=ray", "index=hnsw"], "index=hnsw over shards would be a graph for each"),
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
