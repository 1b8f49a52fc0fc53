"""The race: rounds on growing samples, from which methods that others dominate drop out early."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from bench import runner
from bench.config import Limits as RunLimits
from bench.config import RunConfig
from bench.measure.statistics import against_best
from bench.per_query import RecallOfQueries
from bench.plan import Plan, prepare
from bench.recommend.offer import Offer
from bench.recommend.question import Question
from bench.recommend.sample import Sample
from bench.records import Record

_LATENCY_S = 0.5
_LEAST_LIMIT_S = 40.0  # for one run, however little time is left
LEAST_RUN_S = 12.0  # a process that imports everything and compiles a kernel


@dataclass
class Racer:
    """One method in one round.

    Attributes
    ----------
    offer : Offer
    per_query : (nq,) float
        Recall of every query.
    """

    offer: Offer
    per_query: np.ndarray

    @property
    def name(self) -> str:
        return self.offer.method

    @property
    def seconds(self) -> float:
        """Of its whole process."""
        return self.offer.record.seconds["process"]


@dataclass
class Round:
    """A finished round: those measured, best recall first; those that failed; names there was no time for."""

    racers: list[Racer]
    failed: list[Record] = field(default_factory=list)
    unstarted: list[str] = field(default_factory=list)

    def named(self, name: str) -> Racer | None:
        """The racer of this method."""
        return next((racer for racer in self.racers if racer.name == name), None)


def run_round(
    question: Question,
    entries: Sequence[tuple[str, str]],
    sample: Sample,
    results: str,
    *,
    title: str,
    time_s: float,
    n: int,
    workers: int,
    earlier: Round | None = None,
) -> Round:
    """Measure (method, budget) pairs on a sample, ``workers`` at once (latencies are right with one only).

    Parameters
    ----------
    time_s : float
        For all of them. A single run may take four times its share before it is stopped; when a third more than the
        whole is over, no further run is started, so the entries that matter most stand first.
    earlier : Round, optional
        Of a smaller sample: gives the trend of recall.
    """
    limit = max(_LEAST_LIMIT_S, 4.0 * time_s * workers / max(1, len(entries)))
    plans = [_plan(question, name, budget, sample, results, limit) for name, budget in entries]
    queries = RecallOfQueries(sample.load())
    racers, failed, unstarted = [], [], []
    pool = ThreadPoolExecutor(workers)
    try:
        running = {pool.submit(runner.execute, plan): plan for plan in plans}
        bar = tqdm(_ending(running, time_s * 4 / 3), title, total=len(plans), unit="run", file=sys.stderr, leave=False)
        for done in bar:
            if done.cancelled():
                unstarted.append(running[done].config.method["name"])
                continue
            record, plan = done.result(), running[done]
            bar.set_postfix_str(record.method.name)
            if record.status != "ok":
                failed.append(record)
                continue
            before = earlier.named(record.method.name) if earlier else None
            offer = Offer(record, n, question.k, before.offer.record if before else None)
            racers.append(Racer(offer, queries.values(record, plan.folder, question.k)))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # an interruption is not to wait for runs
    racers.sort(key=lambda racer: (-racer.offer.recall.value, racer.name))
    return Round(racers, failed, unstarted)


def _ending(running: Iterable[Future], time_s: float) -> Iterator[Future]:
    """Futures as they end; after ``time_s`` those that have not started are cancelled, and end so."""
    waiting = set(running)
    deadline = time.monotonic() + time_s
    while waiting:
        left = deadline - time.monotonic()
        done, waiting = wait(waiting, max(0.0, left) if left > 0 else None, return_when=FIRST_COMPLETED)
        yield from done
        if time.monotonic() >= deadline:
            cancelled = {future for future in waiting if future.cancel()}
            waiting -= cancelled
            yield from cancelled


def _plan(question: Question, name: str, budget: str, sample: Sample, results: str, limit: float) -> Plan:
    config = RunConfig(
        method={"name": name},
        dataset=dict(sample.config),
        budget=budget,
        k=question.k,
        seed=question.seed,
        threads=question.threads,
        train_size=sample.train_size,
        rescore=question.rescore,
        latency_s=_LATENCY_S,
        limits=RunLimits(time_s=limit),
        results=results,
    )
    return prepare(config)


def undominated(racers: Sequence[Racer], margin: float, latency_matters: bool) -> list[Racer]:
    """Racers that no other beats, best recall first.

    One racer beats another if its recall is higher by at least ``margin`` and the paired randomization test tells
    them apart (Holm-corrected over the round), and, where latency matters, it answers no slower.
    """
    beaten: set[str] = set()
    for leader in racers if latency_matters else racers[:1]:
        rivals = [r for r in racers if not latency_matters or leader.offer.p50_ms <= r.offer.p50_ms]
        beaten |= _beaten(leader, rivals, margin)
    return [racer for racer in racers if racer.name not in beaten]


def _beaten(leader: Racer, rivals: Sequence[Racer], margin: float) -> set[str]:
    worse = [r for r in rivals if r.offer.recall.value < leader.offer.recall.value]
    if not worse:
        return set()
    _, compared = against_best({racer.name: racer.per_query for racer in [leader, *worse]})
    return {name for name, found in compared.items() if found.distinguishable and -found.difference.value >= margin}


def affordable(racers: Sequence[Racer], growth: float, time_s: float, workers: int, least: int) -> list[Racer]:
    """The first racers whose next runs, ``growth`` times as long, fit into ``time_s``; at least ``least``."""
    total = 0.0
    kept: list[Racer] = []
    for racer in racers:
        total += max(LEAST_RUN_S / 2, racer.seconds * growth) / workers
        if len(kept) >= least and total > time_s:
            continue
        kept.append(racer)
    return kept
