"""The contract of a dense method: a codec turns vectors into fixed-size codes, a searcher scans them.

The base classes do once what every method needs: they check the input, copy nothing that they need not copy, and
normalize under cosine. A method implements the underscored hooks (``_fit``, ``_encode``, ``_decode``, ``_searcher``,
``parts``, ``_load_parts``) and sees only clean, C-contiguous, read-only float32. :class:`Metric` and :class:`Searcher`
have files of their own, which the searchers in :mod:`methods.search` import without this one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np

from methods.errors import (
    BudgetError,
    MethodError,
    NeedsQueries,
    NoSuccessor,
    NotDecodable,
    NotInFaiss,
    UnsupportedMetric,
)
from methods.method import FittedMethod, Parametrized
from methods.metric import Metric
from methods.queries import TrainingQueries
from methods.search.decoding import DecodingSearcher
from methods.searcher import Searcher
from methods.vectors import as_vectors, normalized

__all__ = ["Codec", "Metric", "Parametrized", "Searcher", "Transform"]

_in_faiss: list[type[Codec]] = []  # what has an index in faiss, for the error of what has none
# Of vectors that are encoded together: they and what a method makes of them stay in a processor's caches.
_ENCODED_BYTES, _LEAST_ENCODED, _MOST_ENCODED = 6 << 20, 1024, 16_384


class Codec(FittedMethod):
    """Turns vectors into codes of :attr:`code_size` bytes, everything stored per vector included.

    Parameters
    ----------
    dim : int
        Dimension of the vectors.
    metric : Metric
        What a search over the codes approximates.

    Notes
    -----
    Class attributes are those of :class:`~methods.method.FittedMethod`, and ``metrics`` (supported ones),
    ``decodable``, ``estimator`` (search scores estimate the metric by a formula other than the score of decoded
    vectors), ``offers_center`` (takes ``center=offset`` too, see :mod:`methods.compose.centered`),
    ``uses_queries`` (learns from :class:`~methods.queries.TrainingQueries`, by ``_fit_to_queries`` and not by ``_fit``)
    ``compared_singly`` (where faiss holds the codes, it compares any one with a query, as a graph does) and
    ``serves_sets`` (searchers that scan codes where they lie are also :class:`~.products.ProductSearcher`
    under the inner product). A kind in ``kind_exceptions`` is one that costs the method more than 0.03 of its
    recall@10.
    """

    track = "dense"
    decodable: ClassVar[bool] = True
    estimator: ClassVar[bool] = False
    metrics: ClassVar[frozenset[Metric]] = frozenset(Metric)
    offers_center: ClassVar[bool] = False
    uses_queries: ClassVar[bool] = False
    compared_singly: ClassVar[bool] = True
    serves_sets: ClassVar[bool] = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if cls._to_faiss is not Codec._to_faiss:
            _in_faiss.append(cls)

    def __init__(self, dim: int, metric: Metric = Metric.IP) -> None:
        self.dim = dim
        self.metric = Metric.parse(metric)
        self._check_shape()

    # --- what a method tells -------------------------------------------------------------------------

    @classmethod
    def for_budget(cls, dim: int, code_bytes: int, metric: Metric = Metric.IP, **params: Any) -> Self:
        """The best configuration whose code takes at most ``code_bytes``, by the rule that the method documents.

        Raises
        ------
        BudgetError
            If the smallest code of the method is larger; it names that size.
        """
        metric = Metric.parse(metric)
        codec = cls(dim, metric, **cls._configuration((dim, code_bytes, metric), params))
        if codec.code_size > code_bytes:
            raise BudgetError(cls._label(), code_bytes, codec.code_size)
        return codec

    @classmethod
    def _sized(cls, dim: int, code_bytes: int, metric: Metric, *args: Any, **options: Any) -> dict[str, Any]:
        return {}

    @property
    @abstractmethod
    def code_size(self) -> int:
        """Bytes of one code, known before :meth:`fit`."""

    @property
    def copies_codes(self) -> bool:
        """Whether a searcher lays codes out anew; otherwise it scans the array that it is given, mapped or not."""
        return False

    @property
    def scores_decoded(self) -> bool:
        """Whether scores are the metric on decoded vectors, up to the rounding of a query or of its tables."""
        return self.decodable and not self.estimator

    # --- the life of a codec ---------------------------------------------------------------------------

    def fit(self, vectors: np.ndarray, seed: int = 0, queries: TrainingQueries | None = None) -> Self:
        """Learn from ``vectors`` (n, dim); forgets an earlier fit. Same vectors, queries and seed, same codec.

        Parameters
        ----------
        vectors : (n, dim) floating
        seed : int
        queries : TrainingQueries, optional
            Needed by a method that :attr:`uses_queries`, and refused by any other.

        Raises
        ------
        NeedsQueries
            The method uses queries and got none.
        MethodError
            Vectors or queries that it cannot be fitted on.
        """
        vectors = self._prepare(as_vectors(vectors, self.dim, "training vectors"))
        if not len(vectors):
            raise MethodError(f"{self._label()} cannot be fitted on 0 training vectors; give at least 1")
        if not self.uses_queries and queries is not None:
            raise MethodError(f"{self._label()} does not learn from queries; leave out queries=")
        if not self.uses_queries:
            return self._fit_anew(vectors, seed)
        if queries is None:
            raise NeedsQueries(f"{self._label()} learns from queries; give fit(..., queries=TrainingQueries(vectors))")
        prepared = queries.prepared(self.dim, len(vectors), self.metric is Metric.COSINE)
        return self._learn_anew(lambda: self._fit_to_queries(vectors, prepared, seed))

    def encode(self, vectors: np.ndarray) -> np.ndarray:
        """Codes (n, code_size) uint8 of ``vectors`` (n, dim): the stored bytes, with nothing beside them."""
        self._check_fitted()
        vectors = as_vectors(vectors, self.dim, "vectors")
        codes = np.empty((len(vectors), self.code_size), np.uint8)
        count = _encoded_together(self.dim)
        for start in range(0, len(vectors), count):
            block = self._prepare(vectors[start : start + count])
            codes[start : start + len(block)] = self._check_codes(self._encode(block), len(block))
        return codes

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Approximate vectors (n, dim) float32 of ``codes``; under cosine, of the normalized vectors.

        Raises
        ------
        NotDecodable
            If the codes do not hold an approximation of the vector (hash codes).
        """
        self._check_fitted()
        if not self.decodable:
            raise NotDecodable(f"{self._label()} codes do not decode to vectors; they can only be searched")
        return self._decode(self._check_codes(codes))

    def searcher(self, codes: np.ndarray) -> Searcher:
        """A searcher over ``codes`` (n, code_size) uint8; the row of a code is its id."""
        self._check_fitted()
        return self._searcher(self._check_codes(codes))

    def to_faiss(self, codes: np.ndarray) -> Any:
        """A faiss index that holds ``codes`` (n, code_size) uint8 unchanged, and finds what :meth:`searcher` finds.

        It takes queries as they are, normalizes them under cosine and rotates them itself, and is written by
        ``faiss.write_index``. Codes of bits are a ``faiss.IndexBinaryFlat``, whose queries are :meth:`encode`'s codes.

        Raises
        ------
        NotInFaiss
            If faiss has no such index; the message names methods that have one, or the parameter that prevents it.
        """
        self._check_fitted()
        return self._to_faiss(self._check_codes(codes))

    def successor(self, old_vectors: np.ndarray, new_vectors: np.ndarray, weight: float = 1.0) -> Codec:
        """A codec for a new encoder's vectors whose codes are compared with the codes of this one.

        Parameters
        ----------
        old_vectors, new_vectors : (n, dim) and (n, new_dim) floating
            The same items by both encoders.
        weight : float
            Of compatibility against the new codes' own quality.

        Raises
        ------
        NoSuccessor
            If the method has none.
        """
        raise NoSuccessor(f"{self._label()} has no compatible successor; encode all vectors again")

    # --- the final order, where candidates are re-ranked from disk ----------------------------------------------------

    rescored_from: ClassVar[str | None] = None  # "disk": searches of this method are re-ranked by vectors of its own
    rescoring_dtype: ClassVar[type[np.floating[Any]]] = np.float32  # of what is on disk

    @property
    def code_weight(self) -> float:
        """Of the score of a code beside that of the vector on disk, in the final order."""
        return 0.0

    def rescoring_vectors(self, vectors: np.ndarray) -> np.ndarray:
        """What candidates are re-ranked by, (n, dim) floating: ``vectors`` (n, dim), unless a method learns others."""
        return vectors

    def rescoring_queries(self, queries: np.ndarray) -> np.ndarray:
        """What these are compared with, (nq, dim) float32: ``queries`` (nq, dim), unless a method learns others."""
        return queries

    # --- hooks -------------------------------------------------------------------------------------------

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        """Learn; set attributes ending in ``_``. ``vectors`` is (n >= 1, dim) float32, unit norm under cosine."""

    def _fit_to_queries(self, vectors: np.ndarray, queries: TrainingQueries, seed: int) -> None:
        """As :meth:`_fit`, of a method that ``uses_queries``; these are prepared as the vectors are."""
        raise NotImplementedError

    @abstractmethod
    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        """Codes (n, code_size) uint8 of (n, dim) float32, n <= 16,384.

        No row's code may depend on the others, but for the last bits of a product of matrices, which is summed in
        another order with another number of rows: a value that lies between two levels may go to either of them,
        and a stored float may differ in its last bits.
        """

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        """Vectors (n, dim) float32 of codes (n, code_size) uint8."""
        raise NotDecodable(f"{self._label()} codes do not decode")

    def _searcher(self, codes: np.ndarray) -> Searcher:
        """A searcher; by default one that decodes blocks of codes and scores them in float32."""
        return DecodingSearcher(self, codes)

    def _to_faiss(self, codes: np.ndarray) -> Any:
        """As :meth:`to_faiss`."""
        names = ", ".join(sorted({cls.name for cls in _in_faiss if cls.name}))
        raise NotInFaiss(f"{self._label()} has no index in faiss; these have: {names}; docs/deploy.md says what to do")

    # --- helpers -----------------------------------------------------------------------------------------

    def _prepare(self, vectors: np.ndarray) -> np.ndarray:
        return normalized(vectors) if self.metric is Metric.COSINE else vectors

    def _check_shape(self) -> None:
        if int(self.dim) != self.dim or self.dim < 1:
            raise MethodError(f"dim={self.dim} is not a dimension; use an integer of at least 1")
        if self.metric not in self.metrics:
            names = ", ".join(sorted(self.metrics))
            raise UnsupportedMetric(f"{self._label()} does not support metric={self.metric}; it does {names}")

    def _check_codes(self, codes: np.ndarray, count: int | None = None) -> np.ndarray:
        codes = np.asarray(codes)
        rows = len(codes) if count is None and codes.ndim else count
        if codes.dtype != np.uint8 or codes.shape != (rows, self.code_size):
            raise MethodError(
                f"codes of {self._label()} are uint8 of shape ({'n' if count is None else count}, {self.code_size}), "
                f"not {codes.dtype} of shape {codes.shape}"
            )
        return np.ascontiguousarray(codes)


