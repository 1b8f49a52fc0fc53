"""What a data set is to the harness: base vectors that can be read in blocks, queries, truth, relevance."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from methods import Metric


class VectorStore(Protocol):
    """Vectors (n, dim) in memory or on disk; whatever the stored type, reads give fresh or read-only float32."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def read(self, start: int, stop: int) -> np.ndarray:
        """Rows ``start:stop`` (clipped to n) as C-contiguous float32."""

    def take(self, rows: np.ndarray) -> np.ndarray:
        """The given rows (any order) as C-contiguous float32, without reading the whole store."""


class TextStore(Protocol):
    """Texts that are read when they are needed (:class:`bench.datasets.texts.TextFile`)."""

    def read(self, count: int) -> list[str]:
        """The texts; :class:`DatasetError` if they are not ``count``, or cannot be read."""

    def take(self, rows: np.ndarray | None) -> Self:
        """Those of the given rows, all if None."""


@dataclass(frozen=True)
class Texts:
    """The texts that base and queries were made from."""

    base: TextStore
    queries: TextStore

    def cut(self, rows: np.ndarray | None, queries: int) -> Texts:
        """Those of the base's ``rows`` (all if None) and of the first ``queries`` queries."""
        return Texts(self.base.take(rows), self.queries.take(np.arange(queries)))


@dataclass(frozen=True)
class Relevance:
    """Judgements: ``query[i]`` (row of the queries) has ``item[i]`` (row of the base) with ``grade[i]`` > 0."""

    query: np.ndarray
    item: np.ndarray
    grade: np.ndarray


@dataclass(frozen=True)
class TrainQueries:
    """Queries that a method may learn from, none of them a test query; read at first use.

    Attributes
    ----------
    store : VectorStore (n, dim)
    relevance : Relevance or None
        Rows of ``store`` and rows of the base.
    validation : (m,) int64
        Rows of ``store``, ascending, on which a method chooses its settings and learns nothing else.
    """

    store: VectorStore
    relevance: Relevance | None
    validation: np.ndarray

    @cached_property
    def vectors(self) -> np.ndarray:
        """(n, dim) float32, read-only."""
        vectors = self.store.read(0, self.store.shape[0])
        vectors.flags.writeable = False
        return vectors


@dataclass(frozen=True)
class Dataset:
    """One workload of the dense track.

    Attributes
    ----------
    name : str
    metric : Metric
    base : VectorStore (n, dim)
        What is compressed and searched.
    queries : (nq, dim) float32, read-only
        Never used to fit anything.
    train : VectorStore (n_train, dim) or None
        Vectors to fit on; None where methods are fitted on (a sample of) the base.
    relevance : Relevance or None
    checksum : str
        SHA-256 over base, queries, train and relevance as used (after ``max_base`` and ``max_queries``).
    card : dict
        Source, licence, encoder and the like, for people.
    neighbors : (nq, k) int64 or None
        True neighbors by ``metric`` that the data set's file brought along, -1 where there are fewer: compared with our
        own, never used instead.
    metric_asked : bool
        The caller chose the metric, so neighbors of the file that differ from ours are no error.
    texts : Texts or None
        Files of the texts that base and queries were made from, if any are known; not read, and not in the checksum.
    groups : dict or None
        Heading -> label of each query (nq,), by which results are split; not in the checksum.
    train_queries : TrainQueries or None
        For methods that say so (``uses_queries``), and for no other; not in the checksum.
    """

    track: ClassVar[str] = "dense"

    name: str
    metric: Metric
    base: VectorStore
    queries: np.ndarray
    train: VectorStore | None
    relevance: Relevance | None
    checksum: str
    card: dict[str, Any] = field(default_factory=dict)
    neighbors: np.ndarray | None = None
    metric_asked: bool = False
    texts: Texts | None = None
    groups: dict[str, np.ndarray] | None = None
    train_queries: TrainQueries | None = None

    @property
    def dim(self) -> int:
        return self.base.shape[1]

    @property
    def training(self) -> VectorStore:
        """Vectors that methods are fitted on: the training set where there is one, else the base; never queries."""
        return self.base if self.train is None else self.train

    @property
    def n_train(self) -> int:
        return self.training.shape[0]


class DatasetError(ValueError):
    """A data set cannot be loaded as requested; one line that says what would be right."""
