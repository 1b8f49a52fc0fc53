"""What published measurements let expect of methods for sets: which to try first, and how long each takes.

They are not part of an installation; ``set_prior.json`` beside this file is what counts of them here
(``results/scripts/set_prior.py`` makes it).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from statistics import fmean, median
from typing import Any, NamedTuple

FILE = "set_prior.json"
EQUAL = 0.02  # of recall@10: what stays no further behind is tried cheapest first
_TOLERATED = 0.1  # less recall than the best: as much as twice the time
_UNKNOWN = 0.05  # behind the best: taken of methods without records
_START_S = 6.0  # of a run: imports, compiled code read from its cache; these take as long on any data


class Row(NamedTuple):
    """A method, perhaps with a codec (``muvera``, ``muvera(sign)``), at a size in bytes of a document.

    ``of_40`` is the share of the first ten among forty candidates, None where that was not measured; ``seconds`` are
    those of the whole run's process, None likewise.
    """

    label: str
    size: int
    recall: float
    of_40: float | None
    seconds: float | None


@dataclass(frozen=True)
class PublishedSets:
    """What methods kept and took on a data set of so many ``numbers``, ``raw`` bytes of a document as float32."""

    name: str
    numbers: int
    raw: float
    rows: tuple[Row, ...]

    def kept(self, ratio: float, from_disk: bool) -> dict[str, Row]:
        """Of each label the row that keeps most, of those that are ``ratio`` times smaller than float32 or more."""
        best: dict[str, Row] = {}
        for row in self.rows:
            fits = row.size * ratio <= self.raw
            if fits and (row.label not in best or worth(row, from_disk) > worth(best[row.label], from_disk)):
                best[row.label] = row
        return best


def worth(row: Row, from_disk: bool) -> float:
    """The share of the first ten that it finds, at least that without candidates."""
    return max(row.recall, row.of_40 or 0.0) if from_disk else row.recall


def from_json(values: dict[str, Any]) -> PublishedSets:
    """A set as ``results/scripts/set_prior.py`` writes it."""
    return PublishedSets(values["name"], values["numbers"], values["raw"], tuple(Row(*row) for row in values["rows"]))


@functools.cache
def packaged() -> tuple[PublishedSets, ...]:
    """Those that come with this package."""
    text = (resources.files("bench.recommend") / FILE).read_text(encoding="utf-8")
    return tuple(from_json(one) for one in json.loads(text)["sets"])


@dataclass(frozen=True)
class SetExpectation:
    """What is expected on the user's documents.

    Attributes
    ----------
    behind : label -> float
        How much recall@10 less than the best, on average over published sets.
    seconds : label -> float
        Of a run's process, right within a few times.
    """

    behind: dict[str, float]
    seconds: dict[str, float]

    def seconds_of(self, label: str) -> float:
        """Of an unknown one, as long as most take."""
        method = label.partition("(")[0]
        known = self.seconds.get(label, self.seconds.get(method))
        return known if known is not None else median([*self.seconds.values()] or [_START_S])

    def quick(self, labels: Iterable[str]) -> str:
        """One that promises much for little time: its run says how fast this machine is, and is an answer already."""
        return min(labels, key=lambda one: self.seconds_of(one) * (1 + self.behind.get(one, _UNKNOWN) / _TOLERATED))

    def order(self, labels: Iterable[str]) -> list[str]:
        """The best first, of equals the quickest."""
        return sorted(labels, key=lambda one: (int(self.behind.get(one, _UNKNOWN) / EQUAL), self.seconds_of(one)))


def expect(ratio: float, from_disk: bool, numbers: float, published: Sequence[PublishedSets]) -> SetExpectation:
    """Of codes ``ratio`` times smaller than float32, on a sample of so many ``numbers``."""
    behind: dict[str, list[float]] = {}
    seconds: dict[str, list[float]] = {}
    for one in published:
        kept = one.kept(ratio, from_disk)
        best = max((worth(row, from_disk) for row in kept.values()), default=0.0)
        for label, row in kept.items():
            behind.setdefault(label, []).append(best - worth(row, from_disk))
        for label in {row.label for row in one.rows}:
            times = [row.seconds for row in one.rows if row.label == label and row.seconds is not None]
            if label in kept and kept[label].seconds is not None:
                times = [kept[label].seconds or 0.0]
            if times:
                grown = max(0.0, median(times) - _START_S) * numbers / one.numbers
                seconds.setdefault(label, []).append(_START_S + grown)
    means = [{label: fmean(values) for label, values in each.items()} for each in (behind, seconds)]
    return SetExpectation(*means)
