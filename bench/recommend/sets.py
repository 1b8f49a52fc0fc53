"""``python -m bench.recommend multivector --data docs.npz --queries q.npz --budget 1280B``: how to store token vectors.

Every method of the track is measured on the user's documents, each run in a process of its own: first with the codec
that it has by default; then the best with other codecs; then, where a disk may be read, the best with fewer and more
candidates. Those that published measurements expect most of come first, of equals the quickest, and those that the time
left will not hold are left out.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import numpy as np

from bench import composition
from bench.arguments import overrides_of, shell_word
from bench.datasets import RaggedDataset
from bench.errors import UsageError
from bench.execution import runner
from bench.execution.naming import outcome_of
from bench.measure.statistics import AgainstBest, Interval, against_best
from bench.progress import Progress
from bench.recommend import set_prior
from bench.recommend.amounts import duration
from bench.recommend.offer import Limits
from bench.recommend.set_question import TRACK, SetsQuestion
from bench.records import Record
from bench.report.per_query import RecallOfQueries
from methods import BudgetError, MethodError, registry

CODECS = ("sign", "transform_coding", "rq_trellis", "pq")  # of vectors, for methods that take any
FACTORS = (4, 2, 10)  # candidates from disk for each result; the first for all methods
_ADVANCED = 2  # methods that are measured with all of CODECS
_STAGES = 0.6, 0.85, 1.0  # of the time that has passed, when each of the three stages begins no more runs
_LATENCY_S, _LEAST_RUN_S = 1.0, 45.0
_K = 10  # neighbors that recall is of
_LEAST_SLOWER = 0.25  # than published runs: of short ones, which are mostly start, the rest cannot be told
_PATIENCE = 3.0  # times the seconds that a run is expected to take: then it is stopped
_STEP_S = 60  # in which a longer time is proposed


@dataclass(frozen=True)
class Choice:
    """A method with a codec (empty: its own), and candidates from disk for each result (0: none)."""

    method: str
    codec: str = ""
    factor: int = 0

    @property
    def label(self) -> str:
        """As the answer writes it."""
        codec = f"({self.codec})" if self.codec else ""
        return f"{self.method}{codec}{f' + {10 * self.factor} from disk' if self.factor else ''}"


@dataclass(frozen=True)
class SetsOffer:
    """A choice that was measured.

    Attributes
    ----------
    record : Record
    per_query : (nq,) float
        Recall@10 of each query.
    p50_ms : float
        Of a query over all documents of the file.
    command : str
        Measures it again.
    """

    choice: Choice
    record: Record
    per_query: np.ndarray
    p50_ms: float
    command: str

    @property
    def recall(self) -> Interval:
        """Recall@10 of Chamfer's first ten."""
        return self.record.quality["recall@10"]

    def meets(self, limits: Limits) -> bool:
        """Whether it keeps the limits."""
        return self.recall.value >= (limits.min_recall or 0) and self.p50_ms <= (limits.max_p50_ms or np.inf)


