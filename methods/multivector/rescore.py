"""Rescoring of documents: candidates from any codec, their final order by exact Chamfer on a finer token store.

As for dense methods (:mod:`methods.compose.rescored`), a store in memory counts against the byte budget; of one on disk
only what it keeps in memory, where each document begins, does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from methods import registry
from methods.errors import BudgetError, MethodError
from methods.mapped import MappedRows
from methods.multivector.base import OFFSET_BYTES, Codes, MultiVectorCodec, SetSearcher
from methods.multivector.candidates import best_candidates, score_candidates
from methods.multivector.centroids import typical_length
from methods.multivector.ragged import Ragged

__all__ = ["STORES", "CodecSetStore", "DiskSetStore", "RescoredSetSearcher", "SetStore", "carve", "plan"]

_STORE_CODECS: dict[str, tuple[str, dict[str, Any]]] = {
    "float16": ("token_codec", {"codec": "float16"}),
    "int8": ("token_codec", {"codec": "int8"}),
    "float32": ("token_codec", {"codec": "float32"}),
    "residual": ("colbert_residual", {"bits": 4}),
}
STORES = (*_STORE_CODECS, "disk")
_TOLERANCE = 0.01  # of unit length


def plan(
    name: str, dim: int, code_bytes: int, lengths: np.ndarray, *, rescore: str | None = None, **params: Any
) -> tuple[MultiVectorCodec, MultiVectorCodec | None]:
    """The codec ``name`` within ``code_bytes`` a document on average, beside a store for re-ranking.

    Arguments and result as for :func:`methods.compose.rescored.plan`, with the vectors of each document for the metric.
    """
    cls = registry.get(name, MultiVectorCodec.track)
    if rescore is None:
        return registry.configured(cls, dim, code_bytes, lengths, **params), None
    if rescore not in STORES:
        raise MethodError(f"rescore={rescore!r} is unknown here; use one of {', '.join(STORES)}, or null")
    store, taken = None, OFFSET_BYTES
    if rescore != "disk":
        store_name, options = _STORE_CODECS[rescore]
        most = int(np.ceil(8 * dim * np.mean(lengths))) + 64  # any of the stores fits that
        store = registry.configured(registry.get(store_name, MultiVectorCodec.track), dim, most, lengths, **options)
        taken = int(np.ceil(store.code_sizes(lengths).mean()))
    try:
        codec = registry.configured(cls, dim, max(0, code_bytes - taken), lengths, **params)
    except BudgetError as error:
        raise BudgetError(f"{name} with rescore={rescore}", code_bytes, error.smallest + taken) from None
    return codec, store


class SetStore(ABC):
    """Documents by number, finer than the codes whose candidates they order.

    Attributes
    ----------
    memory_bytes, disk_bytes : int
        What it keeps where.
    mean_vectors : float
        Vectors of a document, on average (or a bound of that).
    """

    memory_bytes: int = 0
    disk_bytes: int = 0
    mean_vectors: float = 1.0

    @abstractmethod
    def gather(self, ids: np.ndarray) -> Ragged:
        """The documents ``ids`` (m,), float32 or float16."""


class CodecSetStore(SetStore):
    """The codes of a fitted, decodable codec, in memory."""

    def __init__(self, codec: MultiVectorCodec, codes: Codes) -> None:
        self.codec, self.codes = codec, codes
        self.memory_bytes = codes.nbytes
        one, two = codec.code_sizes(np.array([1, 2]))
        self.mean_vectors = codes.nbytes / max(1, len(codes)) / max(1, int(two - one))

    def gather(self, ids: np.ndarray) -> Ragged:
        return self.codec.decode(self.codes.take(ids))


class DiskSetStore(SetStore):
    """Full vectors in a memory-mapped array, and in memory where each document begins: a gather reads the pages of its
    documents and no others, all at once.

    Attributes
    ----------
    reads, read_bytes : int
        Documents that gathers of one thread have read so far, and bytes of their vectors.
    """

    reads: int = 0
    read_bytes: int = 0

    def __init__(self, documents: Ragged) -> None:
        self.documents = documents
        self._rows = MappedRows(documents.vectors)
        self.memory_bytes = OFFSET_BYTES * len(documents)
        self.disk_bytes = int(documents.vectors.nbytes)
        self.mean_vectors = documents.total / max(1, len(documents))

    def gather(self, ids: np.ndarray) -> Ragged:
        first, after = self.documents.offsets[ids], self.documents.offsets[ids + 1]
        self._rows.will_read(first, after)
        self.reads += len(ids)
        self.read_bytes += int((after - first).sum()) * self._rows.row_bytes
        return self.documents.take(ids)


class RescoredSetSearcher(SetSearcher):
    """Takes ``factor * k`` candidates from a searcher and orders them by Chamfer on the store's vectors.

    Equal scores are ordered by the smaller id.

    Parameters
    ----------
    searcher : SetSearcher
        Finds candidates; may pad with -1.
    store : SetStore
    factor : int
        Candidates per neighbor requested.
    carving : float, optional
        Threshold of ball carving (:func:`carve`) of the query before re-ranking; none if None.
    """

    def __init__(self, searcher: SetSearcher, store: SetStore, factor: int = 4, carving: float | None = None) -> None:
        if int(factor) != factor or factor < 1:
            raise MethodError(f"rescore_factor={factor} is out of range; use an integer of at least 1")
        super().__init__(searcher.dim, searcher.size)
        self.searcher, self.store, self.factor, self.carving = searcher, store, int(factor), carving
        self.padding = searcher.padding

    @property
    def nbytes(self) -> int:
        """Of the searcher and of the store in memory."""
        return self.searcher.nbytes + self.store.memory_bytes

    def _search(self, queries: Ragged, k: int) -> tuple[np.ndarray, np.ndarray]:
        _, candidates = self.searcher.search(queries, min(k * self.factor, self.size))
        candidates = np.sort(candidates, axis=1)  # by id: reads go forward, and ties keep this order
        scored = queries
        if self.carving is not None:
            carved = [carve(queries.set(i), self.carving).vectors for i in range(len(queries))]
            scored = Ragged.from_list(carved)
        scores = score_candidates(self.store.gather, scored, candidates, self.store.mean_vectors)
        return best_candidates(scores, candidates, k)


def carve(vectors: np.ndarray, threshold: float) -> Ragged:
    """Ball carving of one query (m, dim): fewer vectors for nearly the same Chamfer score (MUVERA, section 3.3).

    Takes the first vector left, absorbs those whose inner product with it is at least ``threshold``, keeps their sum.
    The threshold is one for unit vectors: where the median length is another, products are relative to its square.
    """
    left = np.ones(len(vectors), bool)
    length = np.float32(typical_length(vectors))
    relative = vectors / length if abs(length - 1) > _TOLERANCE else vectors
    products = relative @ relative.T
    balls = []
    for i in range(len(vectors)):
        if left[i]:
            ball = left & (products[i] >= threshold)
            ball[i] = True
            balls.append(vectors[ball].sum(axis=0, dtype=np.float32))
            left &= ~ball
    return Ragged(np.stack(balls), np.array([0, len(balls)]))
