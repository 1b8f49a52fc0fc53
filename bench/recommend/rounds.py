"""The rounds of one question, and the time that is left for them."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from bench.datasets.diagnosis import diagnose
from bench.progress import Progress
from bench.recommend.entries import Entry
from bench.recommend.estimate import expected_seconds, running_order, seconds_on
from bench.recommend.prior import Expectation
from bench.recommend.question import Question
from bench.recommend.race import LEAST_LIMIT_S, Racer, Round, Schedule, affordable, run_round, together_s, undominated
from bench.recommend.sample import Sample
from bench.records import Record
from bench.report.per_query import RecallOfQueries

# (base, queries, training) vectors of each round, and how much worse a method may be and still go on
_SMALL, _MEDIUM, _FINAL = (5_000, 200, 2_000), (10_000, 500, 6_000), (1_000, 20_000)
_PARTS = (1, 2, 4)  # of a round's training vectors, where there is no time for more
_NEAR = 2.5  # times the medium base: a final as small follows the first round at once
EARLY_MARGIN, LATE_MARGIN = 0.03, 0.005  # more training reorders methods: be generous while there was little
MOST, FINALISTS = 6, 3
_SHARES = {"first": 0.55, "second": 0.13, "final": 0.20, "elsewhere": 0.12}  # of the time
_GRACE = 1.15  # times the time: then whatever still runs is stopped
_CAUTION = 1.25  # times the published time of fitting: sets differ
_STEP_S = 30  # in which a longer time is proposed


class Race:
    """The rounds of one question, and the time that is left for them."""

    def __init__(self, question: Question, n: int, work: str, start: float) -> None:
        self.question, self.n, self.results, self.start = question, n, str(Path(work) / "results"), start
        self.workers = max(1, (os.cpu_count() or 1) // question.measured_threads)
        self.too_long: list[str] = []
        self.missing_s: dict[str, float] = {}  # runs that there was no time for, with the seconds they would have taken
        self._fit_ns: dict[str, float] = {}  # of fitting, for a vector and dimension, on this machine
        self._written_s = time.monotonic() - start
        self._exact: list[tuple[int, float]] = []  # work (vectors times queries) and seconds of each round
        self._ended: list[Record] = []

    @property
    def all_left_s(self) -> float:
        """Seconds until the time is over."""
        return max(0.0, self.question.time_s - (time.monotonic() - self.start))

    def left_s(self, share: str) -> float:
        """Seconds for a round: its share of the whole, or its part of what is left if that is less."""
        names = list(_SHARES)
        coming = sum(_SHARES[name] for name in names[names.index(share) :])
        return self.all_left_s * _SHARES[share] / coming

    def first_round(self, expectation: Expectation, entries: Sequence[Entry], sample: Sample, dim: int) -> Round:
        """All entries: what engines have, then the methods that published records expect most of for their time."""
        by_method = expected_seconds(expectation, sample, dim)
        other = median(by_method.values())
        expected_s = {entry.name: by_method.get(entry.method, other) for entry in entries}
        rest = {entry.name: entry for entry in entries if not entry.schemes}
        served = sorted((one for one in entries if one.schemes), key=lambda one: expected_s[one.name])
        entries = [*served, *(rest[name] for name in running_order(expectation, by_method) if name in rest)]
        favorites = frozenset([*expectation.favorites, *(entry.name for entry in served)])
        title = f"{_racing(self.question)} on a small sample"
        first = self.round("first", entries, sample, title, expected_s, again=favorites)
        slower = median([r.offer.record.seconds["process"] / expected_s[r.name] for r in first.racers] or [1.0])
        spent_s = {
            name: record.seconds.get("process", 0.0)
            for name, record in first.failed.items()
            if record.status == "timeout"
        }
        # one that was stopped takes longer than that, nobody knows how much: twice as long is a guess
        self.missing_s = {name: max(slower * expected_s[name], 2 * spent_s.get(name, 0.0)) for name in first.stopped}
        self._fit_ns = {name: max(1.0, slower) * _CAUTION * fit for name, (fit, _) in expectation.costs.items()}
        return first

    def seconds_on(self, record: Record, sample: Sample) -> float:
        """As :func:`bench.recommend.estimate.seconds_on`, by what published records say of more training."""
        return seconds_on(record, sample, self._fit_ns.get(record.method.name))

    def next_round(
        self,
        racers: list[Racer],
        share: str,
        sample: Sample,
        title: str,
        most: int,
        margin: float,
        favorites: Collection[str] = (),
        earlier: Round | None = None,
        also: Collection[str] = (),
    ) -> Round:
        """Those that no other dominates and that there is time for, measured again, and those of ``also``."""
        kept = self._going_on(racers, most, margin, favorites)
        names = {racer.name for racer in kept}
        kept += [racer for racer in racers if racer.name in {*also} - names]
        least, going = min(2, len(kept)), list[Racer]()
        for part, time_s, some in self._ways(share, len(kept)):
            tried = replace(sample, train_size=-(-sample.train_size // part))
            going = affordable(kept[:some], tried, time_s - self._exact_s(tried), self.workers, self.seconds_on)
            if len(going) >= least:
                break
        else:
            self._note_too_long(kept[:2], sample, title)
        self.missing_s |= {
            racer.name: self.seconds_on(racer.offer.record, sample) for racer in kept if racer not in going
        }
        if len(going) < least:
            return Round([])
        expected_s = {racer.name: self.seconds_on(racer.offer.record, tried) for racer in going}
        return self.round(share, [racer.entry for racer in going], tried, title, expected_s, time_s, earlier=earlier)

    def _ways(self, share: str, racers: int) -> Iterator[tuple[int, float, int]]:
        """By which part of the training, in how many seconds, with how many racers: two are as good as what later
        rounds would get, and on less training they are measured sooner than not at all."""
        for part in _PARTS:
            yield part, self.left_s(share), racers
            yield part, self.all_left_s, 2

    def _note_too_long(self, racers: list[Racer], sample: Sample, title: str) -> None:
        seconds = [self.seconds_on(racer.offer.record, sample) for racer in racers]
        needed, left = self._exact_s(sample) + together_s(seconds, self.workers), self.all_left_s
        self.too_long.append(f"{title} ({sample.n:,} vectors): about {needed:.0f} s, {left:.0f} s were left")

    def _going_on(self, racers: list[Racer], most: int, margin: float, favorites: Collection[str]) -> list[Racer]:
        """Those that no other dominates, at least two; favorites after them, unless they are far behind.

        Where engines were named, those of what they have, and behind the first of them the best of all.
        """
        served = [racer for racer in racers if racer.offer.schemes]
        if not served or len(served) == len(racers):
            return self._leading(racers, most, margin, favorites)
        first, *others = self._leading(served, most, margin, ())
        best, *rest = self._leading(racers, 1, margin, favorites)
        return list({racer.name: racer for racer in [first, best, *others, *rest]}.values())

    def _leading(self, racers: Sequence[Racer], most: int, margin: float, favorites: Collection[str]) -> list[Racer]:
        fast = self.question.limits.max_p50_ms is not None
        names = [racer.name for racer in undominated(racers, margin, fast)[:most]]
        names += [racer.name for racer in undominated(racers, 2 * margin, fast) if racer.name in favorites]
        names += [racer.name for racer in racers[:2]] if len(set(names)) < 2 else []
        return [next(racer for racer in racers if racer.name == name) for name in dict.fromkeys(names)]

    def round(
        self,
        share: str,
        entries: Sequence[Entry],
        sample: Sample,
        title: str,
        expected_s: Mapping[str, float],
        time_s: float | None = None,
        again: frozenset[str] = frozenset(),
        earlier: Round | None = None,
    ) -> Round:
        """One round of the race."""
        time_s = self.left_s(share) if time_s is None else time_s
        before = time.monotonic()
        with Progress(f"exact neighbors ({sample.n:,} vectors)", lines=False, leave=False):
            data = sample.load()
            queries = RecallOfQueries(data)
            diagnose(data)  # now, so that runs side by side do not all begin with it
        exact_s = time.monotonic() - before
        self._exact = [*self._exact, (sample.n * sample.queries, exact_s)]
        schedule = Schedule(
            time_s=time_s - exact_s,
            end=self.start + _GRACE * self.question.time_s,
            workers=self.workers,
            expected_s=expected_s,
            least_s=LEAST_LIMIT_S if share == "first" else 0.0,
            again=again,
            slack=1.0 if share == "first" else 4 / 3,
            alone=share == "final",
        )
        title = f"{title} ({sample.n:,} vectors)"
        outcome = run_round(
            self.question,
            entries,
            sample,
            queries,
            self.results,
            title=title,
            n=self.n,
            schedule=schedule,
            earlier=earlier,
        )
        self._ended += [*[racer.offer.record for racer in outcome.racers], *outcome.failed.values()]
        return outcome

    def time_for(self, names: Collection[str]) -> int:
        """The ``--time`` in which these, which there was no time for, would have been measured; in whole steps."""
        missing = sum(self.missing_s.get(name, 0.0) for name in names) / self.workers
        return math.ceil((self.question.time_s + missing / _SHARES["first"]) / _STEP_S) * _STEP_S

    def _exact_s(self, sample: Sample) -> float:
        """What the exact neighbors of a sample will take; the first time says too little: there, code is compiled."""
        if len(self._exact) < 2:
            return 0.0
        work, seconds = self._exact[-1]
        return seconds * sample.n * sample.queries / work

    @property
    def slowest(self) -> Record | None:
        """The longest run of all."""
        return max(self._ended, key=lambda record: record.seconds.get("process", 0.0), default=None)

    @property
    def preparing_s(self) -> float:
        """What exact neighbors and writing the samples took."""
        return self._written_s + sum(seconds for _, seconds in self._exact)


def _racing(question: Question) -> str:
    """Which race first, for the title of their round."""
    methods = "the named methods" if question.methods else "all methods"
    if not question.engines:
        return methods
    return f"what {' and '.join(question.engines)} offer{'s' * (len(question.engines) == 1)} and {methods}"


def sizes(most: int) -> list[tuple[int, int, int]]:
    """Of two or three rounds, for ``most`` base vectors in the last: nested samples that grow."""
    small = (min(_SMALL[0], max(1, most // 4)), *_SMALL[1:])
    return [small, *([_MEDIUM] if most > _NEAR * _MEDIUM[0] else []), (most, *_FINAL)]
