"""The code sizes that a method can reach."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from methods.base import Codec, Metric
from methods.errors import BudgetError


def code_sizes(cls: type[Codec], dim: int, most: int, metric: Metric | None = None) -> list[int]:
    """Distinct sizes of codes, ascending, over all budgets of 1 to ``most`` bytes.

    A larger budget is taken never to give a smaller code, so that a range of budgets need not be tried one by one:
    not where both its ends give one size, nor where its ends, their neighbors and the middle are used up exactly.
    """
    if metric is None:
        metric = next(metric for metric in Metric if metric in cls.metrics)
    try:
        cls.for_budget(dim, 0, metric)
        smallest = 1
    except BudgetError as error:
        smallest = error.smallest
    if smallest > most:
        return []
    known: dict[int, int] = {}

    def size(code_bytes: int) -> int:
        if code_bytes not in known:
            known[code_bytes] = cls.for_budget(dim, code_bytes, metric).code_size
        return known[code_bytes]

    return sorted(_between(size, smallest, most))


def _between(size: Callable[[int], int], low: int, high: int) -> set[int]:
    middle = (low + high) // 2
    if size(low) == size(high):
        return {size(low)}
    if all(size(budget) == budget for budget in (low, low + 1, middle, middle + 1, high - 1, high)):
        return set(range(low, high + 1))
    return _between(size, low, middle) | _between(size, middle + 1, high)


def in_words(sizes: list[int], most_terms: int = 8) -> str:
    """``[48, 96, 192]`` as "48, 96, 192"; runs of equal steps as "1..384" or "4..64 by 4"."""
    terms: list[str] = []
    at = 0
    while at < len(sizes):
        step, run = _run(sizes[at:])
        if run >= 4 or (run >= 3 and step == 1):
            terms.append(f"{sizes[at]}..{sizes[at + run - 1]}" + (f" by {step}" if step > 1 else ""))
            at += run
        else:
            terms.append(str(sizes[at]))
            at += 1
    if len(terms) > most_terms:
        terms = [*terms[: most_terms - 2], "...", terms[-1]]
    return ", ".join(terms)


def _run(sizes: list[int]) -> tuple[int, int]:
    """Step and length of the run of equal steps that ``sizes`` begin with."""
    steps = [after - before for before, after in zip(sizes, sizes[1:])]  # noqa: RUF007
    if not steps:
        return 1, 1
    step, same = next(groupby(steps))
    return step, 1 + len(list(same))
