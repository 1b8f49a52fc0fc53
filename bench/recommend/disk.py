"""What an order by full vectors on disk would add (``rescore=disk``): recall, reads, bytes, latency cold and warm.

No method is fitted again for it: a run left the 100 best ids of every query behind, whose first ones are the candidates
that re-ranking takes. They are re-ranked here, from the file of the sample, by the very code of a run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench import records
from bench.config import RunConfig
from bench.datasets import Dataset, ground_truth
from bench.errors import UsageError
from bench.execution import runner
from bench.execution.plan import Plan, prepare
from bench.measure.disk import drop_from_memory
from bench.measure.statistics import Interval, bootstrap_means
from bench.recommend.offer import Offer
from bench.records import Record
from bench.tracks.dense import recall_judge
from bench.tracks.measurement import RECALL_AT, TRUTH_K
from methods import MethodError
from methods.compose.rescored import DiskStore, RescoredSearcher
from methods.metric import Metric
from methods.searcher import Searcher

_WARM_QUERIES, _COLD_QUERIES = 200, 40
_MOST_COLD_S = 4.0


@dataclass(frozen=True)
class Kept:
    """Recall after re-ranking, of a method at a code size on a sample."""

    method: str
    code_bytes: int
    recall: Interval
    measured_on: int


@dataclass(frozen=True)
class DiskOrder:
    """Re-ranking from disk, for the user's vectors.

    Attributes
    ----------
    offer : Offer
        The method that candidates come from.
    kept : list of Kept
        At the budget and at half of it, as far as there was time.
    reads, row_bytes : int
        Vectors read a query, bytes of each.
    disk_bytes : int
        Of all ``n`` vectors.
    warm_ms, cold_ms : float or None
        Of a query at ``n``, the scan included: with the vectors in memory (the page cache), and with none there.
    cold_unknown : str
        Why ``cold_ms`` is None.
    missing : list of int
        Code sizes that there was no time for.
    """

    offer: Offer
    kept: list[Kept]
    reads: int
    row_bytes: int
    disk_bytes: int
    warm_ms: float | None = None
    cold_ms: float | None = None
    cold_unknown: str = ""
    missing: tuple[int, ...] = ()


def measure(offer: Offer, half: Offer | None, left_s: float) -> DiskOrder:
    """As :func:`_measure`; with nothing kept if a file is gone or cannot be read: the answer does not end by that."""
    try:
        return _measure(offer, half, left_s)
    except (OSError, UsageError, MethodError):
        dim = offer.record.dataset.dim
        reads = RunConfig.from_dict(offer.record.config).rescore_factor * offer.k
        return DiskOrder(offer, [], reads, 4 * dim, offer.n * 4 * dim)


def _measure(offer: Offer, half: Offer | None, left_s: float) -> DiskOrder:
    """Re-rank what the runs of ``offer`` and at half its budget returned, from disk.

    Parameters
    ----------
    offer : Offer
        Its sample and what its run left behind still exist.
    half : Offer or None
        At half the bytes, on a smaller sample say: used if there is no time to measure ``offer``'s method there.
    left_s : float
        For runs that are missing.
    """
    record = offer.record
    config = RunConfig.from_dict(record.config)
    reads = config.rescore_factor * offer.k
    from_ids = reads <= max(RECALL_AT)
    kept, missing = [], []
    end = time.monotonic() + left_s
    half_size = 0 if offer.schemes else record.budget.bytes // 2  # an engine has what it has
    for size in filter(None, (record.budget.bytes, half_size)):
        one = _kept(
            replace(config, budget=f"{size}B") if size != record.budget.bytes else config, record, from_ids, end
        )
        if one is None and size != record.budget.bytes and half is not None and from_ids:
            one = _reranked(prepare(RunConfig.from_dict(half.record.config)), half.record)
        if one is not None:
            kept.append(replace(one, code_bytes=offer.code) if offer.schemes else one)
        else:
            missing.append(size)
    dim = record.dataset.dim
    order = DiskOrder(offer, kept, reads, 4 * dim, offer.n * 4 * dim, missing=tuple(missing))
    return _with_latency(order, prepare(config)) if from_ids else order


def _kept(config: RunConfig, record: Record, from_ids: bool, end: float) -> Kept | None:
    """Recall with the order from disk of a run that is finished, or that there is time for."""
    plan = prepare(config if from_ids else replace(config, rescore="disk"))
    finished = records.read_finished(plan.folder)
    if finished is None and plan.infeasible is None and (left := end - time.monotonic()) > record.seconds["process"]:
        limits = replace(config.limits, time_s=left)
        finished = runner.execute(replace(plan, config=replace(plan.config, limits=limits)))
    if finished is None or finished.status != "ok":
        return None
    if from_ids:
        return _reranked(plan, finished)
    return Kept(finished.method.name, _code(finished), finished.quality[f"recall@{config.k}"], finished.dataset.n)


def _code(record: Record) -> int:
    assert record.bytes is not None
    return record.bytes.code


def _reranked(plan: Plan, record: Record) -> Kept | None:
    """Recall of a run's candidates, re-ranked here."""
    try:
        ids = records.read_queries(plan.folder)["ids"]
    except UsageError:
        return None
    dataset, k = plan.dataset, plan.config.k
    assert isinstance(dataset, Dataset)
    store = DiskStore(plan.config.dataset["base"])
    searcher = RescoredSearcher(_Candidates(dataset, ids), store, plan.config.rescore_factor)
    _, best = searcher.search(dataset.queries, k)
    recalls = recall_judge(dataset, ground_truth(dataset, TRUTH_K)).recall(best, k)
    recall = bootstrap_means({"recall": recalls}, plan.config.seed)["recall"]
    return Kept(record.method.name, _code(record), recall, record.dataset.n)


