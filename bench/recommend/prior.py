"""What published records let expect of methods: in which order they race, and what reached a recall.

The records are not part of an installation; ``prior.json`` beside this file is what counts of them here
(``results/scripts/prior.py`` makes it), so that the answer depends neither on the folder nor on how this was installed.
"""

from __future__ import annotations

import functools
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from bench.measure.kinds import LENGTHS_VARY, Diagnosis, kinds_of

FILE = "prior.json"
COLUMNS = ("recall@1", "recall@10", "recall@100", "fit_ns", "encode_ns")  # of a method at a code size
_MEASURE = "recall@10"
_UNKNOWN = 0.03  # of it behind the best: taken of methods without records
_EVIDENCE = 0.05  # the weight of that: records of sets that differ much say little more
_FAVORITES = 5
_ROWS = ("zero rows", "duplicates", "heavy tails")  # kinds by which methods are not ordered, or records do not tell
# How often a set's weight is halved for another metric, for half or twice the dimension, for a kind that only one of
# both is of; for half or twice the ratio once. So each published set's best is among the first five by the others.
_BY_METRIC, _BY_DIM, _BY_KIND = 1.0, 0.5, 1.0


@dataclass(frozen=True)
class Traits:
    """What methods' order depends on.

    Attributes
    ----------
    dim : int
    compared : str
        By ``angles`` (cosine, and any metric where lengths hardly vary), ``products`` (ip) or ``distances`` (l2).
    kinds : frozenset of str
        Names of :func:`bench.measure.kinds.kinds_of`, of directions and lengths.
    """

    dim: int
    compared: str
    kinds: frozenset[str]


def traits_of(diagnosis: Diagnosis, dim: int, metric: str) -> Traits:
    """Of vectors that were looked at."""
    spread = diagnosis.length_p99 - diagnosis.length_p1
    if metric == "cosine" or spread <= LENGTHS_VARY * diagnosis.length_median:
        compared = "angles"
    else:
        compared = "products" if metric == "ip" else "distances"
    return Traits(dim, compared, frozenset(kind.name for kind in kinds_of(diagnosis, dim, metric)).difference(_ROWS))


@dataclass(frozen=True)
class PublishedSet:
    """What methods, by name alone, kept and took on a data set.

    Attributes
    ----------
    name : str
    n : int
    traits : Traits
    codes : dict
        Budget in bytes -> method -> column of :data:`COLUMNS` -> mean over seeds; times are ns for a vector (fitted on,
        encoded) and dimension.
    """

    name: str
    n: int
    traits: Traits
    codes: dict[int, dict[str, dict[str, float]]]

    def ratio(self, code_bytes: int) -> float:
        """Of float32 to a budget."""
        return 4 * self.traits.dim / code_bytes


@functools.cache
def packaged() -> tuple[PublishedSet, ...]:
    """Those that come with this package."""
    text = (resources.files("bench.recommend") / FILE).read_text(encoding="utf-8")
    return tuple(from_json(one) for one in json.loads(text)["sets"])


def from_json(values: dict[str, Any]) -> PublishedSet:
    """A set as ``results/scripts/prior.py`` writes it."""
    codes = {
        int(size): {name: dict(zip(COLUMNS, row, strict=True)) for name, row in methods.items()}
        for size, methods in values["codes"].items()
    }
    traits = Traits(values["dim"], values["compared"], frozenset(values["kinds"]))
    return PublishedSet(values["name"], values["n"], traits, codes)


@dataclass(frozen=True)
class Expectation:
    """What is expected of methods on the user's vectors.

    Attributes
    ----------
    order : list of str
        The most promising first.
    known : list of str
        Those of them that records know, in this order.
    source : str
        Which records say so, in words.
    behind : method -> float
        How much recall@10 less than the best it is expected to keep; of known ones.
    costs : method -> (float, float)
        ns for a vector and dimension that fitting and encoding take; of known ones.
    """

    order: list[str]
    known: list[str]
    source: str
    behind: dict[str, float] = field(default_factory=dict)
    costs: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def favorites(self) -> list[str]:
        """The first of the known: an answer without one of them says so."""
        return self.known[:_FAVORITES]


