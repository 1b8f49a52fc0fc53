"""The dense track with ``engine=ray``: one base in shards on several nodes, of which a search scans all codes or lists.

The codec is fitted here, on what one machine fits it on, and so are the centroids of ``index=ivf``: every shard has all
lists, of which it holds its own rows, and a query probes the same ones everywhere. With ``rescore`` the best
candidates of all shards are re-ordered here, from what their shards store of them. Ids and scores are those of one
machine.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from bench.cluster.ray_connection import connect
from bench.cluster.shards import Files, ShardedSearcher, Shards
from bench.config import RunConfig
from bench.datasets.base import Dataset
from bench.datasets.exact import merged
from bench.datasets.parts import truth_path
from bench.datasets.truth import keep
from bench.measure import quality
from bench.measure.at_rest import codes_at_rest, sampled_rows
from bench.measure.statistics import bootstrap_means
from bench.tracks import dense, indexed
from bench.tracks.index_kinds import LearnedLists, lists_described
from bench.tracks.measurement import (
    TRUTH_K,
    JudgedSample,
    Measurement,
    check_budget,
    measure_search,
    ratios,
)
from methods import Codec, Searcher
from methods.compose.rescored import RescoredSearcher


def measure(config: RunConfig, dataset: Dataset, code_bytes: int, work: Path) -> Measurement:
    """One run.

    Parameters
    ----------
    config : RunConfig
    dataset : Dataset
        The nodes read its files too.
    code_bytes : int
        The budget of a code.
    work : Path
        Folder for what is fitted, which the nodes read.

    Raises
    ------
    UsageError
        No cluster answers, or it has too few processors.
    """
    n = dataset.base.shape[0]
    codec, store_codec, size = (indexed if config.has_index else dense).configure(config, dataset, code_bytes)
    left = indexed.code_bytes_left(config, n, code_bytes)
    run = Measurement(codec.params())
    check_budget(size, left, "a code")
    ray = connect("engine=ray", config.engine.get("address"))
    try:
        with run.timed("load"):
            train = dense.training_vectors(dataset, config.train_size, config.seed)
        lists = ShardedLists(config, dataset, train, run) if config.has_index else None
        with run.timed("fit"):
            dense.fit(config, codec, train if lists is None else lists.coded(train), dataset)
            if store_codec is not None:
                store_codec.fit(train, config.seed)
        del train
        with run.timed("build"):
            shards = Shards(ray, config, codec, _saved(codec, lists, store_codec, work.absolute()), n)
        if not truth_path(dataset).exists():
            with run.timed("truth"):
                keep(merged(shards.truth(min(TRUTH_K, n)), min(TRUTH_K, n), dataset.metric), dataset)
        with run.timed("encode"):
            shards.encode()
        run.throughput = {"encode_vectors_per_s": n / max(run.seconds["encode"], 1e-9)}
        neighbors = indexed.neighbors_to_judge(config, dataset)
        sample = JudgedSample(neighbors, codec.searcher(shards.codes(neighbors)))
        run.at_rest = codes_at_rest(shards.codes(sampled_rows(n, codec.code_size, config.seed)))
        with run.timed("build"):
            searcher = shards.searcher()
        counted = dense.count_bytes(codec, store_codec, searcher, dataset, config.rescore)
        copies = {name: config.shards * size for name, size in counted.parts.items()}  # each shard has its own
        run.bytes = dataclasses.replace(counted, parts=copies, parts_total=sum(copies.values()))
        if lists is not None:
            lists.build(searcher)
            run.bytes = indexed.with_index(run.bytes, lists)
        dense.check_resident(run.bytes, n, left, config.shards)
        run.ratio = ratios(n, 4 * dataset.dim, size + (run.bytes.ids or 0) / n, run.bytes.parts_total)
        store = None
        if config.rescore is not None:
            with run.timed("build_disk" if store_codec is None else "encode_rescore"):
                store = shards.store(store_codec)

        def reordered(some: ShardedSearcher) -> Searcher:
            return some if store is None else RescoredSearcher(some, store, config.rescore_factor, codec)

        if lists is not None:
            run.index = indexed.measure_curve(config, dataset, lists, lambda probes: reordered(lists.at(probes)), run)
            searcher = lists.at(run.index.probes)
        measure_search(config, dataset, reordered(searcher), sample, dense.recall_judge, run)
        run.shards = shards.about()
        if codec.decodable and lists is None:
            rows = dense.judged_rows(n, config.seed)
            errors = quality.reconstruction_error(codec, shards.codes(rows), dataset.base.take(rows))
            run.quality |= bootstrap_means({"reconstruction_error": errors}, config.seed)
    finally:
        ray.shutdown()
    return run


def _saved(codec: Codec, lists: ShardedLists | None, store_codec: Codec | None, work: Path) -> Files:
    """What was fitted, in ``work``."""
    return Files(
        codec.save(work / "codec"),
        None if lists is None else lists.save(work / "lists.npz"),
        None if store_codec is None else store_codec.save(work / "store"),
    )


class ShardedLists(LearnedLists):
    """``index=ivf`` over a base in shards; a :class:`~bench.tracks.index_kinds.Kind`.

    Ids, centroids and offsets are counted once for each shard, which has its own.
    """

    def save(self, path: Path) -> Path:
        """Write the centroids where the nodes read them."""
        return self._partition.save(path)

    def build(self, searcher: ShardedSearcher) -> None:
        """Keep the ``searcher`` of all shards, which have built theirs."""
        self._searcher, scans = searcher, searcher.scans
        self._counts = sum(scan["counts"] for scan in scans)
        self.ids_nbytes = sum(scan["ids_nbytes"] for scan in scans)
        self.parts = {name: sum(scan["parts"][name] for scan in scans) for name in scans[0]["parts"]}

    def at(self, effort: int) -> ShardedSearcher:
        """A search of so many lists."""
        return self._searcher.probing(effort)

    def visited_share(self, effort: int, queries: np.ndarray) -> float:
        lists = self._partition.nearest(self._partition.prepared(queries), effort)
        return float(self._counts[lists].sum(axis=1).mean() / max(1, self._n))

    def described(self) -> dict[str, Any]:
        """Of the record's :class:`~bench.records.index_info.IndexInfo`."""
        return lists_described(self._options, self._counts)
