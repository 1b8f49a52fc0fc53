"""Rescoring: candidates from any codec, their final order from a finer store.

The finer store is in memory (the codes of a decodable method: ``float16``, ``int8``, ``float32``) or on disk (the full
vectors in a memory-mapped file, of which only the candidates' rows are read). A store in memory counts against the
byte budget: code and store together fit it, and the codec gets what the store leaves. A store on disk does not. A
codec may have vectors of its own for the disk (:meth:`methods.base.Codec.rescoring_vectors`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from methods import registry
from methods.base import Codec, Metric, Searcher
from methods.errors import BudgetError, MethodError
from methods.mapped import MappedRows
from methods.vectors import normalized

__all__ = ["MEMORY_STORES", "STORES", "CodecStore", "DiskStore", "RescoredSearcher", "Store", "plan"]

MEMORY_STORES = ("float16", "int8", "float32")
STORES = (*MEMORY_STORES, "disk")
_BLOCK_BYTES = 8 << 20  # gathered float rows at a time


def plan(
    name: str, dim: int, code_bytes: int, metric: Metric, *, rescore: str | None = None, **params: Any
) -> tuple[Codec, Codec | None]:
    """The codec ``name`` within ``code_bytes``, beside a store for re-ranking.

    Parameters
    ----------
    name, dim, code_bytes, metric, params
        As for :func:`methods.registry.for_budget`; ``code_bytes`` is for everything in memory.
    rescore : {None, "float16", "int8", "float32", "disk"}
        The finer store.

    Returns
    -------
    codec : Codec
    store_codec : Codec or None
        The codec of the store; None without one in memory. Both have to be fitted.

    Raises
    ------
    BudgetError
        If the smallest code and the store together exceed ``code_bytes``; it names their sum.
    """
    if rescore is None or rescore == "disk":
        return registry.for_budget(name, dim, code_bytes, metric, **params), None
    if rescore not in MEMORY_STORES:
        raise MethodError(f"rescore={rescore!r} is unknown; use one of {', '.join(STORES)}, or None")
    if own := registry.class_of(name, params).rescored_from:
        raise MethodError(f"{name} is re-ranked by vectors of its own; use rescore={own}, or leave out {rescore}")
    store_codec = registry.for_budget(rescore, dim, 4 * dim, metric)
    try:
        codec = registry.for_budget(name, dim, max(0, code_bytes - store_codec.code_size), metric, **params)
    except BudgetError as error:
        smallest = error.smallest + store_codec.code_size
        raise BudgetError(f"{name} with rescore={rescore}", code_bytes, smallest) from None
    return codec, store_codec


class Store(ABC):
    """Vectors by row number, finer than the codes whose candidates they order.

    Attributes
    ----------
    memory_bytes, disk_bytes : int
        What it keeps where.
    blocks_together : int
        Blocks of candidates that are fetched at a time, where rows are in other processes (:meth:`fetched`).
    """

    memory_bytes: int = 0
    disk_bytes: int = 0
    blocks_together: int = 1

    def fetched(self, candidates: np.ndarray) -> Store:
        """A store in this process of the rows of ``candidates`` (nq, m) int64, for -1 of row 0: this, or a copy."""
        return self

    @abstractmethod
    def gather(self, ids: np.ndarray) -> np.ndarray:
        """(m, dim) float32 vectors of the rows ``ids`` (m,) int64."""


class CodecStore(Store):
    """The codes of a fitted, decodable codec, in memory.

    Parameters
    ----------
    codec : Codec
    codes : (n, code_size) uint8
        Kept as they are.
    """

    def __init__(self, codec: Codec, codes: np.ndarray) -> None:
        self.codec, self.codes = codec, codes
        self.memory_bytes = int(codes.nbytes)

    def stored(self, ids: np.ndarray) -> np.ndarray:
        """(m, code_size) uint8 codes of the rows ``ids`` (m,) int64."""
        return self.codes[ids]

    def gather(self, ids: np.ndarray) -> np.ndarray:
        return self.codec.decode(self.stored(ids))


class DiskStore(Store):
    """Full vectors in a ``.npy`` file, memory-mapped: a gather reads the pages of its rows and no others, all at once.

    Parameters
    ----------
    vectors : path or memory-mapped array
        (n, dim) floating.

    Attributes
    ----------
    reads, read_bytes : int
        Rows that gathers of one thread have read so far, and their bytes, wherever their pages were.
    """

    reads: int = 0
    read_bytes: int = 0

    def __init__(self, vectors: str | Path | np.ndarray) -> None:
        self.vectors = vectors if isinstance(vectors, np.ndarray) else _mapped(vectors)
        if self.vectors.ndim != 2 or self.vectors.dtype.kind != "f":
            shape = self.vectors.shape
            raise MethodError(f"re-ranking needs floats of shape (n, dim), not {self.vectors.dtype} of shape {shape}")
        self.disk_bytes = int(self.vectors.nbytes)
        self._rows = MappedRows(self.vectors)

    def stored(self, ids: np.ndarray) -> np.ndarray:
        """(m, dim) vectors of the rows ``ids`` (m,) int64, of the file's type."""
        self._rows.will_read(ids, ids + 1)
        self.reads, self.read_bytes = self.reads + len(ids), self.read_bytes + len(ids) * self._rows.row_bytes
        return self.vectors[ids]

    def gather(self, ids: np.ndarray) -> np.ndarray:
        return np.asarray(self.stored(ids), np.float32)


