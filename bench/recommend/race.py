"""The race: rounds on growing samples, from which methods that others dominate drop out early."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np

from bench.config import RunConfig
from bench.execution import runner
from bench.execution.naming import outcome_of
from bench.execution.plan import Plan, prepare
from bench.measure.statistics import against_best
from bench.progress import Progress
from bench.recommend.estimate import seconds_on
from bench.recommend.offer import Offer
from bench.recommend.question import Question
from bench.recommend.sample import Sample
from bench.records import Record
from bench.report.per_query import RecallOfQueries

_LATENCY_S = 0.5
LEAST_LIMIT_S = 40.0  # for one run while nothing is measured: with no answer at all no time is kept
_LEAST_RUN_S = 15.0  # a process imports everything and compiles a kernel
_LEAST_LEFT_S = 3.0  # and does not even start in less
_ENOUGH = 4  # methods to choose from: until then the first round takes what later ones would have had


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


@dataclass
class Round:
    """A finished round: those measured, best recall first; those that failed; names there was no time for."""

    racers: list[Racer]
    failed: list[Record] = field(default_factory=list)
    unstarted: list[str] = field(default_factory=list)

    def decides(self, leader: str) -> bool:
        """Whether it may decide: the clock did not cut off the one that led before it."""
        stopped = {record.method.name for record in self.failed if record.status == "timeout"}
        return bool(self.racers) and leader not in stopped.union(self.unstarted)

    def stopped_ahead(self, expected: Sequence[str], name: str) -> list[str]:
        """Of ``expected``, best first, those before ``name`` that the clock kept from being measured."""
        missing = {record.method.name for record in self.failed if record.status == "timeout"}.union(self.unstarted)
        return [other for other in itertools.takewhile(lambda other: other != name, expected) if other in missing]

    def named(self, name: str) -> Racer | None:
        """The racer of this method."""
        return next((racer for racer in self.racers if racer.name == name), None)


def run_round(
    question: Question,
    entries: Sequence[tuple[str, str]],
    sample: Sample,
    queries: RecallOfQueries,
    results: str,
    *,
    title: str,
    time_s: float,
    end: float,
    least_s: float,
    n: int,
    workers: int,
    earlier: Round | None = None,
) -> Round:
    """Measure (method, budget) pairs on a sample, ``workers`` at once (latencies are right with one only).

    Parameters
    ----------
    queries : RecallOfQueries
        Of the sample.
    time_s : float
        For all of them. A single run may take four times its share before it is stopped; none is started that would
        end when a third more than the whole is over (in the first round, once there is something to choose from), so
        the entries that matter most stand first.
    end : float
        Of ``time.monotonic()``: what still runs then is stopped.
    least_s : float
        What a run may take beyond ``end`` as long as nothing was measured.
    earlier : Round, optional
        Of a smaller sample: gives the trend of recall.
    """
    now = time.monotonic()
    limit = max(_LEAST_RUN_S, min(LEAST_LIMIT_S, time_s), 4.0 * time_s * workers / max(1, len(entries)))
    plans = [_plan(question, name, budget, sample, results) for name, budget in entries]
    clock = _Clock(limit, now + time_s * 4 / 3, end, least_s, _ENOUGH if least_s else 0)
    racers, failed, unstarted = [], [], []
    with Progress(title, len(plans), leave=False) as progress, _workers(workers) as pool:
        clock.began = lambda plan: progress.begin(plan.config.method["name"])
        running = {pool.submit(clock.run, plan): plan for plan in plans}
        for done in _ending(running, end - now):
            plan = running[done]
            record = None if done.cancelled() else done.result()
            if record is None:
                unstarted.append(plan.config.method["name"])
                progress.advance()
                continue
            progress.end(record.method.name, outcome_of(record))
            if record.status != "ok":
                failed.append(record)
                continue
            before = earlier.named(record.method.name) if earlier else None
            offer = Offer(record, n, question.k, before.offer.record if before else None, question.threads)
            racers.append(Racer(offer, queries.values(record, plan.folder, question.k)))
    racers.sort(key=lambda racer: (-racer.offer.recall.value, racer.name))
    return Round(racers, failed, unstarted)


@contextlib.contextmanager
def _workers(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool that is left without waiting: an interruption is not to wait for runs."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


@dataclass
class _Clock:
    """Gives each run of a round the time that is left when it starts.

    Attributes
    ----------
    limit : float
        Of one run.
    over : float
        Of ``time.monotonic()``: a run that would end later, were it as long as those before it, is not started once
        as many as ``enough`` were measured.
    end, least_s : float
        As in :func:`run_round`.
    enough : int
    again : int
        Runs that may be started a second time when they were stopped before ``enough`` were measured: in a new
        installation the first, those expected to lead, spend their time on compiling, and what they compiled is kept.
    began : callable
        Is told of a run that starts.
    ended : list of float
        Seconds that the measured ones took.
    """

    limit: float
    over: float
    end: float
    least_s: float
    enough: int = 0
    again: int = 2
    began: Callable[[Plan], None] = lambda plan: None
    ended: list[float] = field(default_factory=list)

    def run(self, plan: Plan) -> Record | None:
        """The record, or None if there is no time to start."""
        now = time.monotonic()
        left, limit = self.end - now, self.limit
        typical = median(self.ended) if self.ended else 0.0
        if now + typical > self.over and len(self.ended) >= self.enough:
            return None
        if left < max(_LEAST_LEFT_S, typical):
            return None
        if not self.ended:
            left, limit = max(left, self.least_s), max(limit, self.least_s)
        limits = replace(plan.config.limits, time_s=min(limit, left))
        self.began(plan)
        record = runner.execute(replace(plan, config=replace(plan.config, limits=limits)))
        if record.status == "timeout" and len(self.ended) < self.enough and self.again > 0:
            self.again -= 1
            return self.run(plan) or record
        if record.status == "ok":
            self.ended.append(record.seconds["process"])
        return record


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


def _plan(question: Question, name: str, budget: str, sample: Sample, results: str) -> Plan:
    config = RunConfig(
        method={"name": name},
        dataset=dict(sample.config),
        budget=budget,
        k=question.k,
        seed=question.seed,
        threads=question.measured_threads,
        train_size=sample.train_size,
        rescore=question.rescore,
        latency_s=_LATENCY_S,
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
    return {
        name
        for name, comparison in compared.items()
        if comparison.distinguishable and -comparison.difference.value >= margin
    }


def affordable(racers: Sequence[Racer], sample: Sample, time_s: float, workers: int) -> list[Racer]:
    """The first racers whose runs on ``sample``, as long as their last ones let expect, fit into ``time_s`` together.

    A slow one ends the list: without it the next round would decide among those that it leads.
    """
    seconds = [seconds_on(racer.offer.record, sample) for racer in racers]
    fitting = itertools.takewhile(lambda i: together_s(seconds[: i + 1], workers) <= time_s, range(len(racers)))
    return [racers[i] for i in fitting]


def together_s(seconds: Sequence[float], workers: int) -> float:
    """How long runs of these lengths take, ``workers`` at once."""
    return max(max(seconds), sum(seconds) / workers)
