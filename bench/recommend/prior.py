"""In which order methods race: first those that published records expect most of, so that time runs out on others."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench import records
from bench.records import Record
from methods import Metric

PUBLISHED = "results/published"
_MEASURE = "recall@10"
_METRICS = {str(metric) for metric in Metric}


def by_expectation(names: Sequence[str], ratio: float, published: Iterable[Record]) -> tuple[list[str], list[str]]:
    """``names``, what is expected of them falling, and which of them the records know.

    A method is expected to stay behind the best as far as it did, on average over data sets, in their records at the
    ratio of float32 to the budget nearest to ``ratio``. One without records comes first: nothing says that it
    is worse. The order of equals is kept.
    """
    behind = _behind(published, ratio)
    return sorted(names, key=lambda name: behind.get(name, -1.0)), [name for name in names if name in behind]


def _behind(published: Iterable[Record], ratio: float) -> dict[str, float]:
    """How much recall@10 less than the best of its data set each method has, on average."""
    groups: dict[str, dict[float, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in published:
        if record.status == "ok" and record.dataset.metric in _METRICS and not record.config.get("rescore"):
            groups[record.dataset.name][4 * record.dataset.dim / record.budget.bytes].append(record)
    lost: dict[str, list[float]] = defaultdict(list)
    for budgets in groups.values():
        near = budgets[min(budgets, key=lambda found: abs(math.log(found / ratio)))]
        best = max(record.quality[_MEASURE].value for record in near)
        for record in near:
            lost[record.method.name].append(best - record.quality[_MEASURE].value)
    return {name: sum(values) / len(values) for name, values in lost.items()}


def published_records() -> Iterable[Record]:
    """Those beside the checkout that is run from; none elsewhere."""
    return records.find([PUBLISHED]) if Path(PUBLISHED).is_dir() else []
