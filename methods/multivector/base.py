"""The contract of a multi-vector method: a codec turns sets of vectors into codes, a searcher scores them by Chamfer.

As for a dense method (:mod:`methods.base`), a document's code is the bytes that are stored for it, with nothing beside
them; but documents differ in size, and so may codes. A budget is the mean bytes of a document's code. Where codes
differ in size, the eight bytes that say where each begins count too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from methods.errors import MethodError, NotDecodable
from methods.method import FittedMethod
from methods.multivector.ragged import Ragged

__all__ = ["OFFSET_BYTES", "Codes", "MultiVectorCodec", "SetSearcher"]

OFFSET_BYTES = 8  # of the place of a code among codes of different sizes
_ENCODE_VECTORS = 1 << 16  # vectors encoded at a time: bounds the temporaries of a method, not its result


@dataclass(frozen=True)
class Codes:
    """Codes of documents, one after the other.

    Attributes
    ----------
    data : (total,) uint8
    offsets : (n + 1,) int64
        Code i is ``data[offsets[i] : offsets[i + 1]]``.
    fixed : bool
        Whether all codes of the method have one size, so that ``offsets`` need not be stored.
    """

    data: np.ndarray
    offsets: np.ndarray
    fixed: bool

    @property
    def sizes(self) -> np.ndarray:
        """(n,) int64: bytes stored for each document, the place of a code of variable size included."""
        return np.diff(self.offsets) + (0 if self.fixed else OFFSET_BYTES)

    @property
    def nbytes(self) -> int:
        return int(self.sizes.sum())

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, part: slice) -> Codes:
        """Consecutive codes, without a copy of their bytes."""
        start, stop, _ = part.indices(len(self))
        edges = self.offsets[start : max(start, stop) + 1]
        return Codes(self.data[edges[0] : edges[-1]], edges - edges[0], self.fixed)

    def take(self, rows: np.ndarray) -> Codes:
        """The given codes, in their order, copied."""
        sizes = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        which = np.repeat(self.offsets[rows] - offsets[:-1], sizes) + np.arange(offsets[-1])
        return Codes(self.data[which], offsets, self.fixed)

    def rows(self, size: int) -> np.ndarray:
        """All bytes as (total / size, size): a code each where codes are fixed, else what codes are made of."""
        return self.data.reshape(-1, size)


class MultiVectorCodec(FittedMethod):
    """Turns sets of vectors into codes.

    Parameters
    ----------
    dim : int
        Dimension of the vectors.

    Notes
    -----
    Class attributes are those of :class:`~methods.method.FittedMethod`; ``fixed`` tells that all codes have one size,
    ``decodable`` that codes decode to sets of vectors, and ``kind_exceptions`` are of the kinds in
    :mod:`methods.multivector.kinds`.
    """

    track = "multivector"
    decodable: ClassVar[bool] = False
    fixed: ClassVar[bool] = False

    def __init__(self, dim: int) -> None:
        if isinstance(dim, bool) or int(dim) != dim or dim < 1:
            raise MethodError(f"dim={dim} is not a dimension; use an integer of at least 1")
        self.dim = dim

    # --- what a method tells -------------------------------------------------------------------------

    @classmethod
    def for_budget(cls, dim: int, code_bytes: int, lengths: np.ndarray, **params: Any) -> Self:
        """The best configuration whose codes take at most ``code_bytes`` on average, by the method's documented rule.

        Parameters
        ----------
        dim : int
        code_bytes : int
            The most mean bytes of a document's code.
        lengths : (n,) integers
            Vectors of each document.

        Raises
        ------
        BudgetError
            If the smallest codes of the method are larger; it names their mean size, rounded up.
        """
        return cls(dim, **cls._configuration((dim, code_bytes, lengths), params))

    @classmethod
    def _sized(cls, dim: int, code_bytes: int, lengths: np.ndarray, *args: Any, **options: Any) -> dict[str, Any]:
        return {}

    @abstractmethod
    def code_sizes(self, lengths: np.ndarray) -> np.ndarray:
        """Bytes (n,) int64 of the codes of documents with so many vectors, as :attr:`Codes.sizes`; before any fit."""

    # --- the life of a codec ---------------------------------------------------------------------------

    def fit(self, documents: Ragged, seed: int = 0) -> Self:
        """Learn from ``documents`` without their vectors of zeros; forgets an earlier fit.

        Same documents and seed, same codec.
        """
        documents = self._checked(documents, "training documents")
        if not len(documents):
            raise MethodError(f"{self._label()} cannot be fitted on 0 documents; give at least 1")
        return self._fit_anew(_padding_left_out(documents), seed)

    def encode(self, documents: Ragged) -> Codes:
        """Codes of ``documents``: the stored bytes, with nothing beside them; each depends on its document alone.

        A vector of zeros takes the bytes of any other (the size depends on the number of vectors alone): leave out
        padding that is to cost nothing.
        """
        self._check_fitted()
        documents = self._checked(documents, "documents")
        extra = 0 if self.fixed else OFFSET_BYTES
        offsets = np.concatenate([[0], np.cumsum(self.code_sizes(documents.lengths) - extra)])
        data = np.empty(offsets[-1], np.uint8)
        for start, block in documents.blocks(_ENCODE_VECTORS):
            floats = Ragged(block.floats(), block.offsets)
            data[offsets[start] : offsets[start + len(block)]] = self._encode(floats).ravel()
        return Codes(data, offsets, self.fixed)

    def decode(self, codes: Codes) -> Ragged:
        """Approximate vectors (float32) of documents, perhaps fewer than they had; :class:`NotDecodable` if none."""
        self._check_fitted()
        if not self.decodable:
            raise NotDecodable(f"{self._label()} codes do not decode to sets of vectors; they can only be searched")
        return self._decode(codes)

    def searcher(self, codes: Codes) -> SetSearcher:
        """A searcher over ``codes``; the place of a code is its id."""
        self._check_fitted()
        return self._searcher(codes)

    # --- hooks -------------------------------------------------------------------------------------------

    def _fit(self, documents: Ragged, seed: int) -> None:
        """Learn; set attributes ending in ``_``. A vector of zeros is among ``documents`` only where all are."""

    @abstractmethod
    def _encode(self, documents: Ragged) -> np.ndarray:
        """All bytes of the codes of float32 ``documents``, one after the other, uint8 of any shape."""

    def _decode(self, codes: Codes) -> Ragged:
        raise NotDecodable(f"{self._label()} codes do not decode")

    @abstractmethod
    def _searcher(self, codes: Codes) -> SetSearcher: ...

    # --- helpers -----------------------------------------------------------------------------------------

    def _checked(self, sets: Ragged, what: str) -> Ragged:
        return checked(sets, self.dim, what)


def checked(sets: Ragged, dim: int, what: str) -> Ragged:
    """Sets of finite vectors of dimension ``dim``; :class:`MethodError` otherwise."""
    if not isinstance(sets, Ragged):
        raise MethodError(f"{what} must be a Ragged, not {type(sets).__name__}; see methods.multivector.Ragged")
    return sets.check(dim, what)


def _padding_left_out(documents: Ragged) -> Ragged:
    """Documents without vectors of zeros, and none that has no others, unless all are such."""
    documents = documents.without_zeros()
    padded = documents.zeros()[documents.offsets[:-1]]  # of these a single vector is left
    return documents.take(np.flatnonzero(~padded)) if padded.any() and not padded.all() else documents


class SetSearcher(ABC):
    """Finds the documents whose codes score best for sets of query vectors.

    Parameters
    ----------
    dim : int
        Dimension of the query vectors.
    size : int
        Number of codes.

    Attributes
    ----------
    nbytes : int
        Resident bytes of everything kept per document.
    padding : int
        Bytes of ``nbytes`` that only fill up the last block of a scanning layout.
    """

    descending: bool = True
    estimates_metric: bool = True
    padding: int = 0

    def __init__(self, dim: int, size: int) -> None:
        self.dim, self.size = dim, size

    @property
    @abstractmethod
    def nbytes(self) -> int: ...

    def search(self, queries: Ragged, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The ``k`` best documents of each query: scores (nq, k) float32, descending, and ids (nq, k) int64.

        Padded with -inf and -1 where there are fewer documents. A score is larger for a nearer document; it is on
        Chamfer's own scale where ``estimates_metric``. A query vector of zeros adds nothing to any score, so none is
        searched for, and to a query of no others all documents score 0.
        """
        checked(queries, self.dim, "queries")
        if int(k) != k or k < 1:
            raise MethodError(f"k={k} is not a number of neighbors; use an integer of at least 1")
        count = min(int(k), self.size)
        if not count or not len(queries):
            return np.full((len(queries), k), -np.inf, np.float32), np.full((len(queries), k), -1, np.int64)
        scores, ids = self._search_nonzero(Ragged(queries.floats(), queries.offsets).without_zeros(), count)
        pad = ((0, 0), (0, int(k) - count))
        return np.pad(scores, pad, constant_values=-np.inf), np.pad(ids, pad, constant_values=-1)

    def _search_nonzero(self, queries: Ragged, k: int) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`_search`, and for queries of one vector of zeros."""
        asking = queries.vectors[queries.offsets[:-1]].any(axis=1)
        if asking.all():
            return self._search(queries, k)
        scores, ids = np.zeros((len(queries), k), np.float32), np.tile(np.arange(k), (len(queries), 1))
        if asking.any():
            scores[asking], ids[asking] = self._search(queries.take(np.flatnonzero(asking)), k)
        return scores, ids

    @abstractmethod
    def _search(self, queries: Ragged, k: int) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`search` for sound float32 queries, no vector of which is zero, and 1 <= k <= size."""
