"""Documents and queries as single vectors whose inner product stands for Chamfer; any dense method compresses them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from methods import registry
from methods.base import Codec, Metric, Searcher
from methods.errors import BudgetError
from methods.multivector.base import Codes, MultiVectorCodec, SetSearcher
from methods.multivector.ragged import Ragged
from methods.multivector.stretch import Stretch
from methods.part_names import behind, under

__all__ = ["SingleVectorCodec", "SingleVectorSearcher", "first_that_fits"]

_FIT_BYTES = 2 << 30  # of float32 vectors that a dense method is fitted on at most
_BLOCK_BYTES = 64 << 20  # of single vectors at a time, beyond what is fitted on


def first_that_fits(
    method: str,
    code_bytes: int,
    choices: Iterable[tuple[dict[str, Any], str, int]],
    codec_params: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Parameters of a method of this kind, for a budget.

    Each of ``choices`` has parameters of the map, a dense codec's name and the width that the map then has; the first
    whose codes fit is taken. ``codec_params`` are as a user of the codec sets them. :class:`BudgetError` names the
    smallest code of the last one.
    """
    smallest, name = 0, ""
    for own, name, width in choices:
        try:
            codec = registry.for_budget(name, width, code_bytes, Metric.IP, **(codec_params or {}))
        except BudgetError as error:
            smallest = error.smallest
        else:
            return {**own, "codec": name, "codec_params": codec.params()}
    raise BudgetError(f"{method} with {name}", code_bytes, smallest)


class SingleVectorCodec(MultiVectorCodec):
    """A map of sets to vectors, then a dense codec under the inner product.

    Vectors of zeros, which batches of documents are padded with, are left out of sets before they are mapped.

    Parameters
    ----------
    dim : int
        Dimension of the vectors of a set.
    codec : str
        Registered name of the dense method.
    codec_params : dict, optional
        Keywords of its constructor; only dimension and metric if None.

    Attributes
    ----------
    codec_ : Codec
        Fitted on the training documents' vectors.
    stretch_ : Stretch
        What these go through before they are coded, where they share a direction.
    """

    fixed = True
    version = "2"  # 1: vectors of zeros were mapped with the others of a set, and no single vectors were stretched
    _stretches: ClassVar[bool] = True  # whether single vectors that share a direction are stretched along it
    codec_: Codec
    stretch_: Stretch

    def __init__(self, dim: int, codec: str, codec_params: Mapping[str, Any] | None = None) -> None:
        super().__init__(dim)
        self.codec = codec
        self.codec_params = dict(codec_params or {"dim": self._out_dim, "metric": str(Metric.IP)})

    @property
    @abstractmethod
    def _out_dim(self) -> int:
        """Dimension of the single vectors."""

    @abstractmethod
    def _document_vectors(self, documents: Ragged) -> np.ndarray:
        """(n, out_dim) float32 of float32 documents."""

    @abstractmethod
    def _query_vectors(self, queries: Ragged) -> np.ndarray:
        """(nq, out_dim) float32 of float32 queries."""

    def _fit_map(self, documents: Ragged, seed: int) -> None:
        """Learn the map itself, where there is something to learn."""

    def _new_codec(self) -> Codec:
        return registry.class_of(self.codec, self.codec_params)(**self.codec_params)

    def code_sizes(self, lengths: np.ndarray) -> np.ndarray:
        return np.full(len(lengths), self._new_codec().code_size, np.int64)

    def parts(self) -> dict[str, np.ndarray]:
        return self.stretch_.parts() | behind("codec.", self.codec_.parts())

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        cls = registry.class_of(self.codec, self.codec_params)
        self.codec_ = cls.from_parts(self.codec_params, under("codec.", parts))
        self.stretch_ = Stretch.from_parts(self._out_dim, parts)

    def _fit(self, documents: Ragged, seed: int) -> None:
        self._fit_map(documents, seed)
        most = max(1, _FIT_BYTES // (4 * self._out_dim))
        if len(documents) > most:
            documents = documents.take(np.sort(np.random.default_rng(seed).choice(len(documents), most, replace=False)))
        vectors = np.empty((len(documents), self._out_dim), np.float32)
        for start, few in self._mapped_blocks(documents):
            vectors[start : start + len(few)] = few
        codec = self._new_codec()
        self.stretch_ = Stretch.fit_for(codec, vectors) if self._stretches else Stretch.none(self._out_dim)
        self.codec_ = codec.fit(self.stretch_.apply(vectors), seed)

    def _encode(self, documents: Ragged) -> np.ndarray:
        mapped = self._mapped(documents.without_zeros())
        return np.concatenate([self.codec_.encode(self.stretch_.apply(few)) for _, few in mapped])

    def single_vectors(self, documents: Ragged) -> Iterator[tuple[int, np.ndarray]]:
        """Number of the first, and vectors (m, width) float32, of some documents after the other.

        They are what ``codec_`` codes; to be compared with :meth:`query_vectors` by inner products.
        """
        for start, few in self._mapped_blocks(self._checked(documents, "documents")):
            yield start, self.stretch_.apply(few)

    def query_vectors(self, queries: Ragged) -> np.ndarray:
        """Vectors (nq, width) float32 of float32 queries, none of whose vectors is zero."""
        return self.stretch_.queries(self._query_vectors(queries))

    def _mapped_blocks(self, documents: Ragged) -> Iterator[tuple[int, np.ndarray]]:
        """As :meth:`_mapped`, of documents of any floats that may hold vectors of zeros."""
        for start, block in documents.blocks(1 << 16):
            for place, few in self._mapped(Ragged(block.floats(), block.offsets).without_zeros()):
                yield start + place, few

    def _mapped(self, documents: Ragged) -> Iterator[tuple[int, np.ndarray]]:
        """Place and single vectors of a few documents at a time."""
        step = max(1, _BLOCK_BYTES // (4 * self._out_dim))
        for start in range(0, len(documents), step):
            yield start, self._document_vectors(documents[start : start + step])

    def _searcher(self, codes: Codes) -> SetSearcher:
        return SingleVectorSearcher(self, self.codec_.searcher(codes.rows(self.codec_.code_size)))


class SingleVectorSearcher(SetSearcher):
    """Maps queries and searches the dense codes with them; the map is part of a query's latency."""

    estimates_metric = False

    def __init__(self, codec: SingleVectorCodec, inner: Searcher) -> None:
        super().__init__(codec.dim, inner.size)
        self.codec, self.inner, self.padding = codec, inner, inner.padding

    @property
    def nbytes(self) -> int:
        return self.inner.nbytes

    def _search(self, queries: Ragged, k: int) -> tuple[np.ndarray, np.ndarray]:
        scores, ids = self.inner.search(self.codec.query_vectors(queries), k)
        scores = scores if self.inner.descending else -scores
        return np.where(ids < 0, np.float32(-np.inf), scores), ids
