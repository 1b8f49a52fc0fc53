"""In which order vectors arrive (``scenario=drift``), what is alive at each step, and its exact neighbors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bench.datasets import GroundTruth, ground_truth
from bench.datasets.base import Dataset
from bench.datasets.exact import Part, merged
from bench.datasets.store import Rows, Span, blocks
from bench.drift_options import CLUSTERS, ORDERS, RANDOM, ROWS, first_rows
from bench.errors import UsageError
from bench.records import file_sha256
from methods.index import Partition

_SAMPLE = 20_000  # vectors that clusters are found in


@dataclass(frozen=True)
class Moment:
    """What is alive: of all vectors, in their order of arrival, those from ``start`` to ``stop``."""

    start: int
    stop: int


@dataclass(frozen=True)
class Arrivals:
    """Vectors in the order in which they arrive.

    Attributes
    ----------
    dataset : Dataset
        Its base is in this order, and it has no training vectors of its own.
    rows : (n,) int64
        Of each vector, the row of the base as it was loaded.
    first : int
        Vectors that are there when the codec is fitted.
    moments : list of Moment
        What is alive then, and after each step.
    """

    dataset: Dataset
    rows: np.ndarray
    first: int
    moments: list[Moment]

    def truth(self, k: int) -> list[GroundTruth]:
        """The exact ``k`` nearest neighbors among what is alive at each moment; ids count from the first arrival.

        Every vector is compared with every query once: neighbors are found in the pieces that the moments consist of.
        """
        edges = sorted({edge for moment in self.moments for edge in (moment.start, moment.stop)})
        pieces = [self._piece(start, stop, k) for start, stop in pairwise(edges)]
        metric = self.dataset.metric
        alive = [
            merged([piece for piece in pieces if moment.start <= piece.start < moment.stop], k, metric)
            for moment in self.moments
        ]
        return [GroundTruth(part.scores, part.ids) for part in alive]

    def _piece(self, start: int, stop: int, k: int) -> Part:
        """Neighbors among the arrivals ``start:stop``, from the cache if another run has found them."""
        digest = hashlib.sha256(self.dataset.checksum.encode())
        digest.update(self.rows[start:stop].tobytes())
        piece = replace(self.dataset, base=Span(self.dataset.base, start, stop), checksum=digest.hexdigest())
        truth = ground_truth(piece, k)
        return Part(start, stop, 0.0, truth.scores, np.where(truth.ids >= 0, truth.ids + start, -1))


def check_arrivals(options: Mapping[str, Any], dataset: Dataset) -> str:
    """What identifies the order: its name, or the digest of its file.

    Raises
    ------
    UsageError
        More steps than vectors that arrive; a file that is no column of numbers, one for each vector.
    """
    n = dataset.base.shape[0]
    later = n - first_rows(options, n)
    if options["steps"] > later:
        raise UsageError(f"scenario.steps={options['steps']} is more than the {later:,} vectors that arrive later")
    if options["order"] in ORDERS:
        return str(options["order"])
    _column(options["order"], n)
    return file_sha256(Path(options["order"]).expanduser())


def arrivals_of(options: Mapping[str, Any], dataset: Dataset) -> Arrivals:
    """The vectors of ``dataset`` in the order, and with the moments, that ``scenario`` options ask for."""
    n = dataset.base.shape[0]
    first = first_rows(options, n)
    moments = moments_of(n, first, options["steps"], options["delete"])
    rows = _order(options, dataset)
    edges = sorted({edge for moment in moments for edge in (moment.start, moment.stop)} | {0})
    for start, stop in pairwise(edges):
        rows[start:stop].sort()  # together they come and go: ascending rows are read from a file in one go
    ordered = replace(dataset, base=Rows(dataset.base, rows), train=None, neighbors=None, relevance=None)
    return Arrivals(ordered, rows, first, moments)


def moments_of(n: int, first: int, steps: int, delete: float) -> list[Moment]:
    """What is alive after the fit and after each of ``steps`` equal parts; each deletes the oldest share first."""
    moments = [Moment(0, first)]
    for step in range(1, steps + 1):
        before = moments[-1]
        deleted = int(delete * (before.stop - before.start))
        moments.append(Moment(before.start + deleted, first + (n - first) * step // steps))
    return moments


def _order(options: Mapping[str, Any], dataset: Dataset) -> np.ndarray:
    """Rows (n,) int64 of the base as they arrive."""
    n, rng = dataset.base.shape[0], np.random.default_rng(options["seed"])
    if options["order"] == ROWS:
        return np.arange(n)
    if options["order"] == RANDOM:
        return rng.permutation(n)
    if options["order"] != CLUSTERS:
        return np.argsort(_column(options["order"], n), kind="stable")
    sample = np.sort(rng.choice(n, min(n, _SAMPLE), replace=False))
    kinds = Partition(dataset.dim, dataset.metric, options["clusters"]).fit(dataset.base.take(sample), options["seed"])
    kind = np.concatenate([kinds.assign(block) for _, block in blocks(dataset.base)])
    return np.lexsort((rng.random(n), rng.permutation(kinds.lists)[kind]))


def _column(file: str, rows: int) -> np.ndarray:
    """A number or time for each of ``rows`` vectors."""
    try:
        column = np.load(Path(file).expanduser(), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"scenario.order={file} cannot be read ({error}); give a .npy file of numbers") from None
    if column.shape != (rows,):
        raise UsageError(
            f"scenario.order={file} has shape {column.shape}; give one number for each of {rows:,} vectors"
        )
    if column.dtype.kind not in "iufMm" or bool(np.isnan(column).any() if column.dtype.kind in "fMm" else False):
        raise UsageError(f"scenario.order={file} holds other things than numbers or times; all must be comparable")
    return column
