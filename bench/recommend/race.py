"""The race: rounds on growing samples, from which methods that others dominate drop out early."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from statistics import median

import numpy as np

from bench.config import RunConfig
from bench.execution import runner
from bench.execution.naming import outcome_of
from bench.execution.plan import Plan, prepare
from bench.execution.turns import Turns
from bench.measure.statistics import against_best
from bench.progress import Progress
from bench.recommend.entries import Entry
from bench.recommend.estimate import seconds_on
from bench.recommend.offer import Offer
from bench.recommend.question import Question
from bench.recommend.sample import Sample
from bench.records import Record
from bench.report.per_query import RecallOfQueries

_LATENCY_S, _ROUGHLY_S = 0.5, 0.05  # single queries are timed for so long: alone, or beside others
LEAST_LIMIT_S = 40.0  # for one run while nothing is measured: with no answer at all no time is kept
_LEAST_RUN_S = 15.0  # a process imports everything and compiles a kernel
_LEAST_LEFT_S = 3.0  # and does not even start in less
_PATIENCE = 3.0  # times what a run is expected to take: then it is stopped
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
        return self.offer.name

    @property
    def entry(self) -> Entry:
        """What raced."""
        record = self.offer.record
        options = {key: value for key, value in record.method.requested.items() if key != "name"}
        return Entry(record.method.name, record.budget.requested, options, self.offer.schemes, self.offer.label)


@dataclass
class Round:
    """A finished round: those measured, best recall first; those that failed, by name; names there was no time for."""

    racers: list[Racer]
    failed: dict[str, Record] = field(default_factory=dict)
    unstarted: list[str] = field(default_factory=list)

    def decides(self, leaders: Iterable[str]) -> bool:
        """Whether it may decide: the clock did not cut off one that led before it."""
        return bool(self.racers) and self.stopped.isdisjoint(leaders)

    @property
    def stopped(self) -> set[str]:
        """Names of those that the clock kept from being measured."""
        return {name for name, record in self.failed.items() if record.status == "timeout"}.union(self.unstarted)

    @property
    def leaders(self) -> list[str]:
        """The best of what engines have, if any races, and the best of all."""
        served = [racer for racer in self.racers if racer.offer.schemes]
        return list(dict.fromkeys(racer.name for racer in [*served[:1], *self.racers[:1]]))

    def stopped_ahead(self, expected: Sequence[str], name: str) -> list[str]:
        """Of ``expected``, best first, those before ``name`` that the clock kept from being measured."""
        before = itertools.takewhile(lambda other: other != name, expected)
        return [other for other in before if other in self.stopped]

    def named(self, name: str) -> Racer | None:
        """The racer of this method."""
        return next((racer for racer in self.racers if racer.name == name), None)


@dataclass(frozen=True)
class Schedule:
    """The time of a round.

    Attributes
    ----------
    time_s : float
        For all runs. None is started that is expected to end when this times ``slack`` is over (in the first round,
        once there is something to choose from), so the entries that matter most stand first.
    end : float
        Of ``time.monotonic()``: what still runs then is stopped.
    workers : int
        Runs side by side.
    expected_s : method -> float
        Seconds of a run on this machine, or on another: how much slower this one is shows as runs end.
    least_s : float
        What a run may take beyond ``end`` as long as nothing was measured.
    again : frozenset of str
        Methods that may be started a second time whatever was measured by then.
    slack : float
        1 keeps the time; more where what is expected of runs is rough.
    alone : bool
        Whether each run has the machine to itself while its searches are timed.
    """

    time_s: float
    end: float
    workers: int
    expected_s: Mapping[str, float] = field(default_factory=dict)
    least_s: float = 0.0
    again: frozenset[str] = frozenset()
    slack: float = 4 / 3
    alone: bool = False


def run_round(
    question: Question,
    entries: Sequence[Entry],
    sample: Sample,
    queries: RecallOfQueries,
    results: str,
    *,
    title: str,
    n: int,
    schedule: Schedule,
    earlier: Round | None = None,
) -> Round:
    """Measure entries on a sample.

    Parameters
    ----------
    entries : sequence of Entry
        Those that matter most first.
    queries : RecallOfQueries
        Of the sample.
    earlier : Round, optional
        Of a smaller sample: gives the trend of recall.
    """
    now = time.monotonic()
    latency_s = _LATENCY_S if schedule.alone else _ROUGHLY_S
    plans = [_plan(question, entry, sample, results, latency_s, schedule.workers) for entry in entries]
    clock = _Clock.of(schedule, len(entries), now)
    racers, failed, unstarted = [], {}, []
    with Progress(title, len(plans), leave=False) as progress, _workers(schedule.workers) as pool:
        clock.began = progress.begin
        running = {
            pool.submit(clock.run, plan, entry.name): (plan, entry) for plan, entry in zip(plans, entries, strict=True)
        }
        for done in _ending(running, schedule.end - now):
            plan, entry = running[done]
            record = None if done.cancelled() else done.result()
            if record is None:
                unstarted.append(entry.name)
                progress.advance()
                continue
            progress.end(entry.name, outcome_of(record))
            if record.status != "ok":
                failed[entry.name] = record
                continue
            before = earlier.named(entry.name) if earlier else None
            smaller = before.offer.record if before else None
            offer = Offer(record, n, question.k, smaller, question.threads, None, entry.schemes, entry.label)
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
        Of one run, unless it is expected to take longer.
    over : float
        Of ``time.monotonic()``: a run that is expected to end later is not started once as many as ``enough`` were
        measured.
    end, least_s, expected_s : as in :class:`Schedule`
    enough : int
    favorites : frozenset of str
        ``again`` of the schedule.
    turns : Turns or None
        Where searches are timed alone.
    again : int
        Runs that may be started a second time when they were stopped before ``enough`` were measured: in a new
        installation the first, those expected to lead, spend their time on compiling, and what they compiled is kept.
    began : callable
        Is called with the name of a run that starts.
    ended : list of float
        Seconds that the measured ones took.
    slower : list of float
        How many times as long as expected.
    """

    limit: float
    over: float
    end: float
    least_s: float
    enough: int = 0
    expected_s: Mapping[str, float] = field(default_factory=dict)
    favorites: frozenset[str] = frozenset()
    turns: Turns | None = None
    again: int = 2
    began: Callable[[str], object] = lambda name: None
    ended: list[float] = field(default_factory=list)
    slower: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, schedule: Schedule, runs: int, now: float) -> _Clock:
        """Of so many runs from ``now`` on."""
        time_s = schedule.time_s
        return cls(
            limit=max(_LEAST_RUN_S, _PATIENCE * time_s * schedule.workers / max(1, runs)),
            over=now + time_s * schedule.slack,
            end=schedule.end,
            least_s=schedule.least_s,
            enough=_ENOUGH if schedule.least_s else 0,
            expected_s=schedule.expected_s,
            favorites=schedule.again,
            turns=Turns() if schedule.alone else None,
        )

    def expected(self, name: str) -> float:
        """Seconds that a run is expected to take, by those that have ended."""
        if (seconds := self.expected_s.get(name)) is not None:
            return seconds * (median(self.slower) if self.slower else 1.0)
        return median(self.ended) if self.ended else 0.0

    def run(self, plan: Plan, name: str) -> Record | None:
        """The record, or None if there is no time to start."""
        now, expected = time.monotonic(), self.expected(name)
        left, limit = self.end - now, max(self.limit, _PATIENCE * expected)
        if now + expected > self.over and len(self.ended) >= self.enough:
            return None
        if left < max(_LEAST_LEFT_S, expected if self.ended else 0.0):
            return None
        if not self.ended:
            left, limit = max(left, self.least_s), max(limit, self.least_s)
        limits = replace(plan.config.limits, time_s=min(limit, left))
        self.began(name)
        record = runner.execute(replace(plan, config=replace(plan.config, limits=limits)), self.turns)
        if record.status == "timeout" and self._starts_again(name):
            return self.run(plan, name) or record
        if record.status == "ok":
            self.ended.append(record.seconds["process"])
            if name in self.expected_s:
                self.slower.append(record.seconds["process"] / self.expected_s[name])
        return record

    def _starts_again(self, name: str) -> bool:
        """Whether a run that was stopped may be started a second time; each that is counts."""
        if self.again <= 0 or (len(self.ended) >= self.enough and name not in self.favorites):
            return False
        self.again -= 1
        return True


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


def _plan(question: Question, entry: Entry, sample: Sample, results: str, latency_s: float, jobs: int) -> Plan:
    config = RunConfig(
        method={"name": entry.method, **entry.options},
        dataset=dict(sample.config),
        budget=entry.budget,
        k=question.k,
        seed=question.seed,
        threads=question.measured_threads,
        train_size=sample.train_size,
        rescore=question.rescore,
        latency_s=latency_s,
        results=results,
        jobs=jobs,
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


def affordable(
    racers: Sequence[Racer],
    sample: Sample,
    time_s: float,
    workers: int,
    estimate: Callable[[Record, Sample], float] = seconds_on,
) -> list[Racer]:
    """The first racers whose runs on ``sample``, as long as their last ones let expect, fit into ``time_s`` together.

    A slow one ends the list: without it the next round would decide among those that it leads.
    """
    seconds = [estimate(racer.offer.record, sample) for racer in racers]
    fitting = itertools.takewhile(lambda i: together_s(seconds[: i + 1], workers) <= time_s, range(len(racers)))
    return [racers[i] for i in fitting]


def together_s(seconds: Sequence[float], workers: int) -> float:
    """How long runs of these lengths take, ``workers`` at once."""
    return max(max(seconds), sum(seconds) / workers)