def by_expectation(
    names: Sequence[str], traits: Traits, ratio: float, published: Sequence[PublishedSet]
) -> Expectation:
    """In which order to try ``names``: the least expected loss first.

    A method is expected to stay behind the best as far as it did, on average over data sets, at the ratio of float32 to
    the budget nearest to ``ratio``. A set counts the more, the nearer it is to the user's vectors in what is compared,
    kinds, ratio and dimension. Those without records come after those that stayed within .03: nothing says that they
    are worse, but they may be slow. The order of equals is kept.
    """
    near = list(_nearest(traits, ratio, published))
    if not near:
        return Expectation(list(names), [], "none: there are no published records")
    behind = _behind(near)
    order = sorted(names, key=lambda name: behind.get(name, _UNKNOWN))
    _, best, size = max(near, key=lambda one: one[0])
    several = f"{len(near)} data sets" if len(near) > 1 else "1 data set"
    source = f"published records of {several}, nearest {best.name} at {best.ratio(size):.3g}x"
    known = [name for name in order if name in behind]
    return Expectation(order, known, source, {name: behind[name] for name in known}, _costs(near, known))


def _nearest(
    traits: Traits, ratio: float, published: Iterable[PublishedSet]
) -> Iterator[tuple[float, PublishedSet, int]]:
    """Each set with its weight and its budget nearest to ``ratio``."""
    for one in published:
        size = min(one.codes, key=lambda size: abs(math.log(one.ratio(size) / ratio)))
        halvings = abs(math.log2(one.ratio(size) / ratio)) + _BY_METRIC * (one.traits.compared != traits.compared)
        halvings += _BY_DIM * abs(math.log2(one.traits.dim / traits.dim))
        halvings += _BY_KIND * len(one.traits.kinds ^ traits.kinds)
        yield 2.0**-halvings, one, size


def _behind(near: Iterable[tuple[float, PublishedSet, int]]) -> dict[str, float]:
    """How much recall@10 less than the best each method is expected to keep."""
    lost: dict[str, float] = defaultdict(float)
    weights: dict[str, float] = defaultdict(float)
    for weight, one, size in near:
        best = max(row[_MEASURE] for row in one.codes[size].values())
        for name, row in one.codes[size].items():
            lost[name] += weight * (best - row[_MEASURE])
            weights[name] += weight
    return {name: (lost[name] + _EVIDENCE * _UNKNOWN) / (weights[name] + _EVIDENCE) for name in lost}


def _costs(near: Sequence[tuple[float, PublishedSet, int]], names: Iterable[str]) -> dict[str, tuple[float, float]]:
    """The times of each method at the budgets, averaged with the weights of the sets."""
    costs = {}
    for name in names:
        measured = [(weight, one.codes[size][name]) for weight, one, size in near if name in one.codes[size]]
        total = sum(weight for weight, _ in measured)
        fit, encode = (sum(weight * row[column] for weight, row in measured) / total for column in COLUMNS[-2:])
        costs[name] = fit, encode
    return costs


@dataclass(frozen=True)
class Reaching:
    """A method that kept a recall in published records at float32 / ``ratio``: at worst ``recall``, on ``dataset``."""

    method: str
    ratio: float
    recall: float
    dataset: str


def reaching(published: Iterable[PublishedSet], recall: float, k: int, ratio: float) -> Reaching | None:
    """The method with the smallest codes, but larger than those of ``ratio``, that kept ``recall`` at k on every data
    set; of several the one that kept most. None if none did.

    At each ratio only those measured on most data sets count, and on two at least if any was: one that met but the
    easiest promises nothing.
    """
    by_ratio: dict[float, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for one in published:
        for size, methods in one.codes.items():
            if (own := round(one.ratio(size), 1)) < ratio:
                for name, row in methods.items():
                    by_ratio[own][name][one.name] = row[f"recall@{k}"]
    good = []
    several = any(len(kept) > 1 for methods in by_ratio.values() for kept in methods.values())
    for own, kept_by in by_ratio.items():
        most = max(1 + several, *(len(kept) for kept in kept_by.values()))
        for name, kept in kept_by.items():
            worst = min(kept, key=lambda dataset: kept[dataset])
            if len(kept) == most and kept[worst] >= recall:
                good.append(Reaching(name, own, kept[worst], worst))
    return max(good, key=lambda one: (one.ratio, one.recall, one.method), default=None)
