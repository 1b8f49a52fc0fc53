"""What an engine has to do so that it is measured like a method: build a folder, open it, search, say what it did."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bench.engines.offers import Offer
from bench.errors import UsageError
from methods.vectors import normalized

_BLOCK = 8_192  # vectors that are inserted at a time


class BuildError(RuntimeError):
    """The engine did not do what it was told; the message has its words."""


class Engine(ABC):
    """Vectors in one engine, under one scheme of its catalogue.

    A run builds in one process, which ends, and opens and searches in another: what the first kept in memory is not
    counted in the second. Constructors only store what they are given.

    Attributes
    ----------
    name : str
        Of its file in the catalogue.
    packages : tuple of str
        Distributions that have to be installed; the version of the first is recorded.
    modules : tuple of str
        What is imported of them, in the same order.
    schemes : tuple of str
        Those of the catalogue that it can be measured with.
    search_option : str
        The one number that trades recall for time (``ef``, ``nprobe``); empty where there is none.
    version : str
        Of this adaptor: raised where the same run would be measured otherwise.

    Parameters
    ----------
    offer : Offer
        Scheme, settings, dimension and metric.
    folder : Path
        Everything that the engine writes goes here.
    threads : int
        That a search may use.
    seed : int
    search_value : int or None
        Of :attr:`search_option`; None is the engine's default.
    rescore : bool
        Whether candidates are ordered by something finer than their codes, as the engine does it.
    oversampling : int
        Candidates for each requested neighbor, if so.
    """

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    modules: ClassVar[tuple[str, ...]]
    schemes: ClassVar[tuple[str, ...]]
    search_option: ClassVar[str] = ""
    version: ClassVar[str] = "1"

    def __init__(
        self,
        offer: Offer,
        folder: Path,
        *,
        threads: int = 1,
        seed: int = 0,
        search_value: int | None = None,
        rescore: bool = False,
        oversampling: int = 4,
    ) -> None:
        self.offer, self.folder, self.threads, self.seed = offer, folder, threads, seed
        self.search_value, self.rescore, self.oversampling = search_value, rescore, oversampling

    @abstractmethod
    def build(self, vectors: Any) -> None:
        """Store, train and index all vectors, and leave in the folder what :meth:`open` needs, with nothing running.

        Parameters
        ----------
        vectors : bench.datasets.base.VectorStore
            (n, d) float32, as given: :meth:`blocks` reads them. Row numbers are the ids that :meth:`search` returns.

        Raises
        ------
        BuildError
            If the engine refused, or did not use the scheme.
        """

    @abstractmethod
    def open(self) -> None:
        """Load what was built, so that searches can start."""

    @abstractmethod
    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The nearest vectors of each query, best first.

        Parameters
        ----------
        queries : (nq, d) float32
            As given; :meth:`prepared` makes of them what the engine compares.
        k : int

        Returns
        -------
        scores : (nq, k) float32
            By the engine's own measure.
        ids : (nq, k) int64
            -1 where there are fewer.
        """

    @abstractmethod
    def index(self) -> dict[str, Any]:
        """How it is searched, for the record: ``kind`` (``flat``, ``ivf``, ``hnsw``, ...) and the options that decide
        how much of it is visited."""

    def close(self) -> None:  # noqa: B027 (most have nothing to end)
        """End what :meth:`open` started."""

    def disk_bytes(self) -> int:
        """What was built takes on disk: all files of the folder, as the disk holds them."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink())
        return sum(path.stat().st_blocks * 512 for path in files)

    def processes(self) -> list[int]:
        """Processes whose memory the open engine takes: this one, and servers."""
        return [os.getpid()]

    @classmethod
    def offer_rank(cls, offer: Offer) -> tuple[Any, ...]:
        """Which of several offers of a scheme that fit a budget is taken: the greatest. The largest code, usually."""
        return (offer.bytes or 0,)

    @classmethod
    def check_search(cls, value: Any) -> int | None:
        """The value of the search option, if it can be one.

        Raises
        ------
        UsageError
            If the engine has no such option, or this is no whole number of at least 1.
        """
        if value is None:
            return None
        if not cls.search_option:
            raise UsageError(
                f"{cls.name} searches everything, so that engine.search={value} means nothing; leave it out"
            )
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UsageError(f"engine.search={value} is no {cls.search_option}; use a whole number of at least 1")
        return value

    @property
    def metric_word(self) -> str:
        """The engine's word for the metric; empty if the scheme has just one."""
        return dict(self.offer.scheme.words_of(self.offer.metric) or {}).get("metric", "")

    @property
    def normalizes(self) -> bool:
        """Whether vectors get length 1 first, since the engine has another metric for cosine."""
        return self.offer.metric == "cosine" and "cosine" not in self.offer.scheme.metrics

    def prepared(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (n, d) as the engine compares them: float32, contiguous, of length 1 where it has no cosine."""
        vectors = np.ascontiguousarray(vectors, np.float32)
        return normalized(vectors) if self.normalizes else vectors

    def blocks(self, vectors: Any) -> Iterator[tuple[int, np.ndarray]]:
        """First row and prepared vectors of each block of the base."""
        for start in range(0, vectors.shape[0], _BLOCK):
            yield start, self.prepared(vectors.read(start, min(start + _BLOCK, vectors.shape[0])))

    def sample(self, vectors: Any, most: int) -> np.ndarray:
        """Prepared vectors to train on: all of the base, or ``most`` of them by the seed, in their order."""
        n = vectors.shape[0]
        rows = np.sort(np.random.default_rng(self.seed).choice(n, min(n, most), replace=False))
        return self.prepared(vectors.take(rows))

    @staticmethod
    def padded(scores: list[list[float]], ids: list[list[int]], k: int) -> tuple[np.ndarray, np.ndarray]:
        """Results of each query, of any number up to k, as arrays (nq, k): NaN and -1 where there are fewer."""
        all_scores = np.full((len(ids), k), np.nan, np.float32)
        all_ids = np.full((len(ids), k), -1, np.int64)
        for row, (some_scores, some_ids) in enumerate(zip(scores, ids)):
            count = min(k, len(some_ids))
            all_scores[row, :count], all_ids[row, :count] = some_scores[:count], some_ids[:count]
        return all_scores, all_ids
