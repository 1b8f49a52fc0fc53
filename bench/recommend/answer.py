"""What came out of a race, before it is put into words."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.measure.statistics import Difference
from bench.recommend import prior
from bench.recommend.disk import DiskOrder
from bench.recommend.keep import Saved
from bench.recommend.offer import Offer
from bench.recommend.places import Places
from bench.recommend.question import Question
from bench.recommend.visits import Visits
from bench.records import Record


@dataclass(frozen=True)
class Trade:
    """A method that keeps nearly as much as the winner and is much faster.

    Attributes
    ----------
    best, other : Offer
        The winner and this one, measured on the same vectors.
    """

    best: Offer
    other: Offer

    @property
    def search_speedup(self) -> float:
        """Times as fast as the winner in search."""
        return self.best.p50_ms / self.other.p50_ms

    @property
    def encode_speedup(self) -> float:
        return self.other.encode_rate / self.best.encode_rate


@dataclass(frozen=True)
class Staying:
    """What it costs to take what engines have, at equal budget.

    Attributes
    ----------
    best : Offer
        The best of all that raced on the same vectors; of an engine itself, if nothing keeps more.
    own : Offer
        What the engines have that is the answer, on these vectors.
    against : Difference
        Of the best one's recall over the other's, on the same queries.
    """

    best: Offer
    own: Offer
    against: Difference


@dataclass
class Answer:
    """What came out.

    Attributes
    ----------
    in_file : int
        Vectors to search in the user's file: without those held out as queries.
    train_size : int
        Vectors that finalists are fitted on.
    chosen : Offer or None
        None if nothing meets the limits.
    runner_up : Offer or None
    against : Difference or None
        Of the chosen method's recall over the runner-up's, on the same queries.
    staying : Staying or None
        Where engines were named: what a method of any other would keep.
    places : Places or None
        Where no engine was named: which have the chosen method, or the nearest that can be had.
    left_out : scheme in words -> reason
        What the named engines have within the budget, but was not raced.
    trades : list of Trade
        Methods that keep nearly as much as the chosen one and are much faster.
    nearest : list of Offer
        Where nothing meets the limits: those within the budget that miss the fewest, best recall first.
    closest : option -> Offer
        For each limit that the first of these misses: what comes nearest to it, if possible within the others.
    nearer : Offer or None
        What was measured at another budget and meets the limits then, or keeps more.
    published : prior.Reaching or None
        Where nothing measured meets the least recall: what published records say would.
    elsewhere : budget in bytes -> Offer
        The best at other budgets, on the small sample.
    fastest : Offer or None
        The fastest of all that were measured, on the largest sample that it was measured on.
    earlier : dataset.n -> Offer
        The chosen method, or the first of the nearest, on every sample that it was measured on.
    raced, failed, unstarted : list, dict, list
        Names that were measured at all; records of those that were not, by name; names there was no time for.
    expected : set of str
        Names whose place in the race follows from published records.
    order_from : str
        What decided in which order methods raced, in words.
    ahead : list of str
        Those that published records expect to keep more than the chosen one, but that there was too little time for.
    favorites_missing : list of str
        The same of the five that they expect most of, whatever was chosen.
    needed_s : float
        The ``--time`` that would have been enough for these.
    too_long : list of str
        Rounds that there was no time for, with their estimates.
    slowest : Record or None
        The longest run.
    seconds, preparing_s : float
        The answer took, saving aside; samples and their exact neighbors did.
    vectors : list of str
        Of which kinds the user's vectors are, in sentences.
    disk : DiskOrder or None
        What the vectors on disk would add to the first offer; None where the user chose a ``rescore``.
    visits : Visits or None
        Where no scan meets the limit of latency: what lists would keep that a query has the time to visit.
    saved : Saved or None
        What was saved of the chosen one; None if nothing was to be, or nothing was chosen.
    """

    question: Question
    dim: int
    n: int
    code_bytes: int
    in_file: int = 0
    train_size: int = 0
    chosen: Offer | None = None
    runner_up: Offer | None = None
    against: Difference | None = None
    staying: Staying | None = None
    places: Places | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    nearest: list[Offer] = field(default_factory=list)
    closest: dict[str, Offer] = field(default_factory=dict)
    nearer: Offer | None = None
    published: prior.Reaching | None = None
    elsewhere: dict[int, Offer] = field(default_factory=dict)
    fastest: Offer | None = None
    earlier: dict[int, Offer] = field(default_factory=dict)
    raced: list[str] = field(default_factory=list)
    failed: dict[str, Record] = field(default_factory=dict)
    unstarted: list[str] = field(default_factory=list)
    expected: set[str] = field(default_factory=set)
    order_from: str = ""
    ahead: list[str] = field(default_factory=list)
    favorites_missing: list[str] = field(default_factory=list)
    needed_s: float = 0.0
    too_long: list[str] = field(default_factory=list)
    slowest: Record | None = None
    seconds: float = 0.0
    preparing_s: float = 0.0
    vectors: list[str] = field(default_factory=list)
    disk: DiskOrder | None = None
    visits: Visits | None = None
    saved: Saved | None = None
