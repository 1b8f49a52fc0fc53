"""The dense track with ``index=ivf``: codes in lists, of which a query visits some.

One run measures the whole curve of recall against time. Its last point visits all lists, so that what the code loses
and what the index loses are two numbers. The record's own quality and latency are those of the cheapest point that
loses at most :data:`LOSS` of recall@10 to the index.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from bench.config import RunConfig
from bench.datasets import ground_truth
from bench.datasets.base import Dataset
from bench.errors import UsageError
from bench.execution import turns
from bench.measure import latency, quality
from bench.measure.repeats import groups_of
from bench.measure.statistics import bootstrap_means
from bench.records import Bytes
from bench.records.index_info import IndexInfo, OperatingPoint
from bench.tracks import dense
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
from methods.index import IVFSearcher, Partition, codec_metric, default_lists, id_bits

LOSS = 0.01
_POINT_S = 5.0  # of single queries, for each point
_ENOUGH = 0.001  # of recall@10 behind all lists: further probes are not measured unless they are requested


def code_bytes_left(config: RunConfig, n: int, code_bytes: int) -> int:
    """Bytes that a code may take: with ``index.budget=all``, what the id of each vector leaves."""
    if config.index["budget"] != "all":
        return code_bytes
    return code_bytes - -(-id_bits(n, config.index["ids"]) // 8)


def configure(config: RunConfig, dataset: Dataset, code_bytes: int) -> tuple[Codec, Codec | None, int]:
    """As :func:`bench.tracks.dense.configure`; the codec's metric is that of residuals where it codes these."""
    residual = config.index["residual"]
    left = code_bytes_left(config, dataset.base.shape[0], code_bytes)
    if left < 1:
        raise BudgetError(f"{config.method['name']} with an id", code_bytes, code_bytes - left + 1)
    if residual and config.rescore in rescored.MEMORY_STORES:
        raise UsageError(f"rescore={config.rescore} stores vectors, not residuals; use index.residual=false, or disk")
    return dense.configure(config, dataset, left, codec_metric(dataset.metric, residual))


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
    n, residual = dataset.base.shape[0], config.index["residual"]
    codec, store_codec, size = configure(config, dataset, code_bytes)
    left = code_bytes_left(config, n, code_bytes)
    run = Measurement(codec.params())
    check_budget(size, left, "a code")
    with run.timed("load"):
        train = dense.training_vectors(dataset, config.train_size, config.seed)
    with run.timed("fit_lists"):
        lists = default_lists(n) if config.index["lists"] == "auto" else config.index["lists"]
        partition = Partition(dataset.dim, dataset.metric, lists).fit(train, config.seed)
    with run.timed("fit"):
        codec.fit(partition.residuals(train, partition.assign(train)) if residual else train, config.seed)
        if store_codec is not None:
            store_codec.fit(train, config.seed)
    del train
    assigned = np.empty(n, np.int32)

    def listed(start: int, vectors: np.ndarray) -> np.ndarray:
        block = slice(start, start + len(vectors))
        with run.timed("assign", f"{start:,} of {n:,}"):
            assigned[block] = partition.assign(vectors)
            return partition.residuals(vectors, assigned[block]) if residual else vectors

    codes, store_codes = dense.encode(dataset.base, codec, store_codec, run, listed)
    neighbors = np.empty(0, np.int64) if residual else judged_neighbors(dataset)  # scores lack the centroids' share
    sample = JudgedSample(neighbors, codec.searcher(codes[neighbors]))
    with run.timed("build"):
        settings = {"residual": residual, "ids": config.index["ids"]}
        index = IVFSearcher(codec, codes, partition, assigned, overwrite_codes=True, **settings)
    del codes
    run.bytes = _count_bytes(codec, store_codec, index, dataset, config.rescore)
    dense.check_resident(run.bytes, n, left)
    run.ratio = ratios(n, 4 * dataset.dim, size + index.ids_nbytes / max(1, n), run.bytes.parts_total)
    store = None
    if config.rescore is not None:
        store = dense.finer_store(store_codec, store_codes, dataset, work, run)
    del store_codes

    def searcher(probes: int) -> latency.AnySearcher:
        probing = index.probing(probes)
        return probing if store is None else rescored.RescoredSearcher(probing, store, config.rescore_factor)

    points = _curve(config, dataset, index, searcher, run)
    chosen = next(point for point in points if _lost(points[-1], point) <= LOSS)
    counts = np.bincount(assigned, minlength=partition.lists)
    run.index = IndexInfo(
        kind=config.index["name"],
        lists=partition.lists,
        largest_list=int(counts.max(initial=0)),
        empty_lists=int((counts == 0).sum()),
        residual=residual,
        ids=config.index["ids"],
        ids_bytes=index.ids_nbytes,
        probes=chosen.probes,
        points=points,
    )
    measure_search(config, dataset, searcher(chosen.probes), sample, dense.recall_judge, run)
    return run


