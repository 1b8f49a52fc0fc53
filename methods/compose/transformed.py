"""``transform + codec`` is a codec: a map to other coordinates in front of any registered codec.

A method of this kind is two small classes: a :class:`~methods.base.Transform` (most often an
:class:`AffineTransform` that learns a mean and a matrix) and a :class:`TransformedCodec` that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import faiss
import numpy as np

from methods import registry
from methods.base import Codec, Metric, Searcher, Transform
from methods.errors import BudgetError, MethodError, NotInFaiss
from methods.faiss_tools import linear_transform, move_ranges, taking_queries
from methods.part_names import behind, under

__all__ = ["AffineTransform", "ScoredTransform", "TransformedCodec", "TransformedSearcher"]

InnerChoice = tuple[str, Mapping[str, Any], float]  # codec, its parameters, least share of the dimensions
_ROWS = 4096  # vectors mapped at a time in float64


class ScoredTransform(Transform):
    """A transform that says how scores in the mapped space become scores of the vectors before."""

    def query_offsets(self, queries: np.ndarray, mapped: np.ndarray, metric: Metric) -> np.ndarray:
        """What is to be added to the scores of each query, (nq,) float32: nothing, unless a transform says so.

        Parameters
        ----------
        queries : (nq, dim) float32
        mapped : (nq, out_dim) float32
            The same, transformed.
        metric : Metric
            ``ip`` or ``l2``.
        """
        return np.zeros(len(queries), np.float32)

    def in_faiss(self, metric: Metric) -> list[Any]:
        """What maps vectors and queries in faiss, one transform after the other.

        Raises
        ------
        NotInFaiss
            If there is no such map; the message names the parameter that prevents it.
        """
        raise NotInFaiss(f"{type(self).__name__} is no map that faiss has")

    def vectors_shift(self, metric: Metric) -> np.ndarray:
        """What is added to mapped vectors (out_dim,), not to queries, beyond :meth:`in_faiss`."""
        return np.zeros(self.out_dim, np.float32)


class AffineTransform(ScoredTransform):
    """``x -> (x - mean) @ matrix``, with orthonormal columns of the matrix.

    Vectors are mapped in float64 and then rounded: a product of float32 matrices changes in the last bit with the
    number of rows, and a code has to depend on its vector alone.

    Parameters
    ----------
    dim, out_dim : int
        Dimension before and after.

    Attributes
    ----------
    mean_ : (dim,) float32
        Zero where a transform does not center.
    matrix_ : (dim, out_dim) float32
    """

    mean_: np.ndarray
    matrix_: np.ndarray

    def __init__(self, dim: int, out_dim: int) -> None:
        self.dim, self.out_dim = dim, out_dim

    def transform(self, vectors: np.ndarray) -> np.ndarray:
        mapped = np.empty((len(vectors), self.out_dim), np.float32)
        matrix = self.matrix_.astype(np.float64)
        for at in range(0, len(vectors), _ROWS):
            mapped[at : at + _ROWS] = (vectors[at : at + _ROWS].astype(np.float64) - self.mean_) @ matrix
        return mapped

    def transform_queries(self, queries: np.ndarray, metric: Metric) -> np.ndarray:
        """Queries (nq, dim) -> (nq, out_dim) float32; centered under ``l2`` alone."""
        centered = queries - self.mean_ if metric is Metric.L2 else queries
        return centered @ self.matrix_

    def query_offsets(self, queries: np.ndarray, mapped: np.ndarray, metric: Metric) -> np.ndarray:
        """Under ``ip`` the product with the mean; under ``l2`` what lies outside the span of the columns."""
        if metric is not Metric.L2:
            return queries @ self.mean_
        outside = ((queries - self.mean_) ** 2).sum(axis=1) - (mapped**2).sum(axis=1)
        return np.maximum(outside, 0)

    def in_faiss(self, metric: Metric) -> list[Any]:
        return [linear_transform(self.matrix_, self._mapped_mean if metric is Metric.L2 else None)]

    def vectors_shift(self, metric: Metric) -> np.ndarray:
        return np.zeros_like(self._mapped_mean) if metric is Metric.L2 else self._mapped_mean

    @property
    def _mapped_mean(self) -> np.ndarray:
        """What mapping the mean takes from all vectors: (out_dim,) float32."""
        return (-(self.mean_.astype(np.float64) @ self.matrix_)).astype(np.float32)

    def inverse(self, vectors: np.ndarray) -> np.ndarray:
        return vectors @ self.matrix_.T + self.mean_

    def parts(self) -> dict[str, np.ndarray]:
        return {"mean": self.mean_, "matrix": self.matrix_}

    def load_parts(self, parts: dict[str, np.ndarray]) -> Self:
        self.matrix_ = np.ascontiguousarray(parts["matrix"], np.float32)
        self.mean_ = parts.get("mean", np.zeros(self.dim, np.float32))
        return self


class TransformedCodec(Codec):
    """A codec behind a transform.

    Parameters
    ----------
    dim : int
        Dimension of the vectors.
    metric : Metric
        What a search approximates.
    out_dim : int
        Dimension of the vectors that the inner codec sees.
    codec : str
        Registered name of the inner codec.
    codec_params : dict
        Keywords of the inner codec's constructor (its ``params()``); by default only dimension and metric.

    Attributes
    ----------
    transform_ : ScoredTransform
    codec_ : Codec
        The inner codec, fitted on the transformed training vectors. It sees normalized vectors' inner product
        under cosine.
    """

    family = "dimension reduction"
    choices: ClassVar[tuple[InnerChoice, ...]] = (("int8", {}, 1.0), ("int6", {}, 1.0), ("int4", {}, 0.0))

    transform_: ScoredTransform
    codec_: Codec

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        out_dim: int | None = None,
        codec: str = "int8",
        codec_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(dim, metric)
        self.out_dim = dim if out_dim is None else out_dim
        if not isinstance(self.out_dim, int | np.integer) or not 1 <= self.out_dim <= dim:
            raise MethodError(f"{self._label()} has no out_dim={out_dim!r}; use an integer from 1 to {dim}")
        if getattr(registry.get(codec), "uses_queries", False):
            raise MethodError(
                f"{self._label()} gives its codec no queries, from which {codec} learns; use another codec"
            )
        self.codec = codec
        self.codec_params = dict(codec_params or {"dim": self.out_dim, "metric": str(self.metric.inner)})

    @classmethod
    def _sized(
        cls,
        dim: int,
        code_bytes: int,
        metric: Metric,
        *,
        codec: str | None = None,
        codec_params: Mapping[str, Any] | None = None,
        out_dim: int | None = None,
    ) -> dict[str, Any]:
        """The inner codec at ``out_dim``, or at the most dimensions at which it fits ``code_bytes``.

        They are rounded down to a multiple of 8 (scans use whole vector registers: 8 times as fast). Dimensions come
        before precision: an inner codec with several precisions drops to its least before a dimension is dropped,
        unless ``codec_params``, of the inner codec as its own user sets them, fix it. One that fits at any dimension
        (product quantization) gets all of them. ``codec=None`` takes the first of :attr:`choices` that holds its share
        of the dimensions.
        """
        choices = cls.choices if codec is None else ((codec, {}, 0.0),)
        for name, fixed, share in choices[:-1]:
            try:
                params = cls._with_choice(dim, code_bytes, metric, name, {**fixed, **(codec_params or {})}, out_dim)
            except BudgetError:
                continue
            if out_dim is not None or params["out_dim"] >= share * dim:
                return params
        name, fixed, _ = choices[-1]
        return cls._with_choice(dim, code_bytes, metric, name, {**fixed, **(codec_params or {})}, out_dim)

    @classmethod
    def _with_choice(
        cls,
        dim: int,
        code_bytes: int,
        metric: Metric,
        codec: str,
        options: Mapping[str, Any],
        out_dim: int | None,
    ) -> dict[str, Any]:
        """The codec with the inner ``codec`` at ``out_dim``, or at the most dimensions at which it fits."""

        def inner(dimension: int) -> Codec:
            try:
                return registry.for_budget(codec, dimension, code_bytes, metric.inner, **options)
            except BudgetError as error:
                raise BudgetError(f"{cls.name} with {codec}", code_bytes, error.smallest) from None

        kept = _most_dimensions(dim, inner) if out_dim is None else out_dim
        cls(dim, metric, kept, codec)  # refuses a wrong out_dim before the inner codec meets it
        return {"out_dim": kept, "codec": codec, "codec_params": inner(kept).params()}

    def _new_transform(self) -> ScoredTransform:
        """The unfitted transform, from the constructor's parameters."""
        raise NotImplementedError

    def _new_codec(self) -> Codec:
        return registry.class_of(self.codec, self.codec_params)(**self.codec_params)

    @property
    def code_size(self) -> int:
        return self._new_codec().code_size

    @property
    def copies_codes(self) -> bool:
        return self._new_codec().copies_codes

    def parts(self) -> dict[str, np.ndarray]:
        return behind("transform.", self.transform_.parts()) | behind("codec.", self.codec_.parts())

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.transform_ = self._new_transform().load_parts(under("transform.", parts))
        cls = registry.class_of(self.codec, self.codec_params)
        self.codec_ = cls.from_parts(self.codec_params, under("codec.", parts))

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        self.transform_ = self._new_transform().fit(vectors, seed)
        self.codec_ = self._new_codec().fit(self.transform_.transform(vectors), seed)

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        return self.codec_.encode(self.transform_.transform(vectors))

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        return self.transform_.inverse(self.codec_.decode(codes))

    def _searcher(self, codes: np.ndarray) -> Searcher:
        return TransformedSearcher(self, self.codec_.searcher(codes))

    def _to_faiss(self, codes: np.ndarray) -> Any:
        """The inner codec's index behind the map; scores lack what :meth:`ScoredTransform.query_offsets` adds."""
        before = self.transform_.in_faiss(self.metric)
        index = self.codec_.to_faiss(codes)
        if isinstance(index, faiss.IndexBinary):
            return index  # its queries are codes
        if (shift := self.transform_.vectors_shift(self.metric)).any() and not move_ranges(index, -shift):
            raise NotInFaiss(
                f"{self._label()} centers vectors and not queries under {self.metric}, which faiss does to int8, int6 "
                "and int4 codes of vectors whose mean is no more than a hundred times their spread; use metric=l2, or "
                "codec=int8"
            )
        return taking_queries(self, index, *before)


