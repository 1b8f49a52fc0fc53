"""``python -m bench.recommend multivector --data docs.npz --queries q.npz --budget 1280B``: how to store token vectors.

Every method of the track is measured on the user's documents, each run in a process of its own: first with the codec
that it has by default, those that need no training before others; then the best with other codecs; then,
where a disk may be read, the best with fewer and more candidates.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
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
from bench.recommend.offer import Limits
from bench.recommend.question import parse_bytes, parse_count
from bench.records import Record
from bench.report.per_query import RecallOfQueries
from methods import MethodError, registry
from methods.budget import Budget
from methods.multivector.single_vector import SingleVectorCodec

TRACK = "multivector"
CODECS = ("rq_trellis", "transform_coding", "pq", "sign")  # of vectors, for methods that take any
FACTORS = (4, 2, 10)  # candidates from disk for each result; the first for all methods
_ADVANCED = 2  # methods that are measured with all of CODECS
_STAGES = 0.6, 0.85, 1.0  # of the time that has passed, when each of the three stages begins no more runs
_LATENCY_S, _LEAST_RUN_S = 1.0, 45.0


@dataclass(frozen=True)
class SetsQuestion:
    """What the user asks.

    Attributes
    ----------
    data, queries : str
        Files of sets, as ``dataset=ragged`` takes them.
    budget : str
        ``1280B``, ``32x`` or ``2bit``: the most bytes in memory for a document, on average.
    disk_budget : int or None
        The most bytes on disk for a document, on average; None: nothing is read from a disk.
    limits : Limits
        Of recall@10 and of the p50 of a query over all documents of the file.
    methods : tuple of str
        Those that are measured; all of the track if empty.
    sample : int
        Most documents measured on.
    time_s : float
        After so many seconds no run is begun.
    """

    data: str
    queries: str
    budget: str
    disk_budget: int | None = None
    limits: Limits = field(default_factory=Limits)
    methods: tuple[str, ...] = ()
    column: str | None = None
    threads: int = 1
    seed: int = 0
    sample: int = 2_000
    time_s: float = 900.0

    def __post_init__(self) -> None:
        Budget(self.budget)
        self.limits.check()
        if self.sample < 200:
            raise UsageError(f"--sample {self.sample} is too small to choose by; use at least 200 documents")
        if not self.time_s >= 10:
            raise UsageError(f"--time {self.time_s:g} is too short to measure anything; use at least 10 seconds")
        for name in self.methods:
            registry.get(name, TRACK)


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
    impossible : label -> str
        Why a method cannot do what is asked, or failed.
    unstarted : list of str
        Labels that there was no time for: not begun, or stopped.
    """

    question: SetsQuestion
    documents: int
    vectors: float
    dim: int
    disk_bytes: float
    ranked: list[SetsOffer] = field(default_factory=list)
    chosen: SetsOffer | None = None
    beside: dict[str, AgainstBest] = field(default_factory=dict)
    impossible: dict[str, str] = field(default_factory=dict)
    unstarted: list[str] = field(default_factory=list)

    @property
    def reads_disk(self) -> bool:
        """Whether the disk's budget holds the documents' vectors."""
        return self.question.disk_budget is not None and self.disk_bytes <= self.question.disk_budget

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
            for stage, share in zip((race.by_default, race.with_codecs, race.with_candidates), _STAGES):
                race.measure(stage(), share * question.time_s, progress)
        return race.chosen()


