"""What the vectors of a data set are like (:class:`bench.measure.kinds.Diagnosis`), in seconds, and once a data set.

One pass over the base, or over blocks spread over it if it is very large, takes lengths, means and equal rows; what
needs pairs of vectors is of a sample of its rows.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets.base import Dataset, VectorStore
from bench.datasets.cache import cache_dir, written_whole
from bench.datasets.candidates import unit
from bench.datasets.neighbors import GroundTruth
from bench.datasets.sets.dataset import RaggedDataset
from bench.datasets.store import BLOCK_BYTES, ArrayStore
from bench.measure.kinds import Diagnosis
from bench.measure.repeats import as_compared, groups_of, keys
from bench.measure.ties import tie_tolerance, ties_at
from methods import Metric
from methods.fitting.principal_axes import effective_rank

_VERSION = 2  # of what is cached
_BYTES, _ROWS = 1 << 30, 1_000_000  # of float32, and rows, that the pass reads at most
_TOGETHER = 2_000  # rows whose fourth powers are summed at a time
_SAMPLE_BYTES, _SAMPLE = 128 << 20, 20_000  # rows kept for standard deviations and neighbors
_QUERIES, _NEIGHBORS = 200, 100  # whose neighbors in the sample tell ties, where the exact ones are not known
_TIES_AT = (1, 10)
_SAME = 1e-12  # 1 - cosine of two vectors that are one, each rounded to float32
_FAR = 10.0  # times the median length: such rows say nothing of how the others spread


def diagnose(dataset: Dataset | RaggedDataset, truth: GroundTruth | None = None) -> Diagnosis:
    """What the vectors are like; from the cache if they were looked at before.

    Parameters
    ----------
    truth : GroundTruth, optional
        Tells ties and queries in the base of all queries; without it, ties are of a sample.

    Raises
    ------
    DatasetError
        The vectors cannot be read, or the cache cannot be written.
    """
    path = cache_dir() / "diagnosis" / f"{dataset.checksum[:40]}-{dataset.metric}.json"
    diagnosis = _read(path)
    if diagnosis is None:
        diagnosis = _diagnose(dataset)
        with written_whole(path) as handle:
            handle.write(json.dumps({"version": _VERSION, **dataclasses.asdict(diagnosis)}).encode())
    return diagnosis if truth is None else _with_truth(diagnosis, dataset, truth)


def _read(path: Path) -> Diagnosis | None:
    try:
        values = json.loads(path.read_bytes())
        return Diagnosis(**values) if values.pop("version") == _VERSION else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _diagnose(dataset: Dataset | RaggedDataset) -> Diagnosis:
    base: VectorStore = dataset.base if isinstance(dataset, Dataset) else ArrayStore(dataset.base.vectors)
    queries = dataset.queries if isinstance(dataset, Dataset) else dataset.queries.floats()
    seen = _Pass.over(base)
    compared = as_compared(seen.sample, dataset.metric)
    lengths = _lengths(compared)
    near = compared[lengths <= _FAR * np.median(lengths)]
    groups = groups_of(dataset.queries, dataset.metric)
    p1, median, p99 = np.quantile(seen.lengths, [0.01, 0.5, 0.99])
    of_queries = float(np.median(_lengths(queries)))
    diagnosis = Diagnosis(
        rows=len(seen.lengths),
        mean_length=seen.mean_length(dataset.metric),
        average_cosine=seen.average_cosine(),
        query_cosine=seen.cosine_with(queries),
        effective_rank=effective_rank(near),
        deviation_ratio=deviation_ratio(near),
        kurtosis=kurtosis(near),
        length_p1=float(p1),
        length_median=float(median),
        length_p99=float(p99),
        longest=float(seen.lengths.max() / median) if median > 0 else 0.0,
        duplicates=seen.duplicates(),
        zero_rows=int((seen.lengths == 0).sum()),
        query_length=of_queries / float(median) if median > 0 else 0.0,
        queries_in_base=seen.share_of(queries) if isinstance(dataset, Dataset) else 0.0,
        repeated_queries=0 if groups is None else len(groups) - 1 - int(groups.max()),
    )
    if not isinstance(dataset, Dataset):  # neighbors of sets are too much work for a look
        return diagnosis
    return _with_truth(diagnosis, dataset, _neighbors_in(seen.sample, dataset))


@dataclass
class _Pass:
    """What one pass over the base found.

    Attributes
    ----------
    lengths : (rows,) float64
    sum, directions : (d,) float64
        Of the vectors, and of the vectors scaled to unit length.
    keys : (rows,) int64
        Ascending; the same for equal rows, zero rows left out.
    sample : (m, d) float32
        Rows as they are.
    """

    lengths: np.ndarray
    sum: np.ndarray
    directions: np.ndarray
    keys: np.ndarray
    sample: np.ndarray

    @classmethod
    def over(cls, base: VectorStore) -> _Pass:
        dim = base.shape[1]
        spans = list(_spans(base))
        rows = sum(stop - start for start, stop in spans)
        most = max(1, min(_SAMPLE, _SAMPLE_BYTES // (4 * dim), rows))
        chosen = np.zeros(rows, bool)
        chosen[np.random.default_rng(0).choice(rows, most, replace=False)] = True
        total, directions = np.zeros(dim), np.zeros(dim)
        lengths, row_keys, sample, done = [], [], [], 0
        for start, stop in spans:
            block = base.read(start, stop)
            norms = _lengths(block)
            inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
            total += block.sum(axis=0, dtype=np.float64)
            directions += np.einsum("i,ij->j", inverse, block, dtype=np.float64)
            lengths.append(norms)
            row_keys.append(keys(block)[norms > 0])
            sample.append(block[chosen[done : done + len(block)]])
            done += len(block)
        return cls(
            np.concatenate(lengths), total, directions, np.sort(np.concatenate(row_keys)), np.concatenate(sample)
        )

    @property
    def _directed(self) -> int:
        """Rows that have a direction."""
        return int((self.lengths > 0).sum())

    def mean_length(self, metric: object) -> float:
        if metric is Metric.COSINE:
            return _ratio(float(np.linalg.norm(self.directions)), self._directed)
        mean = float(np.linalg.norm(self.sum)) / len(self.lengths)
        return _ratio(mean, float(np.sqrt(np.square(self.lengths).mean())))

    def average_cosine(self) -> float:
        """Of two different rows: of all pairs, less those of a row with itself."""
        count = self._directed
        return _ratio(float(self.directions @ self.directions) - count, count * (count - 1))

    def cosine_with(self, queries: np.ndarray) -> float:
        directions = unit(queries.astype(np.float64)).sum(axis=0)
        return _ratio(float(directions @ self.directions), self._directed * int(queries.any(axis=1).sum()))

    def duplicates(self) -> int:
        return int((self.keys[1:] == self.keys[:-1]).sum())

    def share_of(self, queries: np.ndarray) -> float:
        """Of the queries, those that are rows."""
        query_keys = keys(queries[queries.any(axis=1)])
        first, last = (np.searchsorted(self.keys, query_keys, side=side) for side in ("left", "right"))
        return float((first < last).sum()) / len(queries)


def _spans(base: VectorStore) -> Iterator[tuple[int, int]]:
    """Blocks of rows: all, or as many as the bounds allow, spread over the base."""
    rows, dim = base.shape
    step = max(1, min(BLOCK_BYTES // (4 * dim), _ROWS // 8))
    starts = range(0, rows, step)
    most = max(1, min(_BYTES // (4 * dim), _ROWS) // step)
    for i in np.unique(np.linspace(0, len(starts) - 1, min(most, len(starts))).astype(int)).tolist():
        yield starts[i], min(starts[i] + step, rows)


def deviation_ratio(vectors: np.ndarray) -> float:
    """Largest standard deviation of a dimension over the median of those above 0; 1 where none is."""
    deviations = vectors.std(axis=0, dtype=np.float64)
    varying = deviations[deviations > 0]
    return float(varying.max() / np.median(varying)) if len(varying) else 1.0


def kurtosis(vectors: np.ndarray) -> float | None:
    """Of the median dimension of those of vectors (n, d) that vary; None where none does."""
    squares, fourths = np.zeros((2, vectors.shape[1]))
    mean = vectors.mean(axis=0, dtype=np.float64)
    for start in range(0, len(vectors), _TOGETHER):
        square = np.square(vectors[start : start + _TOGETHER] - mean)
        squares += square.sum(axis=0)
        fourths += np.square(square).sum(axis=0)
    varying = squares > 1e-12 * max(float(squares.max(initial=0)), 1e-300)
    ratios = fourths[varying] * len(vectors) / np.square(squares[varying])
    return float(np.median(ratios)) if len(ratios) else None


def _neighbors_in(sample: np.ndarray, dataset: Dataset) -> GroundTruth:
    """The exact neighbors, in the sample alone, of some queries."""
    rows = np.unique(np.linspace(0, len(dataset.queries) - 1, _QUERIES).astype(int))
    few = dataclasses.replace(dataset, base=ArrayStore(sample), queries=dataset.queries[rows], neighbors=None)
    from bench.datasets.exact import exact_search

    return exact_search(few, min(_NEIGHBORS, len(sample)))


def _with_truth(diagnosis: Diagnosis, dataset: Dataset | RaggedDataset, truth: GroundTruth) -> Diagnosis:
    """With what the exact neighbors say."""
    known = int((truth.ids[0] >= 0).sum())
    scores = truth.scores[:, :known]
    ties = {str(k): float(ties_at(scores, k).mean()) for k in _TIES_AT if k < known}
    together = np.abs(scores[:, 0] - scores[:, -1]) <= tie_tolerance(scores, known)
    changed: dict[str, Any] = {"ties": ties, "indistinct": float(together.mean()) if known > 1 else 0.0}
    if dataset.metric is Metric.COSINE:  # a query may be a row at another length
        own = float((scores[:, 0] >= 1 - _SAME).mean())
        changed["queries_in_base"] = max(diagnosis.queries_in_base, own)
    return dataclasses.replace(diagnosis, **changed)


def _lengths(vectors: np.ndarray) -> np.ndarray:
    """Norms (n,) float64 of float32 vectors, whose squares float32 may not hold."""
    return np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))


def _ratio(value: float, of: float) -> float:
    return value / of if of > 0 else 0.0
