"""Properties of a set of vectors that make codes fail: figures, and the kinds of sets in plain words.

``docs/embeddings.md`` says what each kind costs which method, and what to choose.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.report.words import number

# Thresholds from which a set is of a kind. Sets that codes were made for stay well below: sentences of an encoder whose
# last layer was trained to compare them have an average cosine of .05, and an effective rank of dim / 3.
COMMON_DIRECTION = 0.3  # average cosine: what default codes lose begins to show there (docs/embeddings.md)
APART = 0.5  # times the average cosine: queries below that do not share the vectors' direction
LENGTHS_VARY = 0.1  # from the 1st to the 99th percentile, over the median; only inner products depend on it
TOO_LONG = 10.0  # times the median length: a row that would set the range of a code for all others
ROGUE_DIMENSIONS = 5.0  # times the standard deviation of the median dimension
LOW_RANK = 1 / 8  # of the dimension
HEAVY_TAILS = 6.0  # kurtosis of the median dimension: that of a double exponential; 3 is normal
FEW_TRAINING = 4  # training vectors a dimension; docs/embeddings.md has what fewer cost
FEW_QUERIES_LONG = 2.0  # times (or one over) the vectors' length: matters where codes hold factors that scale with it
SHARE = 0.01  # of rows or queries that are duplicates or tie: more than the rounding of quoted figures


@dataclass(frozen=True)
class Diagnosis:
    """Measured properties of a data set's vectors.

    Under cosine, ``mean_length``, ``effective_rank`` and ``deviation_ratio`` are of vectors scaled to unit length. In
    a set of sets all are of the single vectors, but ``repeated_queries`` and ``ties`` of sets.

    Attributes
    ----------
    rows : int
        Vectors of the base that were looked at; all, unless there are very many.
    mean_length : float
        Length of the mean over the root mean square of the lengths: 0 for centered vectors, 1 for equal ones.
    average_cosine : float
        Of two vectors of the base.
    query_cosine : float
        Average cosine of a query and a vector of the base.
    effective_rank : float
        Participation ratio of the covariance's eigenvalues, ``sum(l)**2 / sum(l**2)``: over how many directions
        vectors spread. Rows longer than ten times the median are left out.
    deviation_ratio : float
        Largest standard deviation of a dimension over the median of those that vary at all; the same rows.
    length_p1, length_median, length_p99, longest : float
        Of the vectors as given; ``longest`` is divided by the median, 0 where that is 0.
    duplicates : int
        Rows equal to an earlier one, zero rows aside.
    zero_rows : int
    query_length : float
        Median length of the queries over that of the vectors, 0 where that is 0.
    queries_in_base : float
        Share of the queries that are rows of the base too: as their own nearest they are found without any search.
    repeated_queries : int
        Queries equal to an earlier one: they count in means, and once in intervals, since they add no information.
    ties : k -> share
        Of the queries, those whose k-th true neighbor ties with one that is not among the first k. Of a sample where
        the exact neighbors were not known.
    indistinct : float
        Share of the queries whose true neighbors (100, or all there are) all tie with each other; 0 where none are
        known, or one.
    kurtosis : float or None
        Of the median dimension: the mean fourth power of its values about their mean, over the square of their
        variance; 3 is normal. The same rows as of ``effective_rank``; None where no dimension varies, and of earlier
        versions.
    """

    rows: int
    mean_length: float
    average_cosine: float
    query_cosine: float
    effective_rank: float
    deviation_ratio: float
    length_p1: float
    length_median: float
    length_p99: float
    longest: float
    duplicates: int
    zero_rows: int
    query_length: float
    queries_in_base: float
    repeated_queries: int
    ties: dict[str, float] = field(default_factory=dict)
    indistinct: float = 0.0
    kurtosis: float | None = None

    @property
    def most_ties(self) -> float:
        """The largest share of ties."""
        return max(self.ties.values(), default=0.0)


@dataclass(frozen=True)
class Kind:
    """A kind of set: its name in ``docs/embeddings.md``, and a sentence with the figures."""

    name: str
    sentence: str


def kinds_of(diagnosis: Diagnosis, dim: int, metric: str, training: int | None = None) -> list[Kind]:
    """Kinds that a set of ``dim`` dimensions is of, compared by ``metric`` (ip, cosine, l2 or chamfer).

    ``training`` vectors (or sets of vectors) are there to fit methods on; None: it is not known how many.
    """
    few = [] if training is None or metric == "chamfer" else few_training_vectors(training, dim)
    return [*_of_directions(diagnosis, dim), *_of_lengths(diagnosis, metric), *_of_rows(diagnosis), *few]


def few_training_vectors(training: int, dim: int) -> list[Kind]:
    """The kind of so many single vectors of ``dim`` dimensions, on which methods are fitted; empty if they suffice."""
    if training >= FEW_TRAINING * dim:
        return []
    what = "1 vector" if training == 1 else f"{training:,} vectors"
    return [
        Kind(
            "few training vectors",
            f"methods are fitted on {what} of {dim} dimensions: what learns from vectors loses recall with fewer than "
            f"{FEW_TRAINING} a dimension, most on vectors that it was not fitted on",
        )
    ]


def warnings_of(diagnosis: Diagnosis, queries: int) -> list[Kind]:
    """Kinds of queries and rows that make a measured recall misleading, among so many ``queries``."""
    warned: list[Kind] = []
    if diagnosis.queries_in_base >= SHARE:
        warned.append(
            Kind(
                "queries in the base",
                f"{_percent(diagnosis.queries_in_base)} of the queries are rows of the base: each is its own nearest "
                "neighbor, so that recall, at 1 above all, is higher than for new queries",
            )
        )
    if diagnosis.repeated_queries >= SHARE * queries:
        what = (
            f"{diagnosis.repeated_queries:,} of {queries:,} queries repeat an earlier one; they count once in intervals"
        )
        warned.append(Kind("repeated queries", what))
    if diagnosis.most_ties >= SHARE:
        listed = " and ".join(f"{_percent(share)} at {k}" for k, share in diagnosis.ties.items() if share >= SHARE)
        warned.append(
            Kind(
                "ties",
                f"true neighbors tie with others that are not among them, for {listed} of the queries: which of equal "
                "ones is returned is chance, and each counts",
            )
        )
    if diagnosis.indistinct > 0:
        warned.append(
            Kind(
                "queries that tell nothing",
                f"for {_percent(diagnosis.indistinct)} of the queries all true neighbors tie, as for a query of zeros: "
                "whatever is returned counts as found, and recall is higher for it; leave these queries out",
            )
        )
    return warned


def _of_directions(diagnosis: Diagnosis, dim: int) -> Iterator[Kind]:
    if diagnosis.average_cosine >= COMMON_DIRECTION:
        yield Kind(
            "common direction",
            f"vectors share a direction: the mean is {diagnosis.mean_length:.2f} of their length; average cosine "
            f"{diagnosis.average_cosine:.2f}",
        )
        if diagnosis.query_cosine < APART * diagnosis.average_cosine:
            yield Kind(
                "queries apart",
                "queries do not share it: average cosine of a query and a vector "
                f"{number(diagnosis.query_cosine, '.2f')}",
            )
    if diagnosis.deviation_ratio >= ROGUE_DIMENSIONS:
        yield Kind(
            "rogue dimensions",
            "few dimensions have most of the variance: the largest standard deviation is "
            f"{diagnosis.deviation_ratio:.3g} times the median's",
        )
    if diagnosis.kurtosis is not None and diagnosis.kurtosis >= HEAVY_TAILS:
        yield Kind(
            "heavy tails",
            f"most values are near their dimension's mean and some far: kurtosis {diagnosis.kurtosis:.3g}, 3 is normal",
        )
    if 0 < diagnosis.effective_rank < LOW_RANK * dim:
        yield Kind(
            "low rank",
            f"vectors spread over few directions: effective rank {diagnosis.effective_rank:.3g} of {dim} dimensions",
        )


def _of_lengths(diagnosis: Diagnosis, metric: str) -> Iterator[Kind]:
    products = metric in ("ip", "chamfer")
    median = diagnosis.length_median
    if products and median > 0 and diagnosis.length_p99 - diagnosis.length_p1 > LENGTHS_VARY * median:
        low, high = diagnosis.length_p1 / median, diagnosis.length_p99 / median
        yield Kind("lengths vary", f"lengths vary: from {low:.2f} (1%) to {high:.2f} (99%) of the median")
    if metric != "cosine" and diagnosis.longest >= TOO_LONG:
        yield Kind("one row too long", f"the longest vector is {diagnosis.longest:.3g} times as long as the median")
    if products and diagnosis.query_length > 0 and not 1 / FEW_QUERIES_LONG < diagnosis.query_length < FEW_QUERIES_LONG:
        what = "short" if diagnosis.query_length < 1 else "long"
        yield Kind(
            f"{what} queries", f"queries are {what}: {diagnosis.query_length:.3g} times the vectors' median length"
        )


def _of_rows(diagnosis: Diagnosis) -> Iterator[Kind]:
    if diagnosis.zero_rows:
        what = "vector is" if diagnosis.zero_rows == 1 else "vectors are"
        yield Kind("zero rows", f"{diagnosis.zero_rows:,} {what} zero")
    if diagnosis.duplicates >= SHARE * diagnosis.rows:
        yield Kind(
            "duplicates", f"{_percent(diagnosis.duplicates / diagnosis.rows)} of the vectors repeat an earlier one"
        )


def _percent(share: float) -> str:
    """``0.031%``, ``12.4%``; 100% is all of them."""
    return f"{100 * share if share >= 1 else min(100 * share, 99.9):.3g}%"
