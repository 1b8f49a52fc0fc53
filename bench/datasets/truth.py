"""Exact nearest neighbors by faiss's brute force, over blocks of the base, kept in the cache."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.datasets.base import Dataset, DatasetError
from bench.datasets.cache import written_whole
from bench.datasets.clicks import ClickDataset
from bench.datasets.exact import Part, exact_scores, truth_of
from bench.datasets.neighbors import GroundTruth
from bench.datasets.parts import resumed_search, truth_path
from bench.datasets.store import read_only
from bench.measure.ties import tie_tolerance
from methods import Metric

if TYPE_CHECKING:
    from bench.datasets.loading import AnyDataset
    from bench.datasets.sets.dataset import RaggedDataset, SetMetric

_CHECKED_QUERIES = 100
_FLOAT32 = 1e-6  # relative: how far scores that another program computed in float32 may be off


def ground_truth(dataset: AnyDataset, k: int) -> GroundTruth:
    """The exact ``k`` nearest neighbors, from the cache if they were computed before (for this k or a larger one).

    A faulty file in the cache is computed anew. A long search that was interrupted goes on where it was. Neighbors that
    the data set's file brought along are compared with ours on 100 queries when ours are computed.

    Raises
    ------
    DatasetError
        ``k`` is not positive; the file's neighbors contradict the metric; the cache cannot be written.
    """
    if int(k) != k or k < 1:
        raise DatasetError(f"k={k} is not a number of neighbors; use an integer of at least 1")
    if isinstance(dataset, ClickDataset):
        raise DatasetError(f"{dataset.name} has click examples, which have no neighbors")
    kept = min(k, dataset.base.shape[0])
    truth = _read(truth_path(dataset), dataset, kept)
    if truth is None:
        truth = _compute(dataset, kept)
    return _cut(truth, k, dataset.metric)


def _compute(dataset: Dataset | RaggedDataset, k: int) -> GroundTruth:
    if isinstance(dataset, Dataset):
        with resumed_search(dataset, k) as part:
            truth = keep(part, dataset)
    else:
        from bench.datasets.sets.truth import exact_search  # its kernel is loaded for sets alone

        truth = exact_search(dataset, k)
        _write(truth, dataset)
    return truth


def keep(part: Part, dataset: Dataset) -> GroundTruth:
    """The neighbors among all rows, compared with those of the data set's file and written to the cache."""
    truth = truth_of(part, dataset)
    _compare(dataset, truth)
    _write(truth, dataset)
    return truth


def _write(truth: GroundTruth, dataset: Dataset | RaggedDataset) -> None:
    with written_whole(truth_path(dataset)) as handle:
        np.savez(handle, scores=truth.scores, ids=truth.ids)


def _compare(dataset: Dataset, truth: GroundTruth) -> None:
    """Hold the neighbors that came with the data set to ours, on a sample of the queries."""
    if dataset.neighbors is None:
        return
    k = min(dataset.neighbors.shape[1], truth.ids.shape[1])
    sampled = np.unique(np.linspace(0, len(dataset.queries) - 1, _CHECKED_QUERIES).astype(np.int64))
    sampled = sampled[(dataset.neighbors[sampled, :k] >= 0).any(axis=1)]
    if not len(sampled):
        return
    given = dataset.neighbors[sampled, :k]
    known = given >= 0  # the rest is padding
    scores = exact_scores(dataset, sampled, np.where(known, given, 0))
    sign = 1.0 if dataset.metric.descending else -1.0
    worse = np.where(known, sign * (truth.scores[sampled, k - 1 : k] - scores), -np.inf)
    repeated = np.array([len(np.unique(row[row >= 0])) < (row >= 0).sum() for row in given])
    tolerance = tie_tolerance(truth.scores[sampled], k)
    rounded = _FLOAT32 * np.abs(truth.scores[sampled, k - 1])
    other, wrong = (
        int(((worse > most[:, None]).any(axis=1) | repeated).sum())
        for most in (tolerance, np.maximum(tolerance, rounded))
    )
    if wrong > len(sampled) // 10 and not dataset.metric_asked:
        fix = _what_would_be_right(dataset, sampled, given)
        raise DatasetError(f"{_differ(dataset, wrong, len(sampled))}; {fix}")
    if other:
        warnings.warn(f"{_differ(dataset, other, len(sampled))}; ours are used", stacklevel=3)


def _differ(dataset: Dataset, count: int, sampled: int) -> str:
    return (
        f"{dataset.card.get('source', dataset.name)}: the file's own neighbors differ from exact search by "
        f"{dataset.metric} for {count} of {sampled} sampled queries"
    )


def _what_would_be_right(dataset: Dataset, sampled: np.ndarray, given: np.ndarray) -> str:
    """The metric by which the neighbors ``given`` (q, k) of the queries ``sampled`` are in order, if there is one."""
    complete = (given >= 0).all(axis=1)
    others = (
        [metric for metric in Metric if metric is not dataset.metric] if complete.any() and given.shape[1] > 1 else []
    )
    fitting = []
    for metric in others:
        scores = exact_scores(replace(dataset, metric=metric), sampled[complete], given[complete])
        steps = np.diff(scores if metric.descending else -scores, axis=1)  # none of them upwards
        if (steps <= _FLOAT32 * np.abs(scores[:, 1:])).all():
            fitting.append(str(metric))
    if fitting:
        return f"they are in the order of {' and '.join(fitting)}: use metric={fitting[0]}, or the metric that you want"
    return (
        "its distance attribute or its neighbors are wrong: correct or delete them, or choose a metric "
        f"(metric={dataset.metric}), by which ours are computed"
    )


def _cut(truth: GroundTruth, k: int, metric: Metric | SetMetric) -> GroundTruth:
    missing = max(0, k - truth.ids.shape[1])
    pad = ((0, 0), (0, missing))
    worst = -np.inf if metric.descending else np.inf
    scores = np.pad(truth.scores[:, :k], pad, constant_values=worst)
    ids = np.pad(truth.ids[:, :k], pad, constant_values=-1)
    return GroundTruth(read_only(scores), read_only(ids))


def _read(path: Path, dataset: Dataset | RaggedDataset, k: int) -> GroundTruth | None:
    """What the cache holds, if it is whole, fits the data set and has at least ``k`` neighbors."""
    if not os.path.exists(path):
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            scores, ids = arrays["scores"], arrays["ids"]
    except Exception:  # whatever a damaged file makes NumPy and zipfile raise: it is computed anew
        return None
    fits = scores.shape == ids.shape and ids.ndim == 2 and len(ids) == len(dataset.queries) and ids.shape[1] >= k
    typed = scores.dtype == np.float64 and ids.dtype == np.int64
    sound = fits and typed and ids.size > 0 and ids.min() >= 0 and ids.max() < dataset.base.shape[0]
    return GroundTruth(scores, ids) if sound else None
