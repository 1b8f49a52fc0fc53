"""The indexes of the dense track: what each learns, codes, keeps, and how much of it a search may visit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np

from bench.config import RunConfig
from bench.datasets.base import Dataset
from bench.datasets.store import blocks
from bench.execution import stage
from bench.tracks.measurement import Measurement
from methods import Codec
from methods.index import HNSWSearcher, IVFSearcher, Partition, default_lists

__all__ = ["Graph", "Kind", "LearnedLists", "Lists", "list_count", "lists_described"]


class Kind(Protocol):
    """What a curve of recall against effort asks of an index.

    Attributes
    ----------
    option, counted : str
        The option that lists efforts, and what they count.
    least, most : int
        Effort to begin with, and the one that visits all codes.
    ids_nbytes, links_nbytes, parts
        Bytes of all ids and links, and by name of what is stored once.
    """

    option: str
    counted: str
    least: int
    most: int
    ids_nbytes: int
    links_nbytes: int
    parts: dict[str, int]

    def visited_share(self, effort: int, queries: Any) -> float:
        """Share of the codes that a search visits, on average over ``queries``."""

    def described(self) -> dict[str, Any]:
        """Of the record's :class:`~bench.records.index_info.IndexInfo`."""


def list_count(options: Mapping[str, Any], n: int) -> int:
    """How many lists ``n`` vectors get by the options of an index."""
    return default_lists(n) if options["lists"] == "auto" else options["lists"]


def lists_described(options: Mapping[str, Any], counts: np.ndarray) -> dict[str, Any]:
    """Of the record's :class:`~bench.records.index_info.IndexInfo`: lists of so many vectors each (lists,)."""
    return {
        "ids": options["ids"],
        "residual": options["residual"],
        "lists": len(counts),
        "largest_list": int(counts.max(initial=0)),
        "empty_lists": int((counts == 0).sum()),
    }


class LearnedLists:
    """Lists around centroids that are learned from what the codec is fitted on, wherever the codes will lie."""

    option, counted, least = "probes", "lists", 1
    links_nbytes = 0

    def __init__(self, config: RunConfig, dataset: Dataset, train: np.ndarray, run: Measurement) -> None:
        self._options, self._n = config.index, dataset.base.shape[0]
        with run.timed("fit_lists"):
            lists = list_count(config.index, self._n)
            self._partition = Partition(dataset.dim, dataset.metric, lists).fit(train, config.seed)
        self.most = self._partition.lists

    def coded(self, vectors: np.ndarray) -> np.ndarray:
        """What is encoded of ``vectors`` (m, dim)."""
        if not self._options["residual"]:
            return vectors
        return self._partition.residuals(vectors, self._partition.assign(vectors))


class Lists(LearnedLists):
    """``index=ivf``: lists around centroids, of which a query visits some; a :class:`Kind`."""

    def __init__(self, config: RunConfig, dataset: Dataset, train: np.ndarray, run: Measurement) -> None:
        super().__init__(config, dataset, train, run)
        self._run, self._assigned = run, np.empty(self._n, np.int32)

    def next_block(self, start: int, vectors: np.ndarray) -> np.ndarray:
        """What is encoded of the base's vectors (m, dim) from number ``start`` on, which get their lists."""
        block = slice(start, start + len(vectors))
        with self._run.timed("assign", f"{start:,} of {self._n:,}"):
            self._assigned[block] = self._partition.assign(vectors)
            if not self._options["residual"]:
                return vectors
            return self._partition.residuals(vectors, self._assigned[block])

    def build(self, codec: Codec, codes: np.ndarray) -> None:
        """Keep ``codes`` (n, code_size), which are written to."""
        settings = {"residual": self._options["residual"], "ids": self._options["ids"]}
        with self._run.timed("build"):
            self._index = IVFSearcher(codec, codes, self._partition, self._assigned, overwrite_codes=True, **settings)
        self.ids_nbytes, self.parts = self._index.ids_nbytes, self._index.parts

    def at(self, effort: int) -> IVFSearcher:
        """A search of so many lists."""
        return self._index.probing(effort)

    def visited_share(self, effort: int, queries: Any) -> float:
        return self.at(effort).visited_share(queries)

    def described(self) -> dict[str, Any]:
        """Of the record's :class:`~bench.records.index_info.IndexInfo`."""
        return lists_described(self._options, np.bincount(self._assigned, minlength=self.most))


class Graph:
    """``index=hnsw``: a graph over the codes, in which a search keeps some candidates; a :class:`Kind`."""

    option, counted, least = "ef", "candidates", 16
    ids_nbytes = 0
    parts: dict[str, int]

    def __init__(self, config: RunConfig, dataset: Dataset, train: np.ndarray, run: Measurement) -> None:
        self._options, self._run, self._base = config.index, run, dataset.base
        self.most, self.parts = dataset.base.shape[0], {}

    def coded(self, vectors: np.ndarray) -> np.ndarray:
        return vectors

    def next_block(self, start: int, vectors: np.ndarray) -> np.ndarray:
        return vectors

    def build(self, codec: Codec, codes: np.ndarray) -> None:
        """Link the base's vectors in one thread, then keep ``codes`` alone."""
        options = {name: self._options[name] for name in ("links", "build_ef")}
        with self._run.timed("build"):
            self._index = HNSWSearcher(codec, codes, self._vectors(), **options)
        self.links_nbytes = self._index.links_nbytes

    def _vectors(self) -> Iterator[np.ndarray]:
        for start, block in blocks(self._base):
            stage.enter(f"build {start:,} of {self.most:,}")
            yield block

    def at(self, effort: int) -> HNSWSearcher:
        """A search that keeps so many candidates; as many as there are codes: all are compared."""
        return self._index.keeping(effort)

    def visited_share(self, effort: int, queries: Any) -> float:
        return self.at(effort).visited_share(queries)

    def described(self) -> dict[str, Any]:
        return {"ids": "none", "links": self._options["links"]}
