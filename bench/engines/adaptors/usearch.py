"""usearch: its index in one file, searched exhaustively, or through its graph where candidates are given."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from bench.engines.adaptors.base import BuildError, Engine

_DTYPE = re.compile(r'dtype="(\w+)"|dtype=ScalarKind\.(\w+)')
_METRIC = re.compile(r'metric="(\w+)"')
_FILE = "index.usearch"


class USearch(Engine):
    """The index that the catalogue types, which rounds vectors and queries to its type by itself; bits it is given.

    The graph is always built and loaded. A search follows it only if ``search_value`` says with how many candidates;
    else the engine's exact search compares all codes.
    """

    name = "usearch"
    packages = ("usearch",)
    modules = ("usearch",)
    schemes = ("f16", "bf16", "i8", "e5m2", "b1")
    search_option = "expansion_search"

    def build(self, vectors: Any) -> None:
        from usearch.index import Index, ScalarKind

        metric = _METRIC.search(self.offer.typed)
        assert metric is not None, self.offer.typed
        kind = getattr(ScalarKind, self._type.upper())
        try:
            index = Index(ndim=self.offer.dim, metric=metric[1], dtype=kind)
            for start, block in self.blocks(vectors):
                keys, rounded = np.arange(start, start + len(block)), self._given(block)
                index.add(keys, rounded, threads=self.threads, dtype=self._dtype)
            index.save(str(self.folder / _FILE))
        except (RuntimeError, ValueError) as error:
            raise BuildError(str(error)) from None
        if index.dtype != kind:
            raise BuildError(f"the index keeps {index.dtype}, not {kind}")

    def open(self) -> None:
        from usearch.index import Index

        self._index = Index.restore(str(self.folder / _FILE))
        if self.search_value:
            self._index.expansion_search = self.search_value

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        vectors, exact = self._given(self.prepared(queries)), not self.search_value
        matches: Any = self._index.search(vectors, k, exact=exact, threads=self.threads, dtype=self._dtype)
        if len(vectors) == 1:  # by itself, not as a batch
            return self.padded([matches.distances], [matches.keys], k)
        counts = matches.counts
        return self.padded(
            [row[:count] for row, count in zip(matches.distances, counts)],
            [row[:count] for row, count in zip(matches.keys, counts)],
            k,
        )

    def index(self) -> dict[str, Any]:
        if self.search_value:
            return {"kind": "hnsw", "expansion_search": self.search_value}
        return {"kind": "flat", "graph": "built, not followed"}

    @property
    def _type(self) -> str:
        match = _DTYPE.search(self.offer.typed)
        assert match is not None, self.offer.typed
        return match[1] or match[2]

    @property
    def _dtype(self) -> Any:
        """Of what is given, where an array does not tell it."""
        from usearch.index import ScalarKind

        return ScalarKind.B1 if self._type == "b1" else None

    def _given(self, vectors: np.ndarray) -> np.ndarray:
        return np.packbits(vectors > 0, axis=1) if self._type == "b1" else vectors
