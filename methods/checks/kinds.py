"""Kinds of vectors that encoders make and that break codes, each made of plain vectors that have none of it.

So what a method loses on a kind is what the kind costs it. Every kind is deterministic. True neighbors are those among
the kind's own vectors, and a code that adapts to these finds them about as easily as those of plain vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from methods.base import Metric

__all__ = ["KINDS", "Kind", "unit"]

Vectors = tuple[np.ndarray, np.ndarray]  # base (n, d) and queries (nq, d)
Maker = Callable[[np.ndarray, np.ndarray, np.random.Generator], Vectors]

IP, COSINE, L2 = Metric.IP, Metric.COSINE, Metric.L2
DIRECTION, LENGTHS, VALUES = "common direction", "lengths", "values"


@dataclass(frozen=True)
class Kind:
    """One kind of vectors.

    Attributes
    ----------
    name : str
        Short, for tables and for ``Codec.kind_exceptions``.
    what : str
        What is peculiar about them; one line.
    group : str
        What it has in common with others; may stand in ``Codec.kind_exceptions`` for all of them.
    metrics : tuple of Metric
        Those under which it differs from plain vectors.
    shown_by : tuple of Metric
        Those of them that show most of it, for quick checks.
    of : str
        The kind whose base it has, with other queries, and with which it is compared; empty for plain vectors.
    maker : Callable
        Makes base and queries from plain ones, all float64, with a generator.
    """

    name: str
    what: str
    group: str
    metrics: tuple[Metric, ...]
    shown_by: tuple[Metric, ...]
    of: str
    maker: Maker

    def make(self, base: np.ndarray, queries: np.ndarray) -> Vectors:
        """Base (n, d) and queries (nq, d) float32 of this kind, from plain unit vectors; the same at every call."""
        rng = np.random.default_rng(list((self.of or self.name).encode()))
        made = self.maker(base.astype(np.float64), queries.astype(np.float64), rng)
        return made[0].astype(np.float32), made[1].astype(np.float32)


KINDS: dict[str, Kind] = {}


def _kind(
    group: str, name: str, what: str, *shown_by: Metric, metrics: tuple[Metric, ...] = (IP, COSINE, L2), of: str = ""
) -> Callable[[Maker], Maker]:
    def decorate(maker: Maker) -> Maker:
        KINDS[name] = Kind(name, what, group, metrics, shown_by, of, maker)
        return maker

    return decorate


def _each(change: Callable[[np.ndarray], np.ndarray]) -> Maker:
    """A maker that does the same to base and queries."""
    return lambda base, queries, rng: (change(base), change(queries))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows (n, d) at length 1; zero rows stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


# --- a common direction: what all vectors have along it says nothing, and is most of every score ----------------


def _cone(cosine: float) -> Maker:
    """Unit vectors about a random direction, two of them at ``cosine`` on average."""

    def maker(base: np.ndarray, queries: np.ndarray, rng: np.random.Generator) -> Vectors:
        common = np.sqrt(cosine) * unit(rng.standard_normal((1, base.shape[1])))
        return _each(lambda x: unit(np.sqrt(1 - cosine) * x + common))(base, queries, rng)

    return maker


_CONE = "all share a direction: two of them are at a cosine of {} on average"
_kind(DIRECTION, "average cosine .5", _CONE.format(".5"), IP)(_cone(0.5))
_kind(DIRECTION, "average cosine .75", _CONE.format(".75"), IP, COSINE, L2)(_cone(0.75))
_kind(DIRECTION, "average cosine .9", _CONE.format(".9"), COSINE)(_cone(0.9))


# Not under l2: these queries are far from all vectors, where every code of least squared error loses recall.
_APART = "only the base shares a direction"


@_kind(DIRECTION, "queries apart", _APART, IP, COSINE, metrics=(IP, COSINE), of="average cosine .75")
def _queries_apart(base: np.ndarray, queries: np.ndarray, rng: np.random.Generator) -> Vectors:
    return _cone(0.75)(base, queries, rng)[0], queries


@_kind(DIRECTION, "constant dimension", "one dimension is the same in all, sixty times as large as others", COSINE)
def _constant_dimension(base: np.ndarray, queries: np.ndarray, rng: np.random.Generator) -> Vectors:
    dim = base.shape[1]
    this = np.arange(dim) == dim // 5
    return _each(lambda x: np.where(this, 60 / np.sqrt(dim), x))(base, queries, rng)


_NONNEGATIVE = "negative values are zero, as after a ReLU"
_kind(DIRECTION, "nonnegative", _NONNEGATIVE, COSINE)(_each(lambda x: unit(np.maximum(x, 0))))


@_kind(DIRECTION, "integers", "whole numbers from 0 to 255 about 128, as of images", L2)
def _integers(base: np.ndarray, queries: np.ndarray, rng: np.random.Generator) -> Vectors:
    spread = base.std()
    return _each(lambda x: np.clip(np.rint(128 + 40 * x / spread), 0, 255))(base, queries, rng)


# --- lengths and scale --------------------------------------------------------------------------------------------


def _queries_times(factor: float) -> Maker:
    def maker(base: np.ndarray, queries: np.ndarray, rng: np.random.Generator) -> Vectors:
        base, queries = _cone(0.75)(base, queries, rng)
        return base, queries * factor

    return maker


for _name, _factor in {"queries x .01": 0.01, "queries x 100": 100.0}.items():
    _kind(LENGTHS, _name, "queries are shorter or longer than the base", IP, metrics=(IP,), of="average cosine .75")(
        _queries_times(_factor)
    )
_kind(LENGTHS, "all x 1e-4", "all vectors are very short", IP, L2)(_each(lambda x: x * 1e-4))
_kind(LENGTHS, "all x 1e4", "all vectors are very long", L2)(_each(lambda x: x * 1e4))


@_kind(LENGTHS, "lengths vary", "logarithms of the base's lengths have a standard deviation of .7", IP, COSINE)
def _lengths_vary(base: np.ndarray, queries: np.ndarray, rng: np.random.Generator) -> Vectors:
    return base * rng.lognormal(0, 0.7, (len(base), 1)), queries


def _one_row(factor: float) -> Maker:
    def maker(base: np.ndarray, queries: np.ndarray, rng: np.random.Generator) -> Vectors:
        return base * np.where(np.arange(len(base)) == len(base) // 100, factor, 1)[:, None], queries

    return maker


_kind(LENGTHS, "one row x 100", "one vector is 100 times as long as the others", IP, metrics=(IP, L2))(_one_row(100))
_kind(LENGTHS, "one row x 1000", "one vector is 1000 times as long as the others", L2, metrics=(IP, L2))(_one_row(1000))


@_kind(LENGTHS, "zero rows", "a tenth of the vectors is zero: empty texts, padding", COSINE)
def _zero_rows(base: np.ndarray, queries: np.ndarray, rng: np.random.Generator) -> Vectors:
    return base * (np.arange(len(base)) % 10 > 0)[:, None], queries


# --- how values are distributed -------------------------------------------------------------------------------------


@_kind(VALUES, "rogue dimensions", "two dimensions hold nearly half of the variance", COSINE)
def _rogue_dimensions(base: np.ndarray, queries: np.ndarray, rng: np.random.Generator) -> Vectors:
    dim = base.shape[1]
    factors = np.ones(dim)
    factors[[dim // 8, 3 * dim // 4]] = max(1, 0.6 * np.sqrt(dim))
    return _each(lambda x: unit(x * factors))(base, queries, rng)


@_kind(VALUES, "low rank", "few directions hold nearly all of the variance", IP)
def _low_rank(base: np.ndarray, queries: np.ndarray, rng: np.random.Generator) -> Vectors:
    dim = base.shape[1]
    axes, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
    factors = 1 / (1 + 12 * np.arange(dim) / dim)
    return _each(lambda x: unit(x @ axes * factors @ axes.T))(base, queries, rng)


@_kind(VALUES, "dead dimensions", "a quarter of the dimensions is zero in all vectors", L2)
def _dead_dimensions(base: np.ndarray, queries: np.ndarray, rng: np.random.Generator) -> Vectors:
    alive = np.arange(base.shape[1]) % 4 > 0
    return _each(lambda x: unit(x * alive))(base, queries, rng)


@_kind(VALUES, "heavy tails", "values are squared, their signs kept: many near zero, some very large", IP)
def _heavy_tails(base: np.ndarray, queries: np.ndarray, rng: np.random.Generator) -> Vectors:
    spread = base.std(axis=0) + 1e-12
    return _each(lambda x: unit(x * np.abs(x / spread)))(base, queries, rng)


@_kind(VALUES, "duplicates", "half of the vectors are copies of ten of them", IP)
def _duplicates(base: np.ndarray, queries: np.ndarray, rng: np.random.Generator) -> Vectors:
    n = len(base)
    copied = rng.integers(min(n, 10), size=n // 2)
    return np.concatenate([base[: n - n // 2], base[copied]])[rng.permutation(n)], queries