@dataclass
class SetsAnswer:
    """The answer.

    Attributes
    ----------
    documents : int
        Of the file; the records say how many were measured on.
    vectors : float
        Of a document, on average.
    disk_bytes : float
        Of a document's vectors as the file has them, on average.
    ranked : list of SetsOffer
        All that were measured, best recall first.
    chosen : SetsOffer or None
        The best that meets the limits.
    beside : label -> AgainstBest
        Each other offer that meets the limits, against the chosen one.
    too_large : label -> int
        Methods that the budget does not hold, and the bytes of a document that each needs.
    impossible : label -> str
        Why another cannot do what is asked, or failed.
    unstarted : label -> float
        Those that there was no time for, not begun or stopped, and the seconds that each is expected to take.
    """

    question: SetsQuestion
    documents: int
    vectors: float
    dim: int
    disk_bytes: float
    ranked: list[SetsOffer] = field(default_factory=list)
    chosen: SetsOffer | None = None
    beside: dict[str, AgainstBest] = field(default_factory=dict)
    too_large: dict[str, int] = field(default_factory=dict)
    impossible: dict[str, str] = field(default_factory=dict)
    unstarted: dict[str, float] = field(default_factory=dict)

    @property
    def reads_disk(self) -> bool:
        """Whether the disk's budget holds the documents' vectors."""
        return self.question.disk_budget is not None and self.disk_bytes <= self.question.disk_budget

    @property
    def enough_s(self) -> int:
        """Seconds in which those that there was no time for are measured too."""
        return -(-int(self.question.time_s + sum(self.unstarted.values())) // _STEP_S) * _STEP_S

    @property
    def nearest(self) -> SetsOffer:
        """Where nothing meets the limits: the best recall of what is fast enough, else the fastest."""
        limit = self.question.limits.max_p50_ms or np.inf
        fast = [offer for offer in self.ranked if offer.p50_ms <= limit]
        return fast[0] if fast else min(self.ranked, key=lambda offer: offer.p50_ms)


def recommend_sets(question: SetsQuestion) -> SetsAnswer:
    """Measure and choose.

    Raises
    ------
    UsageError, DatasetError, MethodError
        In one line: files that cannot be read, or no method that fits.
    """
    with tempfile.TemporaryDirectory(prefix="bench-recommend-", ignore_cleanup_errors=True) as results:
        race = _Race(question, results)
        with Progress("recommend", unit="run") as progress:
            progress.say(race.announcement())
            for stage, share in zip((race.by_default, race.with_codecs, race.with_candidates), _STAGES):
                race.measure(stage(), share * question.time_s, progress)
            race.measure(race.left_out, question.time_s, progress)
        return race.chosen()


class _Race:
    """The runs of one question."""

    def __init__(self, question: SetsQuestion, results: str) -> None:
        self._question, self._results = question, results
        self._begin = time.monotonic()
        names = question.methods or registry.names(TRACK)
        plan = composition.plan_of(overrides_of(self._options(Choice(names[0]))))
        assert isinstance(plan.dataset, RaggedDataset)
        base = plan.dataset.base
        self._check(plan.dataset)
        self._judge = RecallOfQueries(plan.dataset)
        documents = self._documents(len(base))
        self.answer = SetsAnswer(
            question, documents, base.total / len(base), base.dim, base.vectors.nbytes / max(1, len(base))
        )
        ratio = 4 * base.total * base.dim / len(base) / plan.code_bytes
        numbers = float(base.total * base.dim)
        self._expected = set_prior.expect(ratio, self.answer.reads_disk, numbers, set_prior.packaged())
        self._names = self._expected.order(names)
        self._slower: list[float] = []  # times the expected seconds, of each run
        self.left_out: list[Choice] = []

    def _check(self, data: RaggedDataset) -> None:
        """Sets of which any codes find the first ten say nothing about methods."""
        if len(data.base) <= _K:
            raise UsageError(
                f"{self._question.data} holds {len(data.base)} in all, of which any codes find the first {_K}; "
                f"give at least {_K + 1} documents, better some hundreds"
            )
        for sets, name in ((data.queries, self._question.queries), (data.base, self._question.data)):
            if sets.zeros().all():
                raise UsageError(f"{name} holds vectors of zeros alone, so that all documents score 0; give others")

    def _documents(self, sampled: int) -> int:
        """Of the whole file, of which ``sampled`` are measured on."""
        if sampled < self._question.sample:
            return sampled
        from bench.datasets.sets.formats import open_sets

        return len(open_sets(self._question.data, column=self._question.column))

    def _options(self, choice: Choice) -> dict[str, Any]:
        question = self._question
        method = {"name": choice.method} | ({"codec": choice.codec} if choice.codec else {})
        data: dict[str, Any] = {"name": "ragged", "base": question.data, "queries": question.queries}
        data |= {"column": question.column} if question.column else {}
        options: dict[str, Any] = {"method": method, "budget": question.budget, "dataset": data}
        options |= {"dataset.max_base": question.sample, "seed": question.seed, "threads": question.threads}
        options |= {"rescore": "disk", "rescore_factor": choice.factor} if choice.factor else {}
        return options | {"latency_s": _LATENCY_S, "results": self._results}

    def announcement(self) -> str:
        """What is going to be measured, and how long that may take."""
        seconds = [self._seconds(choice) for choice in self.by_default()]
        return (
            f"{len(seconds)} methods, about {duration(sum(seconds))} by published times, "
            f"{duration(_STAGES[0] * self._question.time_s)} of --time are theirs"
        )

    def _seconds(self, choice: Choice) -> float:
        """That a run is expected to take here."""
        label = replace(choice, factor=0).label
        slower = max(_LEAST_SLOWER, median(self._slower)) if self._slower else 1.0
        seconds = slower * self._expected.seconds_of(label)
        own = [offer for offer in self.answer.ranked if offer.choice.method == choice.method]
        if label in self._expected.seconds or not own:
            return seconds
        return max(seconds, *(offer.record.seconds["process"] for offer in own))  # another codec may take longer

    def measure(self, choices: Sequence[Choice], end: float, progress: Progress) -> None:
        """Measure each that was not measured, in this order; after ``end`` seconds none is begun.

        Nor one that is expected to take longer. The very first is a quick one.
        """
        known = {offer.choice for offer in self.answer.ranked}
        left = [choice for choice in choices if choice not in known and not self._is_impossible(choice)]
        self.left_out = [choice for choice in self.left_out if choice not in left]
        while left:
            left_s = self._begin + end - time.monotonic()
            holds = [choice for choice in left if self._seconds(choice) <= left_s]
            if not holds and self.answer.ranked:
                break
            if self.answer.ranked:
                choice = holds[0]
            else:
                by_label = {replace(choice, factor=0).label: choice for choice in holds or left}
                choice = by_label[self._expected.quick(by_label)]
            left.remove(choice)
            self._run(choice, max(_LEAST_RUN_S, min(left_s, _PATIENCE * self._seconds(choice))), progress)
        for choice in left:
            self.answer.unstarted[choice.label] = self._seconds(choice)
        self.left_out += left
        self.answer.ranked.sort(key=lambda offer: -offer.recall.value)

    def _is_impossible(self, choice: Choice) -> bool:
        return choice.label in self.answer.impossible or choice.label in self.answer.too_large

    def _run(self, choice: Choice, limit_s: float, progress: Progress) -> None:
        self.answer.unstarted.pop(choice.label, None)
        try:
            plan = composition.plan_of(overrides_of(self._options(choice) | {"limits.time_s": limit_s}))
        except MethodError as error:  # a codec that the method has no use for
            self.answer.impossible[choice.label] = str(error)
            return
        if isinstance(plan.infeasible, BudgetError):
            self.answer.too_large[choice.label] = plan.infeasible.smallest
            return
        progress.begin(choice.label, functools.partial(runner.stage_of, plan))
        record = runner.execute(plan)
        progress.end(choice.label, outcome_of(record))
        if record.status == "timeout":
            self.answer.unstarted[choice.label] = 2 * limit_s  # nobody knows how much longer
            self._slower.append(limit_s / self._expected.seconds_of(replace(choice, factor=0).label))
        elif record.status != "ok":
            self.answer.impossible[choice.label] = record.reason
        else:
            self._slower.append(record.seconds["process"] / self._expected.seconds_of(replace(choice, factor=0).label))
            self.answer.ranked.append(self._offer(choice, record, self._judge.values(record, plan.folder)))

    def _offer(self, choice: Choice, record: Record, per_query: np.ndarray) -> SetsOffer:
        assert record.latency_ms is not None
        p50 = record.latency_ms["p50"]
        fixed = min(p50, record.latency_ms.get("fixed", 0.0))
        scaled = fixed + (p50 - fixed) * self.answer.documents / record.dataset.n
        options = {key: value for key, value in self._options(choice).items() if key not in ("latency_s", "results")}
        if self.answer.documents <= self._question.sample:
            options.pop("dataset.max_base")
        command = " ".join(["python -m bench", *map(shell_word, overrides_of(options))])
        return SetsOffer(choice, record, per_query, scaled, command)

    def by_default(self) -> list[Choice]:
        """All methods with their own codec."""
        return [Choice(name, factor=FACTORS[0] if self.answer.reads_disk else 0) for name in self._names]

    def with_codecs(self) -> list[Choice]:
        """The best methods that take any codec, with all of :data:`CODECS`."""
        best = [offer for offer in self.answer.ranked if "codec" in registry.parameters(offer.choice.method)]
        choices = [
            Choice(each.choice.method, codec, each.choice.factor)
            for each in best[:_ADVANCED]
            for codec in CODECS
            if codec != (each.record.method.params or {}).get("codec")  # which it has by default
        ]
        place = {label: i for i, label in enumerate(self._expected.order(replace(c, factor=0).label for c in choices))}
        return sorted(choices, key=lambda choice: place[replace(choice, factor=0).label])

    def with_candidates(self) -> list[Choice]:
        """The best two with other numbers of candidates, and without any."""
        if not self.answer.reads_disk:
            return []
        best = [offer.choice for offer in self.answer.ranked[:_ADVANCED]]
        return [Choice(each.method, each.codec, factor) for each in best for factor in (*FACTORS[1:], 0)]

    def chosen(self) -> SetsAnswer:
        """The answer, once all is measured."""
        answer = self.answer
        if not answer.ranked:
            if answer.impossible:
                reasons = "; ".join(f"{label}: {why}" for label, why in list(answer.impossible.items())[:3])
                raise UsageError(f"no method stores these documents: {reasons}")
            if not answer.too_large:
                raise UsageError(f"nothing was measured in {self._question.time_s:g} s; give more with --time")
            least = min(answer.too_large, key=lambda label: answer.too_large[label])
            raise UsageError(
                f"no method stores these documents in {self._question.budget}; the smallest codes are those of "
                f"{least}, --budget {answer.too_large[least]}B"
            )
        meeting = [offer for offer in answer.ranked if offer.meets(self._question.limits)]
        if meeting:
            by_label = {offer.choice.label: offer for offer in meeting}
            best, answer.beside = against_best({label: offer.per_query for label, offer in by_label.items()})
            answer.chosen = by_label[best]
        return answer
