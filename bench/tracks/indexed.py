"""The dense track with ``index=ivf`` or ``index=hnsw``: a query visits some of the codes.

One run measures the whole curve of recall against time. Its last point visits all codes, so that what the code loses
and what the index loses are two numbers. The record's own quality and latency are those of the cheapest point that
loses at most :data:`LOSS` of recall@10 to the index.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.cluster.cuts import cuts
from bench.config import RunConfig
from bench.datasets import GroundTruth, RaggedDataset, ground_truth
from bench.datasets.base import Dataset
from bench.errors import UsageError
from bench.execution import turns
from bench.index_options import HNSW
from bench.measure import latency, quality
from bench.measure.at_rest import codes_at_rest, sampled_rows
from bench.measure.repeats import groups_of
from bench.measure.statistics import bootstrap_means
from bench.records import Bytes
from bench.records.index_info import IndexInfo, OperatingPoint
from bench.tracks import dense
from bench.tracks.index_kinds import Graph, Kind, Lists, list_count
from bench.tracks.measurement import (
    RECALL_AT,
    TRUTH_K,
    JudgedSample,
    Measurement,
    check_budget,
    judged_neighbors,
    measure_search,
    ratios,
)
from methods import Codec
from methods.compose import rescored
from methods.errors import BudgetError
from methods.index import check_graph, codec_metric, id_bits

LOSS = 0.01
_POINT_S = 5.0  # of single queries, for each point
_ALL = 0.5  # share of the codes: a graph that visits more takes longer than a scan
_ENOUGH = 0.001  # of recall@10 behind all lists: further probes are not measured unless they are requested


def code_bytes_left(config: RunConfig, n: int, code_bytes: int) -> int:
    """Bytes that a code may take: with ``index.budget=all``, what the id of each vector leaves.

    In shards an id is a number of the shard's own rows.
    """
    if config.index.get("budget") != "all":
        return code_bytes
    rows = int(np.diff(cuts(n, config.shards)).max())
    return code_bytes - math.ceil(id_bits(rows, config.index["ids"], list_count(config.index, n)) / 8)


def configure(config: RunConfig, dataset: Dataset, code_bytes: int) -> tuple[Codec, Codec | None, int]:
    """As :func:`bench.tracks.dense.configure`; the codec's metric is that of residuals where it codes these."""
    residual = config.index.get("residual", False)
    left = code_bytes_left(config, dataset.base.shape[0], code_bytes)
    if left < 1:
        raise BudgetError(f"{config.method['name']} with an id", code_bytes, code_bytes - left + 1)
    if residual and config.rescore in rescored.MEMORY_STORES:
        raise UsageError(f"rescore={config.rescore} stores vectors, not residuals; use index.residual=false, or disk")
    codec, store_codec, size = dense.configure(config, dataset, left, codec_metric(dataset.metric, residual))
    if config.index["name"] == HNSW:
        check_graph(codec)
    return codec, store_codec, size


def measure(config: RunConfig, dataset: Dataset, code_bytes: int, work: Path) -> Measurement:
    """One run.

    Parameters
    ----------
    config : RunConfig
    dataset : Dataset
        Its ground truth is in the cache.
    code_bytes : int
        The budget of a code, or of a code and its id.
    work : Path
        Folder for what the run keeps on disk.
    """
    n = dataset.base.shape[0]
    codec, store_codec, size = configure(config, dataset, code_bytes)
    left = code_bytes_left(config, n, code_bytes)
    run = Measurement(codec.params())
    check_budget(size, left, "a code")
    with run.timed("load"):
        train = dense.training_vectors(dataset, config.train_size, config.seed)
    kind = (Graph if config.index["name"] == HNSW else Lists)(config, dataset, train, run)
    with run.timed("fit"):
        dense.fit(config, codec, kind.coded(train), dataset)
        if store_codec is not None:
            store_codec.fit(train, config.seed)
    del train
    codes, store_codes = dense.encode(dataset.base, codec, store_codec, run, kind.next_block)
    neighbors = neighbors_to_judge(config, dataset)
    sample = JudgedSample(neighbors, codec.searcher(codes[neighbors]))
    run.at_rest = codes_at_rest(codes[sampled_rows(n, codec.code_size, config.seed)])
    kind.build(codec, codes)
    del codes
    run.bytes = with_index(dense.count_bytes(codec, store_codec, kind.at(1), dataset, config.rescore), kind)
    dense.check_resident(run.bytes, n, left)
    stored = size + (kind.ids_nbytes + kind.links_nbytes) / max(1, n)
    run.ratio = ratios(n, 4 * dataset.dim, stored, run.bytes.parts_total)
    store = None
    if config.rescore is not None:
        store = dense.finer_store(codec, store_codec, store_codes, dataset, work, run)
    del store_codes

    def searcher(effort: int) -> latency.AnySearcher:
        some = kind.at(effort)
        return some if store is None else rescored.RescoredSearcher(some, store, config.rescore_factor, codec)

    run.index = measure_curve(config, dataset, kind, searcher, run)
    measure_search(config, dataset, searcher(run.index.probes), sample, dense.recall_judge, run)
    return run


