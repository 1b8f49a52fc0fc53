"""In which order methods race: first those that published records expect most of, so that time runs out on others."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import records
from bench.records import Record
from methods import Metric

PUBLISHED = "results/published"
_MEASURE = "recall@10"
_UNKNOWN = 0.03  # of it behind the best: taken of methods without records
_METRICS = {str(metric) for metric in Metric}


def by_expectation(names: Sequence[str], ratio: float, published: Iterable[Record]) -> tuple[list[str], list[str]]:
    """``names``, what is expected of them falling, and which of them the records know.

    A method is expected to stay behind the best as far as it did, on average over data sets, in their records at the
    ratio of float32 to the budget nearest to ``ratio``. Those without records come after those that stayed within
    .03: nothing says that they are worse, but they may be slow. The order of equals is kept.
    """
    behind = _behind(published, ratio)
    return sorted(names, key=lambda name: behind.get(name, _UNKNOWN)), [name for name in names if name in behind]


def _behind(published: Iterable[Record], ratio: float) -> dict[str, float]:
    """How much recall@10 less than the best of its data set each method has, on average."""
    groups: dict[str, dict[float, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in published:
        if _dense(record):
            groups[record.dataset.name][4 * record.dataset.dim / record.budget.bytes].append(record)
    lost: dict[str, list[float]] = defaultdict(list)
    for budgets in groups.values():
        near = budgets[min(budgets, key=lambda own: abs(math.log(own / ratio)))]
        best = max(record.quality[_MEASURE].value for record in near)
        for record in near:
            lost[record.method.name].append(best - record.quality[_MEASURE].value)
    return {name: sum(values) / len(values) for name, values in lost.items()}


@dataclass(frozen=True)
class Reaching:
    """A method that kept a recall in published records at float32 / ``ratio``: at worst ``recall``, on ``dataset``."""

    method: str
    ratio: float
    recall: float
    dataset: str


def reaching(published: Iterable[Record], recall: float, k: int, ratio: float) -> Reaching | None:
    """The method with the smallest codes, but larger than those of ``ratio``, that kept ``recall`` at k on every data
    set; of several the one that kept most. None if none did.

    At each ratio only those measured on most data sets count, and on two at least if any was: one that met but the
    easiest promises nothing.
    """
    measure = f"recall@{k}"
    by_size: dict[float, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for record in published:
        own = round(4 * record.dataset.dim / record.budget.bytes, 1)
        if _dense(record) and measure in record.quality and own < ratio:
            by_size[own][record.method.name][record.dataset.name] = record.quality[measure].value
    good = []
    several = any(len(kept) > 1 for methods in by_size.values() for kept in methods.values())
    for own, methods in by_size.items():
        most = max(1 + several, *(len(kept) for kept in methods.values()))
        for name, kept in methods.items():
            worst = min(kept, key=lambda dataset: kept[dataset])
            if len(kept) == most and kept[worst] >= recall:
                good.append(Reaching(name, own, kept[worst], worst))
    return max(good, key=lambda one: (one.ratio, one.recall, one.method), default=None)


def _dense(record: Record) -> bool:
    """Whether it is of a method's own codes of single vectors and nothing finer, and was measured."""
    own = record.method.full_name == record.method.name and not record.config.get("rescore")
    return record.status == "ok" and record.dataset.metric in _METRICS and own


def published_records() -> Iterable[Record]:
    """Those beside the checkout that is run from; none elsewhere."""
    return records.find([PUBLISHED]) if Path(PUBLISHED).is_dir() else []
