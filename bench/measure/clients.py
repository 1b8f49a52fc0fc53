"""Searches by several clients at once, each of which waits for its answer before it asks again (a closed loop)."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.measure.environment import hold_threads
from bench.measure.latency import SHARED_CORES, AnySearcher, CoreUse, percentiles

_WARM_UP_S = 0.2
_LEAST_ANSWERED = 100
_PATIENCE = 4  # times the requested time, after which fewer will do
_CHECKED = 16  # queries whose answers are compared
_TOLERANCE = 1e-5  # of scores: the same sums


class UnsafeSearch(Exception):
    """Searches at the same time returned something else than one after the other."""


@dataclass(frozen=True)
class ClosedLoop:
    """What several clients got.

    Attributes
    ----------
    milliseconds : (answered,) float64
        Waited for each answer, client after client.
    answers : dict
        By the query's number: scores (k,) float32 and ids (k,) int64.
    seconds : float
        From the first question to the last answer.
    other_cores : float
        Cores that other processes kept busy meanwhile.
    """

    milliseconds: np.ndarray
    answers: dict[int, tuple[np.ndarray, np.ndarray]]
    seconds: float
    other_cores: float

    @property
    def shared(self) -> bool:
        return self.other_cores > SHARED_CORES

    @property
    def queries_per_s(self) -> float:
        return len(self.milliseconds) / self.seconds

    def percentiles(self) -> dict[str, float]:
        """p50, p95, p99 and the mean of what a client waited, in milliseconds."""
        return percentiles(self.milliseconds)


@dataclass
class _Client:
    """One thread's part of the loop."""

    elapsed: list[float]
    answers: dict[int, tuple[np.ndarray, np.ndarray]]
    start: float
    end: float


def closed_loop(
    searcher: AnySearcher, queries: Any, k: int, clients: int, seconds: float, threads: int = 1
) -> ClosedLoop:
    """Let ``clients`` search for ``seconds``, each one single query after the other.

    Each starts at another place of the queries and goes round. Before the time that counts they search for a moment.

    Parameters
    ----------
    searcher : Searcher or SetSearcher
    queries : (nq, dim) floating, or sets of vectors
    k : int
    clients : int
        Threads that search at the same time.
    seconds : float
        Longer, up to four times, until they have 100 answers together. A query that was sent before the end is answered
        and counted.
    threads : int
        That each search may use itself.

    Raises
    ------
    UnsafeSearch
        If a query was answered otherwise than when it is alone.
    """
    begin = threading.Barrier(clients)
    answered: list[float] = []  # appending is safe from several threads

    def search(client: int, for_s: float, least: int) -> _Client:
        hold_threads(threads)
        part = _Client([], {}, 0.0, 0.0)
        place = client * len(queries) // clients
        begin.wait()
        part.start = part.end = time.perf_counter()
        while (spent := part.end - part.start) < for_s or (spent < _PATIENCE * for_s and len(answered) < least):
            before = time.perf_counter()
            scores, ids = searcher.search(queries[place : place + 1], k)
            part.end = time.perf_counter()
            part.elapsed.append(1e3 * (part.end - before))
            answered.append(part.end)
            part.answers[place] = scores[0], ids[0]
            place = (place + 1) % len(queries)
        return part

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(lambda client: search(client, min(_WARM_UP_S, seconds), 0), range(clients)))
        answered.clear()
        use = CoreUse()
        parts = list(pool.map(lambda client: search(client, seconds, _LEAST_ANSWERED), range(clients)))
    wall = max(part.end for part in parts) - min(part.start for part in parts)
    others = use.of_others(wall)  # before the check, which is no part of the loop
    answers = {place: answer for part in parts for place, answer in part.answers.items()}
    _check_answers(searcher, queries, k, answers)
    return ClosedLoop(np.concatenate([part.elapsed for part in parts]), answers, wall, others)


def _check_answers(searcher: AnySearcher, queries: Any, k: int, answers: dict) -> None:
    for place in list(answers)[:_CHECKED]:
        alone, _ = searcher.search(queries[place : place + 1], k)
        if not np.allclose(answers[place][0], alone[0], rtol=_TOLERANCE, atol=_TOLERANCE):
            raise UnsafeSearch(f"query {place} was answered otherwise by clients at the same time than alone")
