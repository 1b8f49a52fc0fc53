"""Judgements in files, and those that are left of them where some of the base's rows are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.datasets.base import DatasetError, Relevance


def read_relevance(file: Path, queries: int, items: int) -> Relevance:
    """Judgements of a built data set, (m, 3) integers: query row, base row, grade above 0."""
    rows = np.load(file, allow_pickle=False)
    if rows.ndim != 2 or rows.shape[1] != 3 or rows.dtype.kind not in "iu":
        raise DatasetError(f"{file} has shape {rows.shape} of {rows.dtype}; judgements are (m, 3) integers")
    query, item, grade = rows.astype(np.int64).T.copy()
    if len(rows) and not (_within(query, queries) and _within(item, items)):
        raise DatasetError(
            f"{file} judges rows outside of {queries} queries and {items} items; build the data set again"
        )
    if len(rows) and grade.min() < 1:
        at = int(np.argmax(grade < 1))
        raise DatasetError(
            f"{file} has grade {grade[at]} in row {at}; leave out what is not relevant: grades are above 0"
        )
    return Relevance(query, item, grade)


def _within(rows: np.ndarray, count: int) -> bool:
    return bool(rows.min() >= 0 and rows.max() < count)


def of_rows(relevance: Relevance | None, queries: int, rows: np.ndarray | None) -> tuple[Relevance | None, int]:
    """Judgements of the first ``queries`` queries by the row among ``rows``, and how many lost their item.

    ``rows`` (m,) of the base are ascending; None for all.
    """
    if relevance is None:
        return None, 0
    in_range = relevance.query < queries
    query, item, grade = relevance.query[in_range], relevance.item[in_range], relevance.grade[in_range]
    if rows is not None:
        place = np.minimum(np.searchsorted(rows, item), len(rows) - 1)
        kept = rows[place] == item
        query, item, grade = query[kept], place[kept], grade[kept]
    lost = int(in_range.sum()) - len(query)
    return (Relevance(query, item, grade) if len(query) else None), lost