def _count_bytes(
    codec: Codec, store_codec: Codec | None, index: IVFSearcher, dataset: Dataset, rescore: str | None
) -> Bytes:
    """As the dense track counts, and ids, centroids and offsets of the lists."""
    counted = dense.count_bytes(codec, store_codec, index, dataset, rescore)
    parts = counted.parts | {f"index.{name}": size for name, size in index.parts.items()}
    return dataclasses.replace(
        counted,
        parts=parts,
        parts_total=sum(parts.values()),
        searcher=counted.searcher - index.ids_nbytes,
        ids=index.ids_nbytes,
    )


def _curve(
    config: RunConfig, dataset: Dataset, index: IVFSearcher, searcher: Any, run: Measurement
) -> list[OperatingPoint]:
    """Operating points by ascending probes; all lists last."""
    truth, every = ground_truth(dataset, TRUTH_K), index.partition.lists
    judge = dense.recall_judge(dataset, truth)
    wanted, requested = config.index["probes"], True
    if wanted == "auto":
        wanted, requested = [2**step for step in range(every.bit_length())], False
    probes = sorted({min(int(count), every) for count in wanted} - {every})
    last = _point(config, dataset, index, searcher, every, judge, run)
    points = []
    for count in probes:
        points.append(_point(config, dataset, index, searcher, count, judge, run))
        if not requested and _lost(last, points[-1]) <= _ENOUGH:
            break
    return [*points, last]


def _lost(every: OperatingPoint, point: OperatingPoint) -> float:
    """Recall@10 that is lost to the index at ``point``; ``every`` visits all lists."""
    return every.quality["recall@10"].value - point.quality["recall@10"].value


def _point(
    config: RunConfig,
    dataset: Dataset,
    index: IVFSearcher,
    searcher: Any,
    probes: int,
    judge: quality.RecallJudge,
    run: Measurement,
) -> OperatingPoint:
    queries, k, search = dataset.queries, config.k, searcher(probes)
    with run.timed("curve", f"{probes} of {index.partition.lists} lists"), turns.alone():
        latency.warm_up(search, queries, k)
        single = latency.time_single_queries(search, queries, k, min(config.latency_s, _POINT_S))
        seconds, (_, ids) = latency.time_batches(lambda: search.search(queries, k))
    with run.timed("judge_curve"):
        ids_at = {n: ids if n == k else search.search(queries, n)[1] for n in RECALL_AT}
        recalls = {f"recall@{n}": judge.judge(ids_at[n]).recall(n) for n in RECALL_AT}
        scanned = index.probing(probes).visited_share(queries)
    return OperatingPoint(
        probes=probes,
        scanned=scanned,
        quality=bootstrap_means(recalls, config.seed, groups=groups_of(queries, dataset.metric)),
        latency_ms=single.percentiles(),
        latency_queries=len(single.milliseconds),
        queries_per_s=len(queries) / seconds,
    )
