"""What the tracks share: what a run found, the clock around searches, the budget's check, how scores are judged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.config import RunConfig
from bench.datasets import AnyDataset, GroundTruth
from bench.measure import latency, quality
from bench.measure.memory import peak_memory
from bench.measure.statistics import Interval
from bench.records import Bytes, Ratio

RECALL_AT = (1, 10, 100)
TRUTH_K = max(RECALL_AT)  # neighbours in the ground truth
FIDELITY_QUERIES = 100

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
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Adds the wall time of the block to ``seconds[phase]`` and notes the peak memory after it."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - start
            self.memory_bytes[phase] = peak_memory()


def ratios(n: int, raw: float, per_item: float, parts: int) -> Ratio:
    """Bytes of an item as float32 over bytes in memory: of the codes alone, with the parts at n, 1M and 100M items."""

    def with_parts(count: int) -> float:
        return raw * count / (per_item * count + parts) if count else 0.0

    return Ratio(raw / per_item, with_parts(n), with_parts(10**6), with_parts(10**8))


def check_budget(size: int, code_bytes: int, what: str) -> None:
    if size > code_bytes:
        raise OverBudget(f"{what} takes {size} bytes, the budget is {code_bytes}")


def time_searches(config: RunConfig, searcher: latency.AnySearcher, dataset: AnyDataset, found: Measurement) -> Results:
    """Latency and throughput; what the batch returned, by its k."""
    queries: Any = dataset.queries
    k = config.k
    with found.timed("warm_up"):
        latency.warm_up(searcher, queries, k)
    with found.timed("search_single"):
        single = latency.time_single_queries(searcher, queries, k, config.latency_s)
    found.latency_ms, found.latency_queries = single.percentiles(), len(single.milliseconds)
    found.latency_shared = single.shared
    found.arrays["milliseconds"] = single.milliseconds
    with found.timed("search_batch"):
        seconds, result = latency.time_batches(lambda: searcher.search(queries, k))
    found.throughput = {**(found.throughput or {}), "queries_per_s": len(queries) / seconds}
    return {k: result}


def fidelity(
    queries: Any, truth: GroundTruth, neighbours: np.ndarray, searcher: latency.AnySearcher, descending: bool
) -> dict[str, np.ndarray]:
    """Bias, error and order of a method's scores on the true neighbours of the first queries (NaN for the rest).

    Parameters
    ----------
    queries : (nq, dim) vectors or nq sets
    truth : GroundTruth
    neighbours : (m,) int64, ascending
        The items that ``searcher`` holds: the true neighbours of the first :data:`FIDELITY_QUERIES` queries.
    searcher : Searcher or SetSearcher
    descending : bool
        Whether the metric's own scores are similarities.
    """
    asked = min(FIDELITY_QUERIES, len(queries))
    if not len(neighbours):
        return {}
    scores, ids = searcher.search(queries[:asked], len(neighbours))
    by_item = np.full((asked, len(neighbours) + 1), np.nan)
    query, column = np.nonzero(ids >= 0)
    by_item[query, ids[query, column]] = scores[query, column]
    place = np.searchsorted(neighbours, truth.ids[:asked])
    estimated = np.take_along_axis(by_item, np.where(truth.ids[:asked] >= 0, place, len(neighbours)), axis=1)
    exact = np.where(truth.ids[:asked] >= 0, truth.scores[:asked], np.nan)
    found = quality.score_fidelity(estimated, exact, searcher.descending == descending, searcher.estimates_metric)
    rest = len(queries) - asked
    return {name: np.pad(values, (0, rest), constant_values=np.nan) for name, values in found.items()}
