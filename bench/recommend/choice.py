"""From the question to the answer: the rounds of the race, the choice, and when it would change."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench import datasets
from bench.config import RunConfig
from bench.datasets.base import Dataset
from bench.errors import UsageError
from bench.execution import plan
from bench.progress import Progress
from bench.recommend import disk, keep, pick, prior
from bench.recommend.answer import Answer
from bench.recommend.estimate import seconds_on
from bench.recommend.offer import Offer
from bench.recommend.question import Question
from bench.recommend.race import Round, affordable
from bench.recommend.rounds import EARLY_MARGIN, FINALISTS, LATE_MARGIN, MOST, Race, sizes
from bench.recommend.sample import Sample, write_samples
from bench.recommend.vectors import look_at, sentences
from bench.records import Record
from methods import registry
from methods.budget import Budget

_ELSEWHERE = 4  # favorites that other budgets are measured with


def recommend(question: Question) -> Answer:
    """Race the methods on samples of the user's vectors and answer; progress goes to stderr.

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
        first = race.first_round(expected, small, user.dim)
        if not first.racers:
            raise UsageError(_none_measured(question, first))
        answer.raced, answer.failed = [racer.name for racer in first.racers], first.failed
        answer.unstarted, answer.expected, answer.order_from = first.unstarted, set(expected.known), expected.source
        favorites, known_best, second, margin = expected.favorites, first, Round([]), EARLY_MARGIN
        for sample in medium:
            second = race.next_round(first.racers, "second", sample, "the best on more", MOST, margin, favorites)
            if second.decides(first.racers[0].name):
                known_best, margin = second, LATE_MARGIN
        final = race.next_round(
            known_best.racers, "final", full, "the finalists", FINALISTS, margin, favorites, earlier=second
        )
        deciding = final if final.decides(known_best.racers[0].name) else known_best
        pick.carry_on(deciding.racers[:MOST])
        for round_ in (deciding, second, first) if question.limits.min_recall is not None else []:
            pick.carry_on(racer for racer in round_.racers if not racer.offer.missed(question.limits))
        answer.fastest = min((racer.offer for racer in first.racers), key=lambda offer: offer.p50_ms)
        pick.choose(answer, deciding.racers, second.racers, first.racers)
        if answer.chosen is not None and answer.chosen.method in expected.known:
            answer.ahead = first.stopped_ahead(expected.known, answer.chosen.method)
        answer.favorites_missing = [name for name in expected.favorites if name in first.stopped]
        answer.needed_s = race.time_for(answer.favorites_missing)
        _look_elsewhere(answer, race, small, user, first)
        best = answer.chosen or answer.nearest[0]
        if question.rescore is None:
            with Progress("re-ranking from disk", lines=False, leave=False):
                answer.disk = disk.measure(best, answer.elsewhere.get(code_bytes // 2), race.all_left_s)
        answer.seconds = time.monotonic() - start
        if question.save is not None and answer.chosen is not None:
            answer.saved = keep.save(question, answer.chosen, full, answer.in_file, race.all_left_s)
    answer.vectors = sentences(seen, user, best.record)
    answer.too_long, answer.slowest, answer.preparing_s = race.too_long, race.slowest, race.preparing_s
    return answer


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
    limits, sizes = answer.question.limits, pick.sizes_elsewhere(answer)
    measured: list[Offer] = []
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
        able = [entry for entry in entries if _fits(race, entry, small)]
        expected_s = {racer.name: seconds_on(racer.offer.record, small) for racer in favorites}
        outcome = race.round("elsewhere", able, small, f"at {size} bytes", expected_s, time_s)
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
        latest = {offer.method: offer for offer in [*(racer.offer for racer in first.racers), *answer.nearest]}
        known = [*latest.values(), *measured]
        if least is not None and all(offer.recall_at_n < least for offer in known):
            largest = max(offer.code for offer in known)
            answer.published = prior.reaching(prior.packaged(), least, answer.question.k, 4 * user.dim / largest)


def _new_at(size: int, answer: Answer) -> list[str]:
    """Methods without training that a larger code makes possible: cheap to try."""
    if answer.question.methods or size < answer.code_bytes:
        return []
    tried = {*answer.raced, *(record.method.name for record in answer.failed), "float32"}
    return [name for name in registry.names() if not registry.get(name).trains and name not in tried]


def _fits(race: Race, entry: tuple[str, str], sample: Sample) -> bool:
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