class TransformedSearcher(Searcher):
    """Maps queries and searches the inner codec's codes with them; the map is part of a query's latency.

    Parameters
    ----------
    codec : TransformedCodec
        Fitted.
    inner : Searcher
        Of the inner codec, over the same codes.
    """

    scanned_by = "inner"

    def __init__(self, codec: TransformedCodec, inner: Searcher) -> None:
        super().__init__(codec.dim, codec.metric, inner.size)
        self.transform, self.inner = codec.transform_, inner
        self.descending = inner.descending
        self.estimates_metric, self.padding = inner.estimates_metric, inner.padding

    @property
    def nbytes(self) -> int:
        return self.inner.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        metric = self.metric.inner
        mapped = self.transform.transform_queries(queries, metric)
        scores, ids = self.inner.search(mapped, k)
        if self.estimates_metric:
            scores += self.transform.query_offsets(queries, mapped, metric)[:, None]
        return scores, ids


def _most_dimensions(dim: int, inner: Callable[[int], Codec]) -> int:
    """``dim``, or the most dimensions (a multiple of 8) at which ``inner`` raises no :class:`BudgetError`."""

    def fits(dimension: int) -> bool:
        try:
            inner(dimension)
        except BudgetError:
            return False
        return True

    if fits(dim):
        return dim
    inner(1)  # where not even this fits, its error names the smallest code
    low, high = 1, dim  # fits at low, does not at high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low if low < 8 else low - low % 8
