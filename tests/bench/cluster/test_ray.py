"""Sweeps on a real Ray of several nodes, started here: ``make test-cluster``."""

import importlib.util
from dataclasses import replace

import numpy as np
import psutil
import pytest

from bench import records
from bench.cluster.ray_connection import connect
from bench.cluster.shards import Files, Shards
from bench.config import RunConfig
from bench.execution.data import load_dataset
from bench.tracks import dense
from bench.tracks.measurement import Measurement
from methods.compose.rescored import RescoredSearcher

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.integration,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="no ray; pip install -e '.[ray]'"),
]


@pytest.fixture
def ray_cluster(monkeypatch, tmp_path):
    """A head and two nodes of a processor each."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("ACME_FOLDER", str(tmp_path))
    small = {"object_store_memory": 100 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    for _ in range(2):
        cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
    yield cluster
    cluster.shutdown()


def node_of(cluster, pid):
    """The node that a process belongs to."""
    above = {process.pid for process in psutil.Process(pid).parents()}
    return next(node for node in cluster.worker_nodes if above & {each.process.pid for each in raylets(node)})


def raylets(node):
    return node.all_processes["raylet"]


@pytest.fixture
def sweep(ray_cluster, waiting):
    return waiting("hydra/launcher=isolated_ray", env={"RAY_ADDRESS": ray_cluster.address})


def test_a_node_killed_in_mid_sweep_loses_nothing(sweep, ray_cluster, eventually):
    process = sweep.start([0, 1, 2])
    assert eventually(lambda: len(sweep.begun()) == 2)
    claim = sweep.claims()[0]
    assert claim["job"].startswith("ray ")
    ray_cluster.remove_node(node_of(ray_cluster, claim["pid"]), allow_graceful=False)
    assert eventually(lambda: not psutil.pid_exists(claim["pid"]))
    sweep.let_go(0, 1, 2)
    out = process.communicate(timeout=180)[0]
    assert process.returncode == 0, out
    assert sweep.statuses() == dict.fromkeys(range(3), "ok")
    assert len(sweep.begun()) == 4  # the lost one twice
    assert sorted({*sweep.begun()}) == [0, 1, 2]

    again = sweep.start([0, 1, 2])
    out = again.communicate(timeout=180)[0]
    assert "3 of them measured before" in out
    assert len(sweep.begun()) == 4


def test_ctrl_c_ends_the_tasks(sweep, eventually):
    process = sweep.start([0, 1])
    assert eventually(lambda: len(sweep.begun()) == 2)
    pids = [claim["pid"] for claim in sweep.claims()]
    process.send_signal(2)
    assert process.wait(timeout=60) == 130
    assert eventually(lambda: not any(map(psutil.pid_exists, pids)), 60)
    assert sweep.statuses() == {}


def test_more_processors_than_a_node_has_are_refused(sweep):
    sweep.options.append("hydra.launcher.cpus_per_task=3")
    process = sweep.start([0])
    assert "hydra.launcher.cpus_per_task=3 is more than a node has; use at most 1" in process.communicate(timeout=60)[0]
    assert process.returncode == 2


INDEX = ["index=ivf", "index.lists=9", "index.probes=[1,4]", "index.residual=true"]


@pytest.mark.parametrize(
    ("index", "rescore"),
    [([], None), (INDEX, None), ([], "int8"), (INDEX, "disk")],
    ids=["scanned", "in lists", "scanned and re-ordered", "in lists and re-ordered"],
)
def test_a_base_in_shards_is_searched_whole_though_a_node_is_killed(ray_cluster, sweep, eventually, index, rescore):
    sweep.method, sweep.launcher = "acme_waits_encoding", ["engine=ray", "shards=2"]
    sweep.options += index
    if rescore is not None:
        sweep.options = [*(each for each in sweep.options if each != "budget=8x"), "budget=2x", f"rescore={rescore}"]
    process = sweep.start([0])
    assert eventually(lambda: sweep.begun() == [100, 100])
    node = ray_cluster.worker_nodes.copy().pop()
    ray_cluster.add_node(num_cpus=1, object_store_memory=100 << 20)  # a spare one
    ray_cluster.remove_node(node, allow_graceful=False)
    assert eventually(lambda: sweep.begun() == [100, 100, 100])  # Ray has started the shard anew
    sweep.let_go(100)
    out = process.communicate(timeout=180)[0]
    assert process.returncode == 0, out

    sweep.launcher = []
    out = sweep.start([0]).communicate(timeout=180)[0]
    one, other = sorted(records.find([sweep.results / "runs"]), key=lambda record: record.shards is not None)
    assert [(shard["start"], shard["stop"]) for shard in other.shards] == [(0, 275), (275, 550)]
    assert all(shard["cpu"] == one.environment["cpu"] for shard in other.shards)
    (a, b) = (records.read_queries(folder) for folder in folders_of(sweep.results, one, other))
    np.testing.assert_array_equal(a["ids"], b["ids"])
    np.testing.assert_allclose(a["scores"], b["scores"], rtol=1e-5)
    assert one.quality["recall@10"] == other.quality["recall@10"]
    assert one.quality.get("reconstruction_error") == other.quality.get("reconstruction_error")
    assert other.bytes.code_total == one.bytes.code_total
    assert (other.bytes.rescore_memory, other.bytes.rescore_disk) == (one.bytes.rescore_memory, one.bytes.rescore_disk)
    assert other.bytes.parts_total == 2 * one.bytes.parts_total  # each node has its own
    if index:
        assert (one.bytes.ids, other.bytes.ids) == (-(-550 * 10 // 8), 2 * -(-275 * 9 // 8))
        assert (other.index.lists, other.index.largest_list) == (one.index.lists, one.index.largest_list)
        assert [point.probes for point in other.index.points] == [1, 4, 9]
        for point, same in zip(one.index.points, other.index.points, strict=True):
            assert (point.probes, point.scanned, point.quality) == (same.probes, same.scanned, same.quality)
        assert all(shard["assign_s"] > 0 for shard in other.shards)


@pytest.mark.parametrize("rescore", ["float16", "disk"])
def test_a_store_in_shards_is_made_anew_where_a_node_is_killed(ray_cluster, vectors, tmp_path, rescore):
    data = {"name": "path", "base": str(vectors), "holdout": 50}
    config = RunConfig(method={"name": "sign"}, dataset=data, engine={"name": "ray"}, shards=2, rescore=rescore)
    dataset = load_dataset(config)
    codec, store_codec, _ = dense.configure(config, dataset, 2 + (32 if rescore == "float16" else 0))
    train = dense.training_vectors(dataset, 600, 0)
    codec.fit(train)
    files = Files(codec.save(tmp_path / "codec"), None, store_codec and store_codec.fit(train).save(tmp_path / "store"))
    run = Measurement({})
    codes, store_codes = dense.encode(dataset.base, codec, store_codec, run)
    store = dense.finer_store(codec, store_codec, store_codes, dataset, tmp_path, run)
    expected = RescoredSearcher(codec.searcher(codes), store, 4, codec).search(dataset.queries, 10)
    ray = connect("engine=ray", ray_cluster.address)
    try:
        shards = Shards(ray, replace(config, results=str(tmp_path)), codec, files, dataset.base.shape[0])
        searcher = RescoredSearcher(shards.searcher(), shards.store(store_codec), 4, codec)
        answers = [searcher.search(dataset.queries, 10)]
        node = ray_cluster.worker_nodes.copy().pop()
        ray_cluster.add_node(num_cpus=1, object_store_memory=100 << 20)  # a spare one
        ray_cluster.remove_node(node, allow_graceful=False)
        answers.append(searcher.search(dataset.queries, 10))
    finally:
        ray.shutdown()
    for scores, ids in answers:
        np.testing.assert_array_equal(ids, expected[1])
        np.testing.assert_allclose(scores, expected[0], rtol=1e-6)


def folders_of(results, *runs):
    return [next(results.rglob(f"{run.key}/record.json")).parent for run in runs]