def neighbors_to_judge(config: RunConfig, dataset: Dataset) -> np.ndarray:
    """As :func:`judged_neighbors`; none of residuals, whose scores lack the centroids' share."""
    return np.empty(0, np.int64) if config.index.get("residual") else judged_neighbors(dataset)


def measure_curve(
    config: RunConfig, dataset: Dataset, kind: Kind, searcher: Callable[[int], latency.AnySearcher], run: Measurement
) -> IndexInfo:
    """The curve of an index over vectors, and what a record says of it."""
    points = curve(config, dataset, kind, searcher, dense.recall_judge, run)
    return IndexInfo(
        kind=config.index["name"],
        probes=cheapest(points).probes,
        points=points,
        ids_bytes=kind.ids_nbytes,
        links_bytes=kind.links_nbytes,
        **kind.described(),
    )


def with_index(counted: Bytes, kind: Kind) -> Bytes:
    """As the track counted, and ids, links and what the index stores once."""
    parts = counted.parts | {f"index.{name}": size for name, size in kind.parts.items()}
    return dataclasses.replace(
        counted,
        parts=parts,
        parts_total=sum(parts.values()),
        searcher=counted.searcher - kind.ids_nbytes - kind.links_nbytes,
        ids=kind.ids_nbytes,
        links=kind.links_nbytes,
    )


def curve(
    config: RunConfig,
    dataset: Dataset | RaggedDataset,
    kind: Kind,
    searcher: Callable[[int], latency.AnySearcher],
    recall_judge: Callable[[Any, GroundTruth], quality.RecallJudge],
    run: Measurement,
) -> list[OperatingPoint]:
    """Operating points by ascending effort; the one that visits all codes last."""
    judge, most = recall_judge(dataset, ground_truth(dataset, TRUTH_K)), kind.most
    wanted, requested = config.index[kind.option], True
    if wanted == "auto":
        wanted, requested = [kind.least << step for step in range(most.bit_length())], False
    last = _point(config, dataset, kind, searcher, most, judge, run)
    points: list[OperatingPoint] = []
    for effort in sorted({min(int(count), most) for count in wanted} - {most}):
        points.append(_point(config, dataset, kind, searcher, effort, judge, run))
        if not requested and (_lost(last, points[-1]) <= _ENOUGH or points[-1].scanned > _ALL):
            break
    return [*points, last]


def cheapest(points: list[OperatingPoint]) -> OperatingPoint:
    """The first that loses at most :data:`LOSS` of recall@10 to the index."""
    return next(point for point in points if _lost(points[-1], point) <= LOSS)


def _lost(every: OperatingPoint, point: OperatingPoint) -> float:
    """Recall@10 that is lost to the index at ``point``; ``every`` visits all lists."""
    return every.quality["recall@10"].value - point.quality["recall@10"].value


def _point(
    config: RunConfig,
    dataset: Dataset | RaggedDataset,
    kind: Kind,
    searcher: Callable[[int], latency.AnySearcher],
    effort: int,
    judge: quality.RecallJudge,
    run: Measurement,
) -> OperatingPoint:
    queries: Any = dataset.queries
    k, search = config.k, searcher(effort)
    with run.timed("curve", f"{effort} of {kind.most} {kind.counted}"), turns.alone():
        latency.warm_up(search, queries, k)
        single = latency.time_single_queries(search, queries, k, min(config.latency_s, _POINT_S))
        seconds, (_, ids) = latency.time_batches(lambda: search.search(queries, k))
    with run.timed("judge_curve"):
        ids_at = {n: ids if n == k else search.search(queries, n)[1] for n in RECALL_AT}
        recalls = {f"recall@{n}": judge.judge(ids_at[n]).recall(n) for n in RECALL_AT}
        scanned = kind.visited_share(effort, queries)
    return OperatingPoint(
        probes=effort,
        scanned=scanned,
        quality=bootstrap_means(recalls, config.seed, groups=groups_of(queries, dataset.metric)),
        latency_ms=single.percentiles(),
        latency_queries=len(single.milliseconds),
        queries_per_s=len(queries) / seconds,
    )
