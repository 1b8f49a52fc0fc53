"""From the question to the answer: the rounds of the race, the choice, and when it would change."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import datasets
from bench.config import RunConfig
from bench.datasets.base import Dataset
from bench.datasets.diagnosis import diagnose
from bench.errors import UsageError
from bench.execution import plan
from bench.measure.statistics import Difference, paired_difference
from bench.progress import Progress
from bench.recommend import prior
from bench.recommend.estimate import seconds_on
from bench.recommend.offer import Offer
from bench.recommend.question import Question
from bench.recommend.race import LEAST_LIMIT_S, Racer, Round, affordable, run_round, together_s, undominated
from bench.recommend.sample import Sample, write_samples
from bench.recommend.vectors import look_at, sentences
from bench.records import Record
from bench.report.per_query import RecallOfQueries
from methods import registry
from methods.budget import Budget

# (base, queries, training) vectors of each round, and how much worse a method may be and still go on
_SMALL, _MEDIUM, _FINAL_TRAIN = (10_000, 400, 5_000), (25_000, 1_000, 20_000), 20_000
_EARLY_MARGIN, _LATE_MARGIN = 0.03, 0.005  # more training reorders methods: be generous while there was little
_MOST, _FINALISTS, _ELSEWHERE = 8, 2, 4
_SHARES = {"first": 0.40, "second": 0.22, "final": 0.20, "elsewhere": 0.18}  # of the time
_GRACE = 1.15  # times the time: then whatever still runs is stopped


@dataclass
class Answer:
    """What came out.

    Attributes
    ----------
    in_file : int
        Vectors to search in the user's file: without those held out as queries.
    chosen : Offer or None
        None if nothing meets the limits.
    runner_up : Offer or None
    against : Difference or None
        Of the chosen method's recall over the runner-up's, on the same queries.
    nearest : list of Offer
        Where nothing meets the limits: the offer nearest to them within the budget, then, if one was found beyond it
        that comes nearer, the smallest that meets them, else the nearest.
    published : prior.Reaching or None
        Where nothing measured meets the least recall: what published records say would.
    elsewhere : budget in bytes -> Offer
        The best at other budgets, on the small sample.
    fastest : Offer or None
        The fastest of all that were measured, on the small sample.
    raced, failed, unstarted : list
        Names that were measured at all; records of those that were not, with reasons; names there was no time for.
    expected : set of str
        Names whose place in the race follows from published records.
    order_from : str
        What decided in which order methods raced, in words.
    ahead : list of str
        Those that published records expect to keep more than the chosen one, but that there was too little time for.
    too_long : list of str
        Rounds that there was no time for, with their estimates.
    slowest : Record or None
        The longest run.
    seconds, preparing_s : float
        The whole answer took; samples and their exact neighbors did.
    vectors : list of str
        Of which kinds the user's vectors are, in sentences.
    """

    question: Question
    dim: int
    n: int
    code_bytes: int
    in_file: int = 0
    chosen: Offer | None = None
    runner_up: Offer | None = None
    against: Difference | None = None
    nearest: list[Offer] = field(default_factory=list)
    published: prior.Reaching | None = None
    elsewhere: dict[int, Offer] = field(default_factory=dict)
    fastest: Offer | None = None
    raced: list[str] = field(default_factory=list)
    failed: list[Record] = field(default_factory=list)
    unstarted: list[str] = field(default_factory=list)
    expected: set[str] = field(default_factory=set)
    order_from: str = ""
    ahead: list[str] = field(default_factory=list)
    too_long: list[str] = field(default_factory=list)
    slowest: Record | None = None
    seconds: float = 0.0
    preparing_s: float = 0.0
    vectors: list[str] = field(default_factory=list)


def recommend(question: Question) -> Answer:
    """Race the methods on samples of the user's vectors and answer; progress goes to stderr.

    Raises
    ------
    UsageError, DatasetError, MethodError
        Before any long work, for what cannot work.
    """
    start = time.monotonic()
    with Progress(f"reading {question.data}", lines=False, leave=False):
        user = _load(question)
    n = question.n or user.base.shape[0]
    question = question.sized(n, user.dim)
    code_bytes = Budget(question.budget).code_bytes(user.dim)
    feasible = _feasible(question, user, code_bytes)
    with Progress("looking at the vectors", lines=False, leave=False):
        seen = look_at(user)
    ratio, traits = 4 * user.dim / code_bytes, prior.traits_of(seen, user.dim, str(user.metric))
    expected = prior.by_expectation(feasible, traits, ratio, prior.packaged())
    entries = [(name, question.budget) for name in expected.order]
    with tempfile.TemporaryDirectory(prefix="bench-recommend-", ignore_cleanup_errors=True) as work:
        most = min(question.sample, user.base.shape[0], n)
        small, medium, full = write_samples(user, Path(work), _sizes(most), str(user.metric), question.seed)
        race = _Race(question, n, work, start)
        answer = Answer(question, user.dim, n, code_bytes, user.base.shape[0])
        first = race.round("first", entries, small, "all methods on a small sample")
        if not first.racers:
            raise UsageError(_none_measured(question, first))
        answer.raced, answer.failed = [racer.name for racer in first.racers], first.failed
        answer.unstarted, answer.expected, answer.order_from = first.unstarted, set(expected.known), expected.source
        answer.fastest = min((racer.offer for racer in first.racers), key=lambda offer: offer.p50_ms)
        second = race.next_round(first.racers, "second", medium, "the best on more", _MOST, _EARLY_MARGIN)
        known_best = second if second.decides(first.racers[0].name) else first
        final = race.next_round(
            known_best.racers, "final", full, "the finalists, alone", _FINALISTS, _LATE_MARGIN, earlier=second
        )
        deciding = final if final.decides(known_best.racers[0].name) else known_best
        _choose(answer, deciding.racers, second.racers, first.racers)
        if answer.chosen is not None:
            answer.ahead = first.stopped_ahead(expected.known, answer.chosen.method)
        _look_elsewhere(answer, race, small, user, first)
        least = question.limits.min_recall
        if answer.chosen is None and least is not None and all(o.recall_at_n < least for o in answer.nearest):
            answer.published = prior.reaching(prior.packaged(), least, question.k, ratio)
    best = answer.chosen or next(iter(answer.nearest), None)
    answer.vectors = sentences(seen, user, best.record if best else None)
    answer.too_long, answer.slowest, answer.preparing_s = race.too_long, race.slowest, race.preparing_s
    answer.seconds = time.monotonic() - start
    return answer


class _Race:
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


def _load(question: Question) -> Dataset:
    given = {key: value for key in ("queries", "column") if (value := getattr(question, key)) is not None}
    dataset = datasets.load("path", metric=question.metric, base=question.data, **given)
    assert isinstance(dataset, Dataset)
    return dataset


def _feasible(question: Question, user: Dataset, code_bytes: int) -> list[str]:
    """Methods that have a code within the budget and can be imported here; :class:`UsageError` if none has."""
    from methods import BudgetError
    from methods.compose import rescored
    from methods.errors import UnsupportedMetric

    feasible, smallest = [], []
    for name in dict.fromkeys(question.methods) or registry.names():  # two runs of one name would share a folder
        if registry.missing_dependencies(name):
            continue
        try:
            rescored.plan(name, user.dim, code_bytes, user.metric, rescore=question.rescore)
            feasible.append(name)
        except BudgetError as error:
            smallest.append((error.smallest, name))
        except UnsupportedMetric:
            continue
    if not feasible:
        least = f"; the smallest code is {min(smallest)[0]} B ({min(smallest)[1]})" if smallest else ""
        raise UsageError(
            f"no method has a code of {code_bytes} bytes for {user.metric} at {user.dim} dimensions{least}"
        )
    return sorted(feasible, key=lambda name: not registry.get(name).trains)  # of equals, those that learn race first


def _sizes(most: int) -> list[tuple[int, int, int]]:
    """Of the three rounds, for ``most`` base vectors in the last: nested samples that grow."""
    small = (min(_SMALL[0], max(1, most // 4)), _SMALL[1], _SMALL[2])
    medium = (min(_MEDIUM[0], max(1, most // 2)), _MEDIUM[1], _MEDIUM[2])
    return [small, medium, (most, _MEDIUM[1], _FINAL_TRAIN)]


def _choose(answer: Answer, *rounds: list[Racer]) -> None:
    """The best that meets the limits; of those not distinguishable from it, the smallest at N, then the fastest.

    Parameters
    ----------
    rounds : list of Racer
        The deciding round, then those before it. A method that dropped out may meet a limit that no finalist does: a
        fast one that finds less, say. Its recall is of fewer vectors, so it has to exceed the least by a margin.
    """
    limits, seen = answer.question.limits, set[str]()
    shortfalls: list[tuple[float, Offer]] = []
    for racers in rounds:
        latest = [racer for racer in racers if racer.name not in seen]
        seen |= {racer.name for racer in racers}
        good = [racer for racer in latest if not racer.offer.misses(limits)]
        if good:
            tied = undominated(good, 0.0, latency_matters=False)
            winner = min(tied, key=lambda racer: (racer.offer.memory_bytes, racer.offer.p50_ms))
            answer.chosen = winner.offer
            others = [racer for racer in [*good, *racers] if racer is not winner]
            if others:
                answer.runner_up = others[0].offer
                answer.against = paired_difference(winner.per_query, others[0].per_query)
            return
        shortfalls += [(racer.offer.shortfall(limits), racer.offer) for racer in latest]
        if (least := answer.question.limits.min_recall) is not None:
            limits = replace(limits, min_recall=min(1.0, least + _EARLY_MARGIN))
    answer.nearest = [min(shortfalls, key=lambda pair: pair[0])[1]]


def _look_elsewhere(answer: Answer, race: _Race, small: Sample, user: Dataset, first: Round) -> None:
    """The best at twice and at half the bytes; where the limits are not met, at four and eight times too."""
    limits = answer.question.limits
    sizes = [answer.code_bytes * 2, answer.code_bytes // 2]
    if answer.chosen is None:
        sizes = [answer.code_bytes * factor for factor in (2, 4, 8)]
    beyond: list[Offer] = []
    for number, size in enumerate(sizes):
        if not 1 <= size < 4 * user.dim:
            continue
        time_s = race.left_s("elsewhere") / (len(sizes) - number)
        favorites = affordable(first.racers[:_ELSEWHERE], small, time_s, race.workers)
        favorites = favorites or affordable(first.racers[:1], small, race.all_left_s, race.workers)
        if not favorites:
            race.too_long.append(f"other budgets: {race.all_left_s:.0f} s were left")
            break
        entries = [(name, f"{size}B") for name in [racer.name for racer in favorites] + _new_at(size, answer)]
        outcome = race.round("elsewhere", [e for e in entries if _fits(race, e, small)], small, f"at {size} bytes")
        if not outcome.racers:
            continue
        answer.elsewhere[size] = outcome.racers[0].offer
        beyond += [racer.offer for racer in outcome.racers]
        if answer.chosen is None and any(not offer.misses(limits) for offer in beyond):
            break
    if answer.chosen is None and beyond:
        best = min(beyond, key=lambda offer: (offer.shortfall(limits), offer.code, -offer.recall.value))
        if best.shortfall(limits) < answer.nearest[0].shortfall(limits):
            answer.nearest.append(best)


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


def _none_measured(question: Question, first: Round) -> str:
    """Why the first round left nothing, and what would."""
    if first.unstarted or any(record.status == "timeout" for record in first.failed):
        tried = ", ".join(record.method.name for record in first.failed) or "none"
        return (
            f"no method was measured within --time {question.time_s:g} (tried: {tried}; not begun: "
            f"{len(first.unstarted)}); give more --time, or name fast methods with --methods"
        )
    return f"no method could be measured within {question.budget}: {_reasons(first.failed)}"


def _reasons(failed: list[Record]) -> str:
    return "; ".join(f"{record.method.name}: {record.reason}" for record in failed[:3])