class _Candidates(Searcher):
    """Returns what a run returned: of its queries, from ``start`` on.

    Parameters
    ----------
    dataset : Dataset
    ids : (nq, 100) int64
    """

    def __init__(self, dataset: Dataset, ids: np.ndarray) -> None:
        super().__init__(dataset.dim, Metric.parse(dataset.metric), dataset.base.shape[0])
        self.ids, self.start = ids, 0

    @property
    def nbytes(self) -> int:
        return 0

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        ids = self.ids[self.start : self.start + len(queries), :k]
        return np.zeros(ids.shape, np.float32), ids


def _with_latency(order: DiskOrder, plan: Plan) -> DiskOrder:
    """Adds how long re-ranking takes a query to the scan of all codes, with the file in memory and without."""
    dataset, file = plan.dataset, Path(plan.config.dataset["base"])
    assert isinstance(dataset, Dataset)
    candidates = _Candidates(dataset, records.read_queries(plan.folder)["ids"])
    scan_ms, factor, k = order.offer.p50_ms, plan.config.rescore_factor, plan.config.k

    def once(searcher: Searcher, query: int) -> float:
        candidates.start = query
        start = time.perf_counter()
        searcher.search(dataset.queries[query : query + 1], k)
        return 1e3 * (time.perf_counter() - start)

    queries = range(min(_WARM_QUERIES, len(dataset.queries)))
    warm = RescoredSearcher(candidates, DiskStore(file), factor)
    for query in queries:
        once(warm, query)  # reads what the next pass finds in memory
    warm_ms = scan_ms + float(np.median([once(warm, query) for query in queries]))
    del warm  # what is mapped stays in memory
    cold: list[float] = []
    end = time.monotonic() + _MOST_COLD_S
    for query in queries[:_COLD_QUERIES]:
        if reason := drop_from_memory(file):
            return replace(order, warm_ms=warm_ms, cold_unknown=reason)
        cold.append(once(RescoredSearcher(candidates, DiskStore(file), factor), query))
        if time.monotonic() > end:
            break
    return replace(order, warm_ms=warm_ms, cold_ms=scan_ms + float(np.median(cold)))
