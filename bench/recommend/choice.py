"""From the question to the answer: the rounds of the race, the choice, and when it would change."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import datasets, plan
from bench.budget import Budget
from bench.config import RunConfig
from bench.datasets.base import Dataset
from bench.errors import UsageError
from bench.measure.statistics import Difference, paired_difference
from bench.recommend import prior
from bench.recommend.offer import Offer
from bench.recommend.question import Question
from bench.recommend.race import LEAST_RUN_S, Racer, Round, affordable, run_round, undominated
from bench.recommend.sample import Sample, write_samples
from bench.records import Record
from methods import registry

# (base, queries, training) vectors of each round, and how much worse a method may be and still go on
_SMALL, _MEDIUM, _FINAL_TRAIN = (10_000, 400, 5_000), (25_000, 1_000, 20_000), 20_000
_EARLY_MARGIN, _LATE_MARGIN = 0.03, 0.005  # more training reorders methods: be generous while there was little
_MOST, _FINALISTS, _ELSEWHERE = 8, 2, 4
_SHARES = {"first": 0.40, "second": 0.22, "final": 0.20, "elsewhere": 0.18}  # of the time


@dataclass
class Answer:
    """What came out.

    Attributes
    ----------
    chosen : Offer or None
        None if nothing meets the limits.
    runner_up : Offer or None
    against : Difference or None
        Of the first finalist's recall over the second's, on the same queries.
    nearest : list of Offer
        Where nothing meets the limits: the offer nearest to them within the budget, then, if one was found, the
        smallest beyond the budget that meets them.
    elsewhere : budget in bytes -> Offer
        The best at other budgets, on the small sample.
    fastest : Offer or None
        The fastest of all that were measured, on the small sample.
    raced, failed, unstarted : list
        Names that were measured at all; records of those that were not, with reasons; names there was no time for.
    expected : set of str
        Names whose place in the race follows from published records.
    seconds : float
        The whole answer took.
    """

    question: Question
    dim: int
    n: int
    code_bytes: int
    chosen: Offer | None = None
    runner_up: Offer | None = None
    against: Difference | None = None
    nearest: list[Offer] = field(default_factory=list)
    elsewhere: dict[int, Offer] = field(default_factory=dict)
    fastest: Offer | None = None
    raced: list[str] = field(default_factory=list)
    failed: list[Record] = field(default_factory=list)
    unstarted: list[str] = field(default_factory=list)
    expected: set[str] = field(default_factory=set)
    seconds: float = 0.0


def recommend(question: Question) -> Answer:
    """Race the methods on samples of the user's vectors and answer; progress goes to stderr.

    Raises
    ------
    UsageError, DatasetError, MethodError
        Before any long work, for what cannot work.
    """
    start = time.monotonic()
    user = _load(question)
    code_bytes = Budget(question.budget).code_bytes(user.dim)
    n = question.n or user.base.shape[0]
    feasible = _feasible(question, user, code_bytes)
    names, known = prior.by_expectation(feasible, 4 * user.dim / code_bytes, prior.published_records())
    entries = [(name, question.budget) for name in names]
    with tempfile.TemporaryDirectory(prefix="bench-recommend-", ignore_cleanup_errors=True) as work:
        most = min(question.sample, user.base.shape[0], n)
        small, medium, full = write_samples(user, Path(work), _sizes(most), str(user.metric), question.seed)
        race = _Race(question, n, work, start)
        answer = Answer(question, user.dim, n, code_bytes)
        first = race.round("first", entries, small, "all methods on a small sample")
        if not first.racers:
            raise UsageError(f"no method could be measured within {question.budget}: {_reasons(first.failed)}")
        answer.raced, answer.failed = [racer.name for racer in first.racers], first.failed
        answer.unstarted, answer.expected = first.unstarted, set(known)
        answer.fastest = min((racer.offer for racer in first.racers), key=lambda offer: offer.p50_ms)
        left = race.going_on(first.racers, "second", _MOST, _EARLY_MARGIN, growth=2.5)
        second = race.round("second", [(r.name, question.budget) for r in left], medium, "the best on more")
        left = race.going_on(second.racers or first.racers, "final", _FINALISTS, _LATE_MARGIN, growth=1.5, alone=True)
        final = race.round(
            "final", [(r.name, question.budget) for r in left], full, "the finalists, alone", alone=True, earlier=second
        )
        _choose(answer, final.racers or second.racers or first.racers)
        _look_elsewhere(answer, race, small, user, first)
    answer.seconds = time.monotonic() - start
    return answer


class _Race:
    """The rounds of one question, and the time that is left for them."""

    def __init__(self, question: Question, n: int, work: str, start: float) -> None:
        self.question, self.n, self.results, self.start = question, n, str(Path(work) / "results"), start
        self.workers = max(1, (os.cpu_count() or 1) // question.threads)

    def left_s(self, share: str) -> float:
        """Seconds for a round: its share of the whole, or its part of what is left if that is less."""
        names = list(_SHARES)
        coming = sum(_SHARES[name] for name in names[names.index(share) :])
        left = max(0.0, self.question.time_s - (time.monotonic() - self.start))
        return left * _SHARES[share] / coming

    def going_on(
        self, racers: list[Racer], share: str, most: int, margin: float, growth: float, alone: bool = False
    ) -> list[Racer]:
        """Those that no other dominates and that the next round has time for."""
        latency = self.question.limits.max_p50_ms is not None
        kept = undominated(racers, margin, latency)[:most]
        if len(kept) < 2:
            kept = [*kept, *[racer for racer in racers if racer not in kept][: 2 - len(kept)]]
        return affordable(kept, growth, self.left_s(share), 1 if alone else self.workers, least=2)

    def round(
        self,
        share: str,
        entries: list[tuple[str, str]],
        sample: Sample,
        title: str,
        alone: bool = False,
        earlier: Round | None = None,
    ) -> Round:
        """One round of the race."""
        time_s = self.left_s(share)
        return run_round(
            self.question,
            entries,
            sample,
            self.results,
            title=f"{title} ({sample.n:,} vectors)",
            time_s=time_s,
            n=self.n,
            workers=1 if alone else self.workers,
            earlier=earlier,
        )


def _load(question: Question) -> Dataset:
    queries: dict[str, Any] = {} if question.queries is None else {"queries": question.queries}
    found = datasets.load("path", metric=question.metric, base=question.data, **queries)
    assert isinstance(found, Dataset)
    return found


def _feasible(question: Question, user: Dataset, code_bytes: int) -> list[str]:
    """Methods that have a code within the budget and can be imported here; :class:`UsageError` if none has."""
    from methods import BudgetError, rescore
    from methods.errors import UnsupportedMetric

    found, smallest = [], []
    for name in question.methods or registry.names():
        if registry.missing_dependencies(name):
            continue
        try:
            rescore.plan(name, user.dim, code_bytes, user.metric, rescore=question.rescore)
            found.append(name)
        except BudgetError as error:
            smallest.append((error.smallest, name))
        except UnsupportedMetric:
            continue
    if not found:
        least = f"; the smallest code is {min(smallest)[0]} B ({min(smallest)[1]})" if smallest else ""
        raise UsageError(
            f"no method has a code of {code_bytes} bytes for {user.metric} at {user.dim} dimensions{least}"
        )
    return sorted(found, key=lambda name: not registry.get(name).trains)  # of equals, those that learn race first


def _sizes(most: int) -> list[tuple[int, int, int]]:
    """Of the three rounds, for ``most`` base vectors in the last: nested samples that grow."""
    small = (min(_SMALL[0], max(1, most // 4)), _SMALL[1], _SMALL[2])
    medium = (min(_MEDIUM[0], max(1, most // 2)), _MEDIUM[1], _MEDIUM[2])
    return [small, medium, (most, _MEDIUM[1], _FINAL_TRAIN)]


def _choose(answer: Answer, finalists: list[Racer]) -> None:
    """The best that meets the limits; of those not told apart from it, the smallest at N, then the fastest."""
    limits = answer.question.limits
    good = [racer for racer in finalists if not racer.offer.misses(limits)]
    if not good:
        answer.nearest = [min((racer.offer for racer in finalists), key=lambda offer: offer.shortfall(limits))]
        return
    tied = undominated(good, 0.0, latency_matters=False)
    winner = min(tied, key=lambda racer: (racer.offer.memory_bytes, racer.offer.p50_ms))
    answer.chosen = winner.offer
    others = [racer for racer in finalists if racer is not winner]
    if others:
        answer.runner_up = others[0].offer
        answer.against = paired_difference(winner.per_query, others[0].per_query)


def _look_elsewhere(answer: Answer, race: _Race, small: Sample, user: Dataset, first: Round) -> None:
    """The best at twice and at half the bytes; where the limits are not met, at four and eight times too."""
    sizes = [answer.code_bytes * 2, answer.code_bytes // 2]
    if answer.chosen is None:
        sizes = [answer.code_bytes * factor for factor in (2, 4, 8)]
    for number, size in enumerate(sizes):
        if not 1 <= size < 4 * user.dim:
            continue
        time_s = race.left_s("elsewhere") / (len(sizes) - number)
        favourites = affordable(first.racers[:_ELSEWHERE], 1.2, time_s, race.workers, least=1)
        if race.left_s("elsewhere") < max(LEAST_RUN_S, favourites[0].seconds):
            return
        entries = [(name, f"{size}B") for name in [racer.name for racer in favourites] + _new_at(size, answer)]
        found = race.round("elsewhere", [e for e in entries if _fits(race, e, small)], small, f"at {size} bytes")
        if not found.racers:
            continue
        best = found.racers[0].offer
        answer.elsewhere[size] = best
        if answer.chosen is None and not best.misses(answer.question.limits):
            answer.nearest.append(best)
            return


def _new_at(size: int, answer: Answer) -> list[str]:
    """Methods without training that a larger code makes possible: cheap to try."""
    if answer.question.methods or size < answer.code_bytes:
        return []
    tried = {*answer.raced, *(record.method.name for record in answer.failed), "float32"}
    return [name for name in registry.names() if not registry.get(name).trains and name not in tried]


def _fits(race: _Race, entry: tuple[str, str], sample: Sample) -> bool:
    name, budget = entry
    if registry.missing_dependencies(name):
        return False
    config = RunConfig(
        method={"name": name},
        dataset=dict(sample.config),
        budget=budget,
        rescore=race.question.rescore,
        results=race.results,
    )
    return plan.prepare(config).infeasible is None


def _reasons(failed: list[Record]) -> str:
    return "; ".join(f"{record.method.name}: {record.reason}" for record in failed[:3])
