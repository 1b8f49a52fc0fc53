"""From the question to the answer: the rounds of the race, the choice, and when it would change."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import datasets
from bench.config import RunConfig
from bench.datasets.base import Dataset
from bench.errors import UsageError
from bench.execution import plan
from bench.progress import Progress
from bench.recommend import disk, keep, pick, prior, visits
from bench.recommend.answer import Answer
from bench.recommend.entries import Entry, elsewhere, entries, rescores_from_disk
from bench.recommend.estimate import seconds_on
from bench.recommend.offer import Offer
from bench.recommend.places import best_had, places_of
from bench.recommend.question import Question
from bench.recommend.race import Round, affordable
from bench.recommend.rounds import EARLY_MARGIN, FINALISTS, LATE_MARGIN, MOST, Race, sizes
from bench.recommend.sample import Sample, write_samples
from bench.recommend.vectors import look_at, sentences
from methods import registry
from methods.budget import Budget

_ELSEWHERE = 4  # favorites that other budgets are measured with


def recommend(question: Question, tell: Callable[[Answer], object] = lambda answer: None) -> Answer:
    """Race the methods on samples of the user's vectors and answer; progress goes to stderr.

    Parameters
    ----------
    question : Question
    tell : callable
        Is called with the answer as soon as it is known, before anything is saved.

    Raises
    ------
    UsageError, DatasetError, MethodError
        Before any long work, for what cannot work.
    """
    start = time.monotonic()
    keep.check(question.save)
    with Progress(f"reading {question.data}", lines=False, leave=False):
        user = _load(question)
    n = question.n or user.base.shape[0]
    question = question.sized(n, user.dim)
    code_bytes = Budget(question.budget).code_bytes(user.dim)
    feasible = _feasible(question, user, code_bytes)
    racing = entries(question, feasible, user.dim, str(user.metric), code_bytes)
    with Progress("looking at the vectors", lines=False, leave=False):
        seen = look_at(user)
    ratio, traits = 4 * user.dim / code_bytes, prior.traits_of(seen, user.dim, str(user.metric))
    expected = prior.by_expectation(feasible, traits, ratio, prior.packaged())
    with tempfile.TemporaryDirectory(prefix="bench-recommend-", ignore_cleanup_errors=True) as work:
        most = min(question.sample, user.base.shape[0], n)
        with Progress("writing samples", lines=False, leave=False):
            small, *medium, full = write_samples(user, Path(work), sizes(most), str(user.metric), question.seed)
        race = Race(question, n, work, start)
        answer = Answer(question, user.dim, n, code_bytes, user.base.shape[0], full.train_size)
        answer.left_out = racing.left_out
        rounds = _race(race, answer, racing.listed, expected, small, medium, full)
        first = rounds[-1]
        _choose(answer, rounds, expected)
        answer.needed_s = race.time_for(answer.favorites_missing)
        _look_elsewhere(answer, race, small, user, first)
        if pick.unreachable_ms(answer) is not None:
            with Progress("learning lists", lines=False, leave=False):
                answer.visits = visits.measure(full, pick.affordable_share(answer), question.k, question.seed)
        best = answer.chosen or answer.nearest[0]
        if question.rescore is None and (best.scheme is None or rescores_from_disk(best.scheme)):
            with Progress("re-ranking from disk", lines=False, leave=False):
                answer.disk = disk.measure(best, answer.elsewhere.get(code_bytes // 2), race.all_left_s)
        answer.vectors = sentences(seen, user, best.record)
        answer.too_long, answer.slowest, answer.preparing_s = race.too_long, race.slowest, race.preparing_s
        answer.seconds = time.monotonic() - start
        tell(answer)
        if question.save is not None and answer.chosen is not None:
            answer.saved = keep.save(question, answer.chosen, full, answer.in_file, race.all_left_s)
    return answer


def _race(
    race: Race,
    answer: Answer,
    listed: list[Entry],
    expected: prior.Expectation,
    small: Sample,
    medium: list[Sample],
    full: Sample,
) -> list[Round]:
    """The rounds, the deciding one first."""
    first = race.first_round(expected, listed, small, answer.dim)
    served = [racer for racer in first.racers if racer.offer.schemes]
    if not (served if answer.question.engines else first.racers):
        raise UsageError(_none_measured(answer.question, first))
    answer.raced, answer.failed = [racer.name for racer in first.racers], first.failed
    answer.unstarted, answer.expected, answer.order_from = first.unstarted, set(expected.known), expected.source
    fastest = min(served or first.racers, key=lambda racer: racer.offer.p50_ms).name
    had = None if answer.question.engines else best_had(first.racers, answer.code_bytes)
    also = [] if had is None else [had.name]  # what it costs to take that is told of the vectors that decide
    favorites, known_best, second, margin = expected.favorites, first, Round([]), EARLY_MARGIN
    for sample in medium:
        second = race.next_round(first.racers, "second", sample, "the best on more", MOST, margin, favorites, also=also)
        if second.decides(first.leaders):
            known_best, margin = second, LATE_MARGIN
    racers = known_best.racers
    final = race.next_round(
        racers, "final", full, "the finalists", FINALISTS, margin, favorites, earlier=second, also=also
    )
    measured = [racer for round_ in (final, second, first) if (racer := round_.named(fastest)) is not None]
    answer.fastest = measured[0].offer
    return [final if final.decides(known_best.leaders) else known_best, second, first]


def _choose(answer: Answer, rounds: list[Round], expected: prior.Expectation) -> None:
    """The answer of what may be chosen: all methods, or what the named engines have."""
    question, (deciding, _, first) = answer.question, rounds
    pick.carry_on(deciding.racers[:MOST])
    for round_ in rounds if question.limits.min_recall is not None else []:
        pick.carry_on(racer for racer in round_.racers if pick.may_meet(racer.offer, question.limits))
    everything = [round_.racers for round_ in rounds]
    if question.engines:
        served = [[racer for racer in racers if racer.offer.schemes] for racers in everything]
        pick.choose(answer, *served)
        answer.staying = pick.staying(answer.chosen or answer.nearest[0], everything)
        best = answer.staying.best if answer.staying is not None else None
    else:
        pick.choose(answer, *everything)
        best = answer.chosen
        answer.places = places_of(answer.chosen or answer.nearest[0], everything, answer.code_bytes)
    name = (answer.chosen or answer.nearest[0]).name
    same = [racer.offer for round_ in rounds if (racer := round_.named(name)) is not None]
    answer.earlier = {offer.record.dataset.n: offer for offer in same}
    if best is not None and best.name in expected.known:
        answer.ahead = first.stopped_ahead(expected.known, best.name)
    answer.favorites_missing = [name for name in expected.favorites if name in first.stopped]


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


def _look_elsewhere(answer: Answer, race: Race, small: Sample, user: Dataset, first: Round) -> None:
    """The best at twice and at half the bytes; where the limits are not met, where they may be."""
    question, budgets = answer.question, pick.sizes_elsewhere(answer)
    limits, measured = question.limits, list[Offer]()
    for number, size in enumerate(budgets):
        if not 1 <= size < 4 * user.dim:
            continue
        tried = _tried_at(size, answer, race, small, first, race.left_s("elsewhere") / (len(budgets) - number))
        if tried is None:
            race.too_long.append(f"other budgets: {race.all_left_s:.0f} s were left")
            break
        able, expected_s, time_s = tried
        outcome = race.round("elsewhere", able, small, f"at {size} bytes", expected_s, time_s) if able else Round([])
        if not outcome.racers:
            continue
        if limits.min_recall is not None:
            pick.carry_on(outcome.racers)
        answer.elsewhere[size] = pick.best_of(outcome.racers, limits)
        measured += [racer.offer for racer in outcome.racers]
        if answer.chosen is None and any(not offer.missed(limits) for offer in measured):
            break
    if answer.chosen is None:
        answer.nearer = pick.nearer(answer, measured)
        least = limits.min_recall
        latest = {offer.name: offer for offer in [*(racer.offer for racer in first.racers), *answer.nearest]}
        known = [*latest.values(), *measured]
        if least is not None and all(offer.recall_at_n < least for offer in known):
            largest = max(offer.code for offer in known)
            answer.published = prior.reaching(prior.packaged(), least, question.k, 4 * user.dim / largest)


def _tried_at(
    size: int, answer: Answer, race: Race, small: Sample, first: Round, time_s: float
) -> tuple[list[Entry], dict[str, float], float] | None:
    """What races at another budget, with the seconds of each and of all; None where there is no time."""
    if answer.question.engines:
        by_method = {racer.offer.method: seconds_on(racer.offer.record, small) for racer in first.racers}
        served = elsewhere(answer.question, answer.dim, str(small.config["metric"]), size, answer.raced)
        expected_s = {one.name: by_method[one.method] for one in served if one.method in by_method}
        if served and race.all_left_s < min(expected_s.values(), default=0.0):
            return None
        return served, expected_s, time_s
    favorites = affordable(first.racers[:_ELSEWHERE], small, time_s, race.workers)
    favorites = favorites or affordable(first.racers[:1], small, race.all_left_s, race.workers)
    if not favorites:
        return None
    names = [*(racer.name for racer in favorites), *_new_at(size, answer)]
    able = [entry for entry in (Entry(name, f"{size}B") for name in names) if _fits(race, entry, small)]
    return able, {racer.name: seconds_on(racer.offer.record, small) for racer in favorites}, time_s


def _new_at(size: int, answer: Answer) -> list[str]:
    """Methods without training that a larger code makes possible: cheap to try."""
    if answer.question.methods or size < answer.code_bytes:
        return []
    tried = {*answer.raced, *answer.failed, "float32"}
    return [name for name in registry.names() if not registry.get(name).trains and name not in tried]


def _fits(race: Race, entry: Entry, sample: Sample) -> bool:
    if registry.missing_dependencies(entry.method):
        return False
    config = RunConfig(
        method={"name": entry.method},
        dataset=dict(sample.config),
        budget=entry.budget,
        rescore=race.question.rescore,
        results=race.results,
    )
    return plan.prepare(config).infeasible is None


def _none_measured(question: Question, first: Round) -> str:
    """Why the first round left nothing, and what would."""
    failed = first.failed
    what = f"nothing of {' and '.join(question.engines)}" if question.engines else "no method"
    if first.unstarted or any(record.status == "timeout" for record in failed.values()):
        return (
            f"{what} was measured within --time {question.time_s:g} (tried: {', '.join(failed) or 'none'}; not begun: "
            f"{len(first.unstarted)}); give more --time, or name fast methods with --methods"
        )
    reasons = "; ".join(f"{name}: {record.reason}" for name, record in list(failed.items())[:3])
    return f"{what} could be measured within {question.budget}: {reasons}"
