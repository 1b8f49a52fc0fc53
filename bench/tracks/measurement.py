"""What the tracks share: what a run found, the clock around searches, the budget's check, how scores are judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.config import RunConfig
from bench.datasets import AnyDataset, Dataset, GroundTruth, RaggedDataset, ground_truth
from bench.execution import stage, turns
from bench.measure import latency, quality
from bench.measure.at_rest import CodesAtRest
from bench.measure.by_group import GroupInfo, by_group
from bench.measure.memory import peak_memory
from bench.measure.repeats import groups_of
from bench.measure.statistics import Interval, bootstrap_means
from bench.records import Bytes, Ratio
from bench.records.disk_info import DiskInfo
from bench.records.drift_info import DriftInfo
from bench.records.engine_info import EngineInfo
from bench.records.hybrid_info import HybridInfo
from bench.records.index_info import IndexInfo
from bench.records.load_info import LoadPoint
from bench.tracks import loads
from methods import Searcher

RECALL_AT = (1, 10, 100)
TRUTH_K = max(RECALL_AT)  # neighbors in the ground truth
FIDELITY_QUERIES = 100
_FEW_S = 0.1  # of single queries in few codes

Results = dict[int, tuple[np.ndarray, np.ndarray]]  # k -> (scores, ids) of all queries


class OverBudget(Exception):
    """The method keeps more bytes per vector than the budget; the message counts them."""


@dataclass
class Measurement:
    """What a track found; the fields of :class:`bench.records.Record` of the same names."""

    params: dict
    bytes: Bytes | None = None
    ratio: Ratio | None = None
    quality: dict[str, Interval] = field(default_factory=dict)
    latency_ms: dict[str, float] | None = None
    latency_queries: int | None = None
    latency_shared: bool | None = None
    throughput: dict[str, float] | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    peak_memory_bytes: int | None = None
    memory_bytes: dict[str, int] = field(default_factory=dict)
    engine: EngineInfo | None = None
    index: IndexInfo | None = None
    drift: DriftInfo | None = None
    hybrid: HybridInfo | None = None
    shards: list[dict[str, Any]] | None = None
    disk: DiskInfo | None = None
    clients: list[LoadPoint] | None = None
    at_rest: CodesAtRest | None = None
    groups: dict[str, dict[str, GroupInfo]] | None = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    @contextmanager
    def timed(self, phase: str, part: str = "") -> Iterator[None]:
        """Adds the wall time of the block to ``seconds[phase]`` and notes the peak memory after it.

        ``part`` says for a reader of the progress which of several blocks this is.
        """
        stage.enter(f"{phase.replace('_', ' ')} {part}".strip())
        start = turns.clock()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + turns.clock() - start
            self.memory_bytes[phase] = peak_memory()


def ratios(n: int, raw: float, per_item: float, parts: int) -> Ratio:
    """Bytes of an item as float32 over bytes in memory: of the codes alone, with the parts at n, 1M and 100M items."""

    def with_parts(count: int) -> float:
        return raw * count / (per_item * count + parts) if count else 0.0

    return Ratio(raw / per_item, with_parts(n), with_parts(10**6), with_parts(10**8))


def check_budget(size: int, code_bytes: int, what: str) -> None:
    if size > code_bytes:
        raise OverBudget(f"{what} takes {size} bytes, the budget is {code_bytes}")


def time_searches(
    config: RunConfig,
    searcher: latency.AnySearcher,
    dataset: AnyDataset,
    run: Measurement,
    few: Searcher | None = None,
    codes: np.memmap | None = None,
) -> Results:
    """Latency and throughput; what the batch returned, by its k.

    ``few`` searches so few of the codes that what a query takes however many there are can be read from both.
    ``codes`` are those that lie in a file.
    """
    queries: Any = dataset.queries
    k = config.k
    with turns.alone():
        with run.timed("warm_up"):
            latency.warm_up(searcher, queries, k)
        reads = loads.Reads(searcher, codes)
        with run.timed("search_single"):
            single = latency.time_single_queries(searcher, queries, k, config.latency_s)
        warm = reads.a_query(len(single.milliseconds))
        if few is not None:
            with run.timed("search_few"):
                latency.warm_up(few, queries, k)
                of_few = latency.time_single_queries(few, queries, k, min(config.latency_s, _FEW_S))
        with run.timed("search_batch"):
            seconds, result = latency.time_batches(lambda: searcher.search(queries, k))
        if reads.mapped:
            with run.timed("search_cold"):
                run.disk = loads.cold_searches(config, searcher, queries, reads.mapped, warm)
        elif reads.elsewhere:
            run.disk = loads.searches_elsewhere(warm)
    run.latency_ms, run.latency_queries = single.percentiles(), len(single.milliseconds)
    if few is not None:
        p50s = run.latency_ms["p50"], of_few.percentiles()["p50"]
        run.latency_ms["fixed"] = latency.fixed_ms(p50s[0], searcher.size, p50s[1], few.size)
    run.latency_shared = single.shared
    run.arrays["milliseconds"] = single.milliseconds
    run.throughput = {**(run.throughput or {}), "queries_per_s": len(queries) / seconds}
    return {k: result}


@dataclass(frozen=True)
class NeighborScores:
    """A method's own scores of true neighbors.

    Attributes
    ----------
    neighbors : (m,) int64, ascending
        True neighbors of the first queries.
    scores, ids : (queries judged, m)
        As searched among them; an id is a place in ``neighbors``, -1 where nothing was returned.
    descending : bool
        Whether the scores are similarities.
    estimates_metric : bool
        Whether they are on the metric's own scale.
    """

    neighbors: np.ndarray
    scores: np.ndarray
    ids: np.ndarray
    descending: bool
    estimates_metric: bool


@dataclass(frozen=True)
class JudgedSample:
    """Codes of true neighbors, kept for judging scores so that the codes themselves can go.

    Attributes
    ----------
    neighbors : (m,) int64, ascending
        As :func:`judged_neighbors` gives them.
    searcher : Searcher or SetSearcher
        Over their codes.
    """

    neighbors: np.ndarray
    searcher: latency.AnySearcher


def judged_neighbors(dataset: Dataset | RaggedDataset) -> np.ndarray:
    """Rows (m,) int64, ascending, that are true neighbors of the first :data:`FIDELITY_QUERIES` queries."""
    neighbors = np.unique(ground_truth(dataset, TRUTH_K).ids[:FIDELITY_QUERIES])
    return neighbors[neighbors >= 0]


def measure_search(
    config: RunConfig,
    dataset: Dataset | RaggedDataset,
    searcher: latency.AnySearcher,
    sample: JudgedSample,
    recall_judge: Callable[[Any, GroundTruth], quality.RecallJudge],
    run: Measurement,
    few: Searcher | None = None,
    codes: np.memmap | None = None,
) -> None:
    """Times searches, notes the peak memory, and judges what was returned; the results stand in ``run``.

    ``few`` and ``codes`` are as :func:`time_searches` has them.
    """
    results = time_searches(config, searcher, dataset, run, few, codes)
    run.peak_memory_bytes = peak_memory()
    if config.client_counts:
        with turns.alone(), run.timed("search_clients"):
            run.clients = loads.concurrent_searches(config, searcher, dataset.queries, _scanned_bytes(run))
    scored = _search_for_quality(searcher, sample, dataset.queries, results, run)
    with run.timed("judge"):
        truth = ground_truth(dataset, TRUTH_K)
        _judge(config, dataset, recall_judge(dataset, truth), truth, results, scored, run)


def _scanned_bytes(run: Measurement) -> float:
    """Bytes of codes that a query passes over."""
    assert run.bytes is not None
    return run.bytes.searcher * (run.index.at(run.index.probes).scanned if run.index is not None else 1.0)


def returned(searcher: latency.AnySearcher, queries: Any, results: Results) -> dict[int, np.ndarray]:
    """The ids that a search for each k of :data:`RECALL_AT` returns; a search that ``results`` lacks is added there."""
    for k in {*RECALL_AT} - set(results):
        results[k] = searcher.search(queries, k)
    return {k: results[k][1] for k in RECALL_AT}


def _search_for_quality(
    searcher: latency.AnySearcher, sample: JudgedSample, queries: Any, results: Results, run: Measurement
) -> NeighborScores | None:
    """Searches made only to judge quality, under their own clock.

    ``searcher`` is searched for every k of :data:`RECALL_AT` that ``results`` lacks; the results are added there.
    Recall@k is of a search for k, since k decides how many candidates are re-ranked.
    """
    neighbors, among = sample.neighbors, sample.searcher
    with run.timed("search_quality"):
        returned(searcher, queries, results)
        if not len(neighbors):
            return None
        scores, ids = among.search(queries[:FIDELITY_QUERIES], len(neighbors))
    return NeighborScores(neighbors, scores, ids, among.descending, among.estimates_metric)


def fidelity(
    scored: NeighborScores | None, truth: GroundTruth, queries: int, descending: bool
) -> dict[str, np.ndarray]:
    """Bias, error and order of a method's scores on the true neighbors of the first queries (NaN for the rest).

    Parameters
    ----------
    scored : NeighborScores or None
    truth : GroundTruth
    queries : int
        How many there are.
    descending : bool
        Whether the metric's own scores are similarities.
    """
    if scored is None:
        return {}
    query_count, items = len(scored.ids), len(scored.neighbors)
    by_item = np.full((query_count, items + 1), np.nan)
    query, column = np.nonzero(scored.ids >= 0)
    by_item[query, scored.ids[query, column]] = scored.scores[query, column]
    place = np.searchsorted(scored.neighbors, truth.ids[:query_count])
    estimated = np.take_along_axis(by_item, np.where(truth.ids[:query_count] >= 0, place, items), axis=1)
    exact = np.where(truth.ids[:query_count] >= 0, truth.scores[:query_count], np.nan)
    judged = quality.score_fidelity(estimated, exact, scored.descending == descending, scored.estimates_metric)
    rest = queries - query_count
    return {name: np.pad(values, (0, rest), constant_values=np.nan) for name, values in judged.items()}


def _judge(
    config: RunConfig,
    dataset: Dataset | RaggedDataset,
    judge: quality.RecallJudge,
    truth: GroundTruth,
    results: Results,
    scored: NeighborScores | None,
    run: Measurement,
) -> None:
    """Quality of searches for each k of :data:`RECALL_AT`, with intervals; ``run`` keeps the arrays."""
    judged = {n: judge.judge(results[n][1]) for n in RECALL_AT}
    measures = {f"recall@{n}": judged[n].recall(n) for n in RECALL_AT}
    measures |= {f"recall {k}@{n}": judged[n].recall(k) for k, n in ((1, 10), (1, 100), (10, 100))}
    if dataset.relevance is not None:
        measures |= quality.retrieval_measures(results[10][1], dataset.relevance)
    if (groups := getattr(dataset, "groups", None)) is not None:
        run.groups = by_group(groups, measures, _exact(dataset, truth), config.seed)
    measures |= fidelity(scored, truth, len(dataset.queries), dataset.metric.descending)
    run.quality = bootstrap_means(measures, config.seed, groups=groups_of(dataset.queries, dataset.metric))
    run.arrays["scores"], run.arrays["ids"] = results[100]
    run.arrays |= {f"recall@{n}": measures[f"recall@{n}"] for n in RECALL_AT}


def _exact(dataset: Dataset | RaggedDataset, truth: GroundTruth) -> dict[str, np.ndarray]:
    """Measures of the exact neighbors, per query."""
    measures = {"recall@10": np.ones(len(truth.ids))}
    if dataset.relevance is not None:
        measures |= quality.retrieval_measures(truth.ids, dataset.relevance)
    return measures
