"""A question about sets of vectors, and how a command line asks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.errors import UsageError
from bench.options import OneLineParser
from bench.recommend.offer import Limits
from bench.recommend.question import parse_bytes, parse_count
from methods import registry
from methods.budget import Budget

__all__ = ["TRACK", "SetsQuestion", "question_of"]

TRACK = "multivector"
_ABOUT = """How to store sets of vectors (token vectors of documents): methods are measured on your documents, each run
in a process of its own; those that published measurements expect most of come first, of equals the quickest."""


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


def question_of(arguments: Sequence[str]) -> tuple[SetsQuestion, bool]:
    """The question on a command line (without ``multivector``), and whether the answer is to be JSON."""
    parser = OneLineParser(prog="python -m bench.recommend multivector", description=_ABOUT)
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
        methods=tuple(dict.fromkeys(filter(None, options.methods.split(",")))),
        column=options.column,
        threads=options.threads,
        seed=options.seed,
        sample=parse_count(options.sample, "documents"),
        time_s=options.time,
    )
    return question, options.json