class _Race:
    """The runs of one question."""

    def __init__(self, question: SetsQuestion, results: str) -> None:
        self._question, self._results = question, results
        self._begin = time.monotonic()
        self._names = question.methods or _quick_first(registry.names(TRACK))
        plan = composition.plan_of(overrides_of(self._options(Choice(self._names[0]))))
        assert isinstance(plan.dataset, RaggedDataset)
        self._judge = RecallOfQueries(plan.dataset)
        base = plan.dataset.base
        documents = self._documents(len(base))
        self.answer = SetsAnswer(
            question, documents, base.total / len(base), base.dim, base.vectors.nbytes / max(1, len(base))
        )

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

    def measure(self, choices: Sequence[Choice], end: float, progress: Progress) -> None:
        """Measure each that was not measured, in this order; after ``end`` seconds none is begun."""
        known = {offer.choice for offer in self.answer.ranked}
        for choice in choices:
            left = self._begin + end - time.monotonic()
            if choice in known or choice.label in self.answer.impossible:
                continue
            if left < _LEAST_RUN_S and self.answer.ranked:
                self.answer.unstarted.append(choice.label)
                continue
            options = self._options(choice) | {"limits.time_s": max(_LEAST_RUN_S, left)}
            try:
                plan = composition.plan_of(overrides_of(options))
            except MethodError as error:  # a codec that the method has no use for
                self.answer.impossible[choice.label] = str(error)
                continue
            progress.begin(choice.label, functools.partial(runner.stage_of, plan))
            record = runner.execute(plan)
            progress.end(choice.label, outcome_of(record))
            if record.status == "timeout":
                self.answer.unstarted.append(choice.label)
                continue
            if record.status != "ok":
                self.answer.impossible[choice.label] = record.reason
                continue
            self.answer.ranked.append(self._offer(choice, record, self._judge.values(record, plan.folder)))
        self.answer.ranked.sort(key=lambda offer: -offer.recall.value)

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
        best = [offer.choice for offer in self.answer.ranked if "codec" in registry.parameters(offer.choice.method)]
        return [Choice(each.method, codec, each.factor) for each in best[:_ADVANCED] for codec in CODECS]

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
            reasons = "; ".join(f"{label}: {why}" for label, why in list(answer.impossible.items())[:3])
            if not reasons:
                raise UsageError(f"nothing was measured in {self._question.time_s:g} s; give more with --time")
            raise UsageError(f"no method stores these documents in {self._question.budget}: {reasons}")
        meeting = [offer for offer in answer.ranked if offer.meets(self._question.limits)]
        if meeting:
            by_label = {offer.choice.label: offer for offer in meeting}
            best, answer.beside = against_best({label: offer.per_query for label, offer in by_label.items()})
            answer.chosen = by_label[best]
        return answer


def _quick_first(names: Sequence[str]) -> tuple[str, ...]:
    """Methods that do not train first, and of these and of others those that keep one vector a document."""

    def order(name: str) -> tuple[bool, bool]:
        cls = registry.get(name, TRACK)
        return cls.trains, not issubclass(cls, SingleVectorCodec)

    return tuple(sorted(names, key=order))


def question_of(arguments: Sequence[str]) -> tuple[SetsQuestion, bool]:
    """The question on a command line (without ``multivector``), and whether the answer is to be JSON."""
    parser = argparse.ArgumentParser(prog="python -m bench.recommend multivector", description=__doc__)
    parser.add_argument(
        "--data", required=True, metavar="FILE", help="documents: .npz or a folder with vectors and offsets, or Parquet"
    )
    parser.add_argument("--queries", required=True, metavar="FILE", help="queries, likewise")
    parser.add_argument("--column", metavar="NAME", help="the column of a Parquet file, if there are several")
    parser.add_argument("--budget", required=True, help="most bytes in memory for a document, on average: 1280B, 32x")
    parser.add_argument(
        "--disk-budget",
        metavar="SIZE",
        help="most bytes on disk for a document, on average: 80kB; candidates are re-ranked from there",
    )
    parser.add_argument("--min-recall", type=float, metavar="R", help="recall@10 of Chamfer's first ten to keep")
    parser.add_argument("--max-p50-ms", type=float, metavar="MS", help="a query over all documents may take this long")
    parser.add_argument("--methods", default="", metavar="A,B", help="only these are measured")
    parser.add_argument("--threads", type=int, default=1, help="of a search (1)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample and of training (0)")
    parser.add_argument("--sample", default="2k", metavar="N", help="most documents measured on (2k)")
    parser.add_argument("--time", type=float, default=900.0, metavar="S", help="no run begins after so long (900)")
    parser.add_argument("--json", action="store_true", help="the answer as one JSON object")
    options = parser.parse_args(arguments)
    question = SetsQuestion(
        data=options.data,
        queries=options.queries,
        budget=options.budget,
        disk_budget=None if options.disk_budget is None else parse_bytes(options.disk_budget),
        limits=Limits(options.min_recall, options.max_p50_ms),
        methods=tuple(filter(None, options.methods.split(","))),
        column=options.column,
        threads=options.threads,
        seed=options.seed,
        sample=parse_count(options.sample, "documents"),
        time_s=options.time,
    )
    return question, options.json
