"""Latency of single queries and throughput of batches, as a caller sees them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import psutil

from methods import Searcher
from methods.multivector import SetSearcher

AnySearcher = Searcher | SetSearcher
_Result = TypeVar("_Result")
_WARM_UP_QUERIES, _WARM_UP_BATCH = 10, 64
_LEAST_TIMED = 100
_PATIENCE = 20  # times the asked time, after which fewer will do
_WARM_UP_S = 2.0  # of single queries
SHARED_CORES = 0.25  # other processes using more of the machine than this make a latency "shared"


@dataclass(frozen=True)
class SingleQueryPass:
    """One pass of queries, one by one.

    Attributes
    ----------
    milliseconds : (timed,) float64
        Wall time of each call, in the order of the queries.
    other_cores : float
        Cores that other processes kept busy meanwhile.
    """

    milliseconds: np.ndarray
    other_cores: float

    @property
    def shared(self) -> bool:
        return self.other_cores > SHARED_CORES

    def percentiles(self) -> dict[str, float]:
        """p50, p95, p99 and the mean of this very pass, in milliseconds."""
        return percentiles(self.milliseconds)


def percentiles(milliseconds: np.ndarray) -> dict[str, float]:
    """p50, p95, p99 and the mean of times (n >= 1,)."""
    p50, p95, p99 = np.percentile(milliseconds, [50, 95, 99])
    return {"p50": float(p50), "p95": float(p95), "p99": float(p99), "mean": float(milliseconds.mean())}


class CoreUse:
    """Cores that other processes keep busy, from when this is made."""

    def __init__(self) -> None:
        self._before = self._seconds()

    def of_others(self, wall: float) -> float:
        """On average of the ``wall`` seconds since."""
        return max(0.0, (self._seconds() - self._before) / wall)

    @staticmethod
    def _seconds() -> float:
        """Processor time of all processes but this one."""
        times, own = psutil.cpu_times(), os.times()
        busy = sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)
        return float(busy - own.user - own.system)


def warm_up(searcher: AnySearcher, queries: Any, k: int) -> None:
    """Search a few queries in the shapes that will be timed: compiles kernels, touches tables.

    ``queries`` are vectors (nq, dim) or sets of them: what can be sliced and has a length.
    """
    start = time.perf_counter()
    for i in range(min(_WARM_UP_QUERIES, len(queries))):
        searcher.search(queries[i : i + 1], k)
        if i and time.perf_counter() - start > _WARM_UP_S:
            break
    searcher.search(queries[:_WARM_UP_BATCH], k)


def time_single_queries(searcher: AnySearcher, queries: Any, k: int, max_seconds: float) -> SingleQueryPass:
    """Time ``searcher.search`` on each query by itself, everything that a caller waits for included.

    Stops after ``max_seconds`` once 100 queries are timed (or all, where there are fewer), after twenty times as long
    whatever their number.
    """
    ones = (queries[i : i + 1] for i in range(len(queries)))
    return SingleQueryPass(*time_calls(lambda one: searcher.search(one, k), ones, max_seconds))


def time_calls(call: Callable[[Any], object], inputs: Iterable[Any], max_seconds: float) -> tuple[np.ndarray, float]:
    """Milliseconds of ``call`` on each input by itself, and the cores that other processes kept busy meanwhile.

    Stops after ``max_seconds`` once 100 are timed, after twenty times as long whatever their number.
    """
    elapsed: list[float] = []
    use, start = CoreUse(), time.perf_counter()
    for one in inputs:
        before = time.perf_counter_ns()
        call(one)
        elapsed.append((time.perf_counter_ns() - before) / 1e6)
        spent = time.perf_counter() - start
        if spent > max_seconds and (len(elapsed) >= _LEAST_TIMED or spent > _PATIENCE * max_seconds):
            break
    wall = max(time.perf_counter() - start, 1e-9)
    return np.array(elapsed), use.of_others(wall)


def fixed_ms(p50_ms: float, codes: int, few_ms: float, few: int) -> float:
    """What a query takes however many codes there are: where a line through two sizes begins; 0 to ``few_ms``.

    Parameters
    ----------
    p50_ms, few_ms : float
        Of searches in ``codes`` and in ``few``, fewer codes.
    """
    return min(max(0.0, (few_ms * codes - p50_ms * few) / (codes - few)), few_ms, p50_ms)


def time_batches(
    search: Callable[[], _Result], least_seconds: float = 0.5, most_repeats: int = 5
) -> tuple[float, _Result]:
    """Seconds of one call of ``search`` (the median over repeated calls) and what the last one returned."""
    times: list[float] = []
    while True:
        start = time.perf_counter()
        result = search()
        times.append(time.perf_counter() - start)
        if len(times) >= most_repeats or sum(times) >= least_seconds:
            return float(np.median(times)), result