class Transform(Parametrized, ABC):
    """A map of vectors put in front of a codec: PCA, a rotation, truncation.

    Parameters
    ----------
    dim, out_dim : int
        Dimension before and after.
    """

    summary: ClassVar[str] = ""
    source: ClassVar[str] = ""
    trains: ClassVar[bool] = True

    dim: int
    out_dim: int

    @abstractmethod
    def fit(self, vectors: np.ndarray, seed: int = 0) -> Self:
        """Learn from clean float32 ``vectors`` (n, dim)."""

    @abstractmethod
    def transform(self, vectors: np.ndarray) -> np.ndarray:
        """(n, dim) -> (n, out_dim) float32."""

    @abstractmethod
    def transform_queries(self, queries: np.ndarray, metric: Metric) -> np.ndarray:
        """As :meth:`transform`, for queries: what keeps ``metric`` best (no centering under ``ip``, say)."""

    @abstractmethod
    def inverse(self, vectors: np.ndarray) -> np.ndarray:
        """(n, out_dim) -> (n, dim) float32: the best reconstruction of the input."""

    @abstractmethod
    def parts(self) -> dict[str, np.ndarray]:
        """The arrays to store."""

    @abstractmethod
    def load_parts(self, parts: dict[str, np.ndarray]) -> Self:
        """The fitted transform from :meth:`parts`."""


def _encoded_together(dim: int) -> int:
    """How many vectors of ``dim`` dimensions are encoded at a time: at most 6 MB, but at least 1,024.

    A power of two of at most 16,384, which divides the blocks that callers read: what a product of matrices rounds
    depends on its shape, and so codes would depend on who reads them.
    """
    fitting = min(max(_ENCODED_BYTES // (4 * dim), _LEAST_ENCODED), _MOST_ENCODED)
    return 1 << (fitting.bit_length() - 1)


def largest_fit(label: str, code_bytes: int, sizes: dict[Any, int]) -> Any:
    """The key of the largest size in ``sizes`` (configuration -> bytes) that fits ``code_bytes``.

    Of equal sizes the first wins. Raises :class:`BudgetError` with the smallest size if none fits.
    """
    fitting = {key: size for key, size in sizes.items() if size <= code_bytes}
    if not fitting:
        raise BudgetError(label, code_bytes, min(sizes.values()))
    return max(fitting, key=lambda key: fitting[key])
