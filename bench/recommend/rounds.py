"""The rounds of one question, and the time that is left for them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bench.datasets.diagnosis import diagnose
from bench.progress import Progress
from bench.recommend.estimate import seconds_on
from bench.recommend.question import Question
from bench.recommend.race import LEAST_LIMIT_S, Racer, Round, affordable, run_round, together_s, undominated
from bench.recommend.sample import Sample
from bench.records import Record
from bench.report.per_query import RecallOfQueries

# (base, queries, training) vectors of each round, and how much worse a method may be and still go on
_SMALL, _MEDIUM, _FINAL_TRAIN = (10_000, 400, 5_000), (25_000, 1_000, 20_000), 20_000
EARLY_MARGIN, LATE_MARGIN = 0.03, 0.005  # more training reorders methods: be generous while there was little
MOST, FINALISTS = 8, 2
_SHARES = {"first": 0.40, "second": 0.22, "final": 0.20, "elsewhere": 0.18}  # of the time
_GRACE = 1.15  # times the time: then whatever still runs is stopped


class Race:
    """The rounds of one question, and the time that is left for them."""

    def __init__(self, question: Question, n: int, work: str, start: float) -> None:
        self.question, self.n, self.results, self.start = question, n, str(Path(work) / "results"), start
        self.workers = max(1, (os.cpu_count() or 1) // question.measured_threads)
        self.too_long: list[str] = []
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

    def next_round(
        self,
        racers: list[Racer],
        share: str,
        sample: Sample,
        title: str,
        most: int,
        margin: float,
        earlier: Round | None = None,
    ) -> Round:
        """Those that no other dominates and that there is time for, measured again; alone where latencies count."""
        kept = undominated(racers, margin, self.question.limits.max_p50_ms is not None)[:most]
        if len(kept) < 2:
            kept = [*kept, *[racer for racer in racers if racer not in kept][: 2 - len(kept)]]
        workers = 1 if share == "final" else self.workers
        exact_s = self._exact_s(sample)
        time_s = self.left_s(share)
        going = affordable(kept, sample, time_s - exact_s, workers)
        if len(going) < min(2, len(kept)):  # two are as good as what later rounds would get
            time_s = self.all_left_s
            going = affordable(kept[:2], sample, time_s - exact_s, workers)
            if len(going) < min(2, len(kept)):
                needed = exact_s + together_s([seconds_on(r.offer.record, sample) for r in kept[:2]], workers)
                self.too_long.append(f"{title} ({sample.n:,} vectors): about {needed:.0f} s, {time_s:.0f} s were left")
                return Round([])
        entries = [(racer.name, self.question.budget) for racer in going]
        return self.round(share, entries, sample, title, time_s, workers, earlier)

    def round(
        self,
        share: str,
        entries: list[tuple[str, str]],
        sample: Sample,
        title: str,
        time_s: float | None = None,
        workers: int | None = None,
        earlier: Round | None = None,
    ) -> Round:
        """One round of the race."""
        time_s = self.left_s(share) if time_s is None else time_s
        before = time.monotonic()
        with Progress(f"exact neighbors ({sample.n:,} vectors)", lines=False, leave=False):
            data = sample.load()
            queries = RecallOfQueries(data)
            diagnose(data)  # now, so that runs side by side do not all begin with it
        self._exact = [*self._exact, (sample.n * sample.queries, time.monotonic() - before)]
        outcome = run_round(
            self.question,
            entries,
            sample,
            queries,
            self.results,
            title=f"{title} ({sample.n:,} vectors)",
            time_s=time_s,
            end=self.start + _GRACE * self.question.time_s,
            least_s=LEAST_LIMIT_S if share == "first" else 0.0,
            n=self.n,
            workers=workers or self.workers,
            earlier=earlier,
        )
        self._ended += [*[racer.offer.record for racer in outcome.racers], *outcome.failed]
        return outcome

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


def sizes(most: int) -> list[tuple[int, int, int]]:
    """Of the three rounds, for ``most`` base vectors in the last: nested samples that grow."""
    small = (min(_SMALL[0], max(1, most // 4)), _SMALL[1], _SMALL[2])
    medium = (min(_MEDIUM[0], max(1, most // 2)), _MEDIUM[1], _MEDIUM[2])
    return [small, medium, (most, _MEDIUM[1], _FINAL_TRAIN)]
