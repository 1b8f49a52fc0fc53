"""Exact nearest neighbours by faiss's brute force, over blocks of the base, kept in the cache."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from bench.datasets.base import Dataset, DatasetError
from bench.datasets.cache import cache_dir, written_whole
from bench.datasets.clicks import ClickDataset
from bench.datasets.store import BLOCK_BYTES, blocks, read_only
from methods import Metric
from methods.vectors import normalized

if TYPE_CHECKING:
    from bench.datasets.loading import AnyDataset
    from bench.datasets.ragged import RaggedDataset, SetMetric

TIE = 1e-6  # relative difference of scores below which two neighbours are one as good as the other
MARGIN = 16  # candidates beyond k that faiss's float32 order is trusted to hold the true k among
_CHECKED_QUERIES = 100
_REPORT_FLOPS = 1e11


@dataclass(frozen=True)
class GroundTruth:
    """The exact ``k`` nearest of every query, best first; ties go to the smaller id.

    Attributes
    ----------
    scores : (nq, k) float32, read-only
        Inner product, cosine, or squared Euclidean distance; computed in float64. Padded with -inf (+inf for l2).
    ids : (nq, k) int64, read-only
        Rows of the base; padded with -1 where ``k`` exceeds their number.
    """

    scores: np.ndarray
    ids: np.ndarray


def ground_truth(dataset: AnyDataset, k: int) -> GroundTruth:
    """The exact ``k`` nearest neighbours, from the cache if they were computed before (for this k or a larger one).

    A faulty file in the cache is computed anew. Neighbours that the data set's file brought along are compared with
    ours on 100 queries when ours are computed.

    Raises
    ------
    DatasetError
        ``k`` is not positive; the file's neighbours contradict the metric; the cache cannot be written.
    """
    if int(k) != k or k < 1:
        raise DatasetError(f"k={k} is not a number of neighbours; use an integer of at least 1")
    if isinstance(dataset, ClickDataset):
        raise DatasetError(f"{dataset.name} has click examples, which have no neighbours")
    path = cache_dir() / "ground-truth" / f"{dataset.checksum[:40]}-{dataset.metric}.npz"
    found = _read(path, dataset, min(k, dataset.base.shape[0]))
    if found is None:
        found = _compute(dataset, min(k, dataset.base.shape[0]))
        with written_whole(path) as handle:
            np.savez(handle, scores=found.scores, ids=found.ids)
    return _cut(found, k, dataset.metric)


def _compute(dataset: Dataset | RaggedDataset, k: int) -> GroundTruth:
    if isinstance(dataset, Dataset):
        found = exact_search(dataset, k)
        _compare(dataset, found)
        return found
    from bench.datasets.ragged_truth import exact_search as exact_search_of_sets

    return exact_search_of_sets(dataset, k)


def exact_search(dataset: Dataset, k: int) -> GroundTruth:
    """As :func:`ground_truth` for ``1 <= k <= n``, without the cache."""
    kept = min(k + MARGIN, dataset.base.shape[0])
    candidates = _candidates(dataset, kept)
    scores = np.empty((len(candidates), k), np.float32)
    ids = np.empty((len(candidates), k), np.int64)
    step = max(1, BLOCK_BYTES // (16 * kept * dataset.dim))
    for start in range(0, len(candidates), step):
        chosen = slice(start, start + step)
        exact = _exact_scores(dataset, np.arange(len(candidates))[chosen], candidates[chosen])
        order = np.lexsort((candidates[chosen], -exact if dataset.metric.descending else exact), axis=1)[:, :k]
        scores[chosen] = np.take_along_axis(exact, order, axis=1)
        ids[chosen] = np.take_along_axis(candidates[chosen], order, axis=1)
    return GroundTruth(scores, ids)


def _candidates(dataset: Dataset, k: int) -> np.ndarray:
    """Ids (nq, k) int64 of faiss's float32 search, in no particular order."""
    import faiss

    descending = dataset.metric.descending
    measure = faiss.METRIC_INNER_PRODUCT if descending else faiss.METRIC_L2
    cosine = dataset.metric is Metric.COSINE
    queries = normalized(dataset.queries) if cosine else dataset.queries
    heap = faiss.ResultHeap(len(queries), k, keep_max=descending)
    rows, dim = dataset.base.shape
    long = 2.0 * rows * dim * len(queries) > _REPORT_FLOPS
    total = -(-4 * rows * dim // BLOCK_BYTES)
    for start, block in tqdm(blocks(dataset.base), "exact search", total, unit="block", disable=not long):
        found, ids = faiss.knn(queries, normalized(block) if cosine else block, min(k, len(block)), metric=measure)
        if (ids < 0).any() or not np.isfinite(found).all():  # faiss leaves out what compares with nothing
            raise overflow(dataset.name, dataset.metric)
        heap.add_result(found, ids + start)
    heap.finalize()
    return heap.I


def overflow(name: str, metric: object) -> DatasetError:
    return DatasetError(
        f"{name} has values whose {metric} scores overflow float32; divide all vectors by one number, which keeps the "
        "order of neighbours"
    )


def _exact_scores(dataset: Dataset, queries: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Scores (q, k) float64 of the rows ``queries`` (q,) of the queries with the rows ``ids`` (q, k) of the base."""
    distinct, where = np.unique(ids, return_inverse=True)
    vectors = dataset.base.take(distinct).astype(np.float64)
    asked = dataset.queries[queries].astype(np.float64)
    if dataset.metric is Metric.COSINE:
        vectors, asked = _unit(vectors), _unit(asked)
    neighbours = vectors[where.reshape(ids.shape)]
    if dataset.metric is Metric.L2:
        return np.square(neighbours - asked[:, None, :]).sum(axis=2)
    return np.einsum("qkd,qd->qk", neighbours, asked)


def _unit(vectors: np.ndarray) -> np.ndarray:
    """A copy of float64 vectors scaled to unit norm; zero vectors stay zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)


def _compare(dataset: Dataset, found: GroundTruth) -> None:
    """Hold the neighbours that came with the data set to ours, on a sample of the queries."""
    if dataset.neighbours is None:
        return
    k = min(dataset.neighbours.shape[1], found.ids.shape[1])
    asked = np.unique(np.linspace(0, len(dataset.queries) - 1, _CHECKED_QUERIES).astype(np.int64))
    given = dataset.neighbours[asked, :k]
    scores = _exact_scores(dataset, asked, given)
    sign = 1.0 if dataset.metric.descending else -1.0
    last = found.scores[asked, k - 1 : k].astype(np.float64)
    worse = sign * (last - scores) > TIE * np.maximum(np.abs(last), np.finfo(np.float32).tiny)
    repeated = np.array([len(np.unique(row)) < k for row in given])
    wrong = int((worse.any(axis=1) | repeated).sum())
    message = (
        f"{dataset.card.get('source', dataset.name)}: the file's own neighbours differ from "
        f"exact search by {dataset.metric} for {wrong} of "
        f"{len(asked)} sampled queries"
    )
    if wrong > len(asked) // 10:
        raise DatasetError(f"{message}; its distance attribute or its neighbors are wrong: correct or delete them")
    if wrong:
        warnings.warn(f"{message}; ours are used", stacklevel=3)


def _cut(found: GroundTruth, k: int, metric: Metric | SetMetric) -> GroundTruth:
    missing = max(0, k - found.ids.shape[1])
    pad = ((0, 0), (0, missing))
    worst = -np.inf if metric.descending else np.inf
    scores = np.pad(found.scores[:, :k], pad, constant_values=worst)
    ids = np.pad(found.ids[:, :k], pad, constant_values=-1)
    return GroundTruth(read_only(scores), read_only(ids))


def _read(path: Path, dataset: Dataset | RaggedDataset, k: int) -> GroundTruth | None:
    """What the cache holds, if it is whole, fits the data set and has at least ``k`` neighbours."""
    if not os.path.exists(path):
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            scores, ids = arrays["scores"], arrays["ids"]
    except Exception:  # whatever a damaged file makes NumPy and zipfile raise: it is computed anew
        return None
    fits = scores.shape == ids.shape and ids.ndim == 2 and len(ids) == len(dataset.queries) and ids.shape[1] >= k
    typed = scores.dtype == np.float32 and ids.dtype == np.int64
    sound = fits and typed and ids.size > 0 and ids.min() >= 0 and ids.max() < dataset.base.shape[0]
    return GroundTruth(scores, ids) if sound else None