def _mapped(path: str | Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise MethodError(f"cannot map {path} for re-ranking: {error}; give a .npy file of floats") from None


class RescoredSearcher(Searcher):
    """Takes ``factor * k`` candidates from a searcher and orders them by the metric on the store's vectors.

    Equal scores are ordered by the smaller id.

    Parameters
    ----------
    searcher : Searcher
        Finds candidates; may pad with -1.
    store : Store
        Has a row for every code of the searcher.
    factor : int
        Candidates per neighbor requested.
    codec : Codec, optional
        Made the codes. The store holds its ``rescoring_vectors``, and its ``code_weight`` is that of their scores.
    """

    def __init__(self, searcher: Searcher, store: Store, factor: int = 4, codec: Codec | None = None) -> None:
        if int(factor) != factor or factor < 1:
            raise MethodError(f"rescore_factor={factor} is out of range; use an integer of at least 1")
        super().__init__(searcher.dim, searcher.metric, searcher.size)
        self.searcher, self.store, self.factor, self.codec = searcher, store, int(factor), codec
        self.padding = searcher.padding

    @property
    def nbytes(self) -> int:
        """Of the searcher and of the store in memory."""
        return self.searcher.nbytes + self.rescore_memory

    @property
    def rescore_memory(self) -> int:
        """Bytes of the store in memory."""
        return self.store.memory_bytes

    @property
    def rescore_disk(self) -> int:
        """Bytes of the store on disk."""
        return self.store.disk_bytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        code_scores, candidates = self.searcher.search(queries, min(k * self.factor, self.size))
        by_id = np.argsort(candidates, axis=1, kind="stable")  # reads go forward, and ties keep this order
        candidates = np.take_along_axis(candidates, by_id, axis=1)
        scores = np.empty(candidates.shape, np.float32)
        if self.codec is not None:
            queries = self.codec.rescoring_queries(queries)
        step = max(1, _BLOCK_BYTES // (4 * self.dim * candidates.shape[1]))
        together = step * self.store.blocks_together
        for start in range(0, len(queries), step):
            block = slice(start, start + step)
            if start % together == 0:
                store = self.store.fetched(candidates[start : start + together])
            scores[block] = self._rescore(queries[block], candidates[block], store)
        if self.codec is not None and self.codec.code_weight:
            scores += np.float32(self.codec.code_weight) * np.take_along_axis(code_scores, by_id, axis=1)
        best = np.argsort(-scores if self.descending else scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, axis=1), np.take_along_axis(candidates, best, axis=1)

    def _rescore(self, queries: np.ndarray, candidates: np.ndarray, store: Store) -> np.ndarray:
        """The metric (nq, m) between queries and the store's vectors of their candidates; the worst for -1."""
        rows = store.gather(np.maximum(candidates, 0).ravel())
        if self.metric is Metric.COSINE:
            rows = normalized(rows)
        rows = rows.reshape(*candidates.shape, self.dim)
        if self.metric is Metric.L2:
            differences = rows - queries[:, None]
            scores = np.einsum("qmd,qmd->qm", differences, differences)
        else:
            scores = np.matmul(rows, queries[:, :, None])[:, :, 0]
        scores[candidates < 0] = -np.inf if self.descending else np.inf
        return scores
