"""Isotropy in front of a codec: vectors centered, whitened, as independent components, or without their top directions.

Kessy, Lewin, Strimmer, "Optimal whitening and decorrelation", The American Statistician 2018 (ZCA and PCA whitening);
Su et al., "Whitening sentence representations for better semantics and faster retrieval", arXiv 2103.15316; Yamagiwa,
Oyama, Shimodaira, "Discovering universal geometry in embeddings with ICA", EMNLP 2023; Mu and Viswanath,
"All-but-the-top: simple and effective postprocessing for word representations", ICLR 2018.

A map that is no rotation changes products and distances. With ``y = (x - m) A`` and ``x = m + y B`` a product is
``<q, x> = <q, m> + <q B^T, y>``: queries are mapped with the transposed inverse, and scores are those of the vectors as
they were, however they are coded. A distance has no such form; there codes are decoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from methods import registry
from methods.base import Codec, Metric, Searcher
from methods.compose.transformed import ScoredTransform, TransformedCodec, TransformedSearcher
from methods.errors import BudgetError, MethodError, UnsupportedMetric
from methods.fitting.fast_ica import independent_components
from methods.fitting.isotropy import top_directions, whitening
from methods.fitting.principal_axes import robust_mean
from methods.registry import register
from methods.search.decoding import DecodingSearcher

__all__ = ["TRANSFORMS", "AllButTheTop", "Centering", "Components", "Isotropic", "Whitening"]

TRANSFORMS = ("center", "whiten", "ica", "all_but_the_top")
AXES = ("zca", "pca")
QUERIES = ("undone", "mapped")
_ROWS = 4096  # vectors mapped at a time in float64
_LEARNED = 16_384  # vectors that components are learned from


class Centering(ScoredTransform):
    """``x -> x - mean``; the mean of vectors of which none counts as farther out than 8 median distances."""

    summary = "the mean subtracted"
    source = "-"
    isometric: ClassVar[bool] = True  # distances stay

    mean_: np.ndarray

    def __init__(self, dim: int) -> None:
        self.dim = self.out_dim = dim

    def fit(self, vectors: np.ndarray, seed: int = 0) -> Self:
        self.mean_ = robust_mean(vectors)[0]
        return self

    def transform(self, vectors: np.ndarray) -> np.ndarray:
        mapped = np.empty((len(vectors), self.out_dim), np.float32)
        for at in range(0, len(vectors), _ROWS):  # in float64, for a vector's code may not depend on the others
            mapped[at : at + _ROWS] = self._forward(vectors[at : at + _ROWS].astype(np.float64) - self.mean_)
        return mapped

    def transform_queries(self, queries: np.ndarray, metric: Metric) -> np.ndarray:
        """Queries (nq, dim) as they meet mapped vectors: under ``ip`` by the transposed inverse, without the mean."""
        return self.transform(queries) if metric is Metric.L2 else self._dual(queries)

    def query_offsets(self, queries: np.ndarray, mapped: np.ndarray, metric: Metric) -> np.ndarray:
        """Under ``ip`` the product with the mean."""
        return super().query_offsets(queries, mapped, metric) if metric is Metric.L2 else queries @ self.mean_

    def inverse(self, vectors: np.ndarray) -> np.ndarray:
        return self._backward(vectors) + self.mean_

    def parts(self) -> dict[str, np.ndarray]:
        return {"mean": self.mean_}

    def load_parts(self, parts: dict[str, np.ndarray]) -> Self:
        self.mean_ = np.asarray(parts["mean"], np.float32)
        return self

    def _forward(self, centered: np.ndarray) -> np.ndarray:
        """Centered vectors (n, dim) float64, mapped."""
        return centered

    def _backward(self, vectors: np.ndarray) -> np.ndarray:
        """Mapped vectors (n, dim) float32 as centered ones."""
        return vectors

    def _dual(self, queries: np.ndarray) -> np.ndarray:
        """What has the product with a mapped vector that the query has with the centered one."""
        return queries


class Whitening(Centering):
    """``x -> (x - mean) A`` of equal variance in all directions, and in total that of the vectors.

    Parameters
    ----------
    dim : int
    axes : {"zca", "pca"}
        Scaled along principal axes and turned back, so that dimensions stay what they were as far as can be; or left
        along these axes, by falling variance.
    shrinkage : float, optional
        As for :func:`methods.fitting.isotropy.whitening`.
    """

    summary = "equal variance in all directions"
    source = "Kessy et al. 2018"
    isometric = False

    matrix_: np.ndarray
    inverse_: np.ndarray

    def __init__(self, dim: int, axes: str = "zca", shrinkage: float | None = None) -> None:
        super().__init__(dim)
        self.axes, self.shrinkage = axes, shrinkage

    def fit(self, vectors: np.ndarray, seed: int = 0) -> Self:
        mean, axes, scales, _ = whitening(vectors, self.shrinkage)
        scaled = axes * scales
        return self.load_parts({"mean": mean, "matrix": scaled @ axes.T if self.axes == "zca" else scaled})

    def parts(self) -> dict[str, np.ndarray]:
        """``mean`` (dim,) and ``matrix`` (dim, dim) float32; the inverse follows."""
        return super().parts() | {"matrix": self.matrix_}

    def load_parts(self, parts: dict[str, np.ndarray]) -> Self:
        self.matrix_ = np.ascontiguousarray(parts["matrix"], np.float32)
        self.inverse_ = np.linalg.inv(self.matrix_.astype(np.float64)).astype(np.float32)
        return super().load_parts(parts)

    def _forward(self, centered: np.ndarray) -> np.ndarray:
        return centered @ self.matrix_.astype(np.float64)

    def _backward(self, vectors: np.ndarray) -> np.ndarray:
        return vectors @ self.inverse_

    def _dual(self, queries: np.ndarray) -> np.ndarray:
        return queries @ self.inverse_.T


class Components(Whitening):
    """Whitened vectors, turned to components that are as independent as can be (FastICA).

    Parameters
    ----------
    dim, shrinkage
        As for :class:`Whitening`.
    iterations : int
        At most.
    """

    summary = "independent components of equal variance"
    source = "Hyvärinen 1999"

    def __init__(self, dim: int, shrinkage: float | None = None, iterations: int = 50) -> None:
        super().__init__(dim, "pca", shrinkage)
        self.iterations = iterations

    def fit(self, vectors: np.ndarray, seed: int = 0) -> Self:
        super().fit(vectors, seed)
        rng = np.random.default_rng(seed)
        some = np.sort(rng.permutation(len(vectors))[:_LEARNED])
        white = self.transform(vectors[some])
        deviation = np.sqrt(np.square(white).mean(dtype=np.float64))  # tanh expects 1; outliers were left as they are
        white = np.clip(white / max(float(deviation), 1e-30), -8, 8).astype(np.float32)
        rotation = independent_components(white, self.iterations, seed)
        return self.load_parts({"mean": self.mean_, "matrix": self.matrix_.astype(np.float64) @ rotation})


class AllButTheTop(Centering):
    """``x - mean`` without what it has along the directions of greatest variance, which is lost.

    Parameters
    ----------
    dim : int
    removed : int
        Directions; fewer where the dimension has no more.
    """

    summary = "without the directions of greatest variance"
    source = "Mu and Viswanath, ICLR 2018"
    isometric = False

    top_: np.ndarray

    def __init__(self, dim: int, removed: int) -> None:
        super().__init__(dim)
        self.removed = min(removed, dim - 1)

    def fit(self, vectors: np.ndarray, seed: int = 0) -> Self:
        mean, top = top_directions(vectors, self.removed)
        return self.load_parts({"mean": mean, "top": top})

    def parts(self) -> dict[str, np.ndarray]:
        """``mean`` (dim,) and ``top`` (dim, removed) float32."""
        return super().parts() | {"top": self.top_}

    def load_parts(self, parts: dict[str, np.ndarray]) -> Self:
        self.top_ = np.ascontiguousarray(parts["top"], np.float32)
        return super().load_parts(parts)

    def _forward(self, centered: np.ndarray) -> np.ndarray:
        return centered - (centered @ self.top_) @ self.top_.T

    def _backward(self, vectors: np.ndarray) -> np.ndarray:
        return vectors - (vectors @ self.top_) @ self.top_.T

    def _dual(self, queries: np.ndarray) -> np.ndarray:
        return self._backward(queries)


@register("isotropic")
class Isotropic(TransformedCodec):
    """Centered, whitened or otherwise isotropic vectors, stored by another codec at all their dimensions.

    Parameters
    ----------
    dim, metric, out_dim, codec, codec_params
        As in :class:`~methods.compose.transformed.TransformedCodec`; ``out_dim`` is the dimension.
    transform : {"center", "whiten", "ica", "all_but_the_top"}
        What is done to vectors first: the mean subtracted; that and equal variance in all directions; the same as
        independent components; or the mean and the directions of greatest variance taken away, which are lost.
    axes : {"zca", "pca"}
        Of ``whiten``: dimensions stay what they were, as far as can be, or are principal axes.
    shrinkage : float, optional
        Of ``whiten`` and ``ica``, from 0 (equal variances) to 1 (centered only); by default what
        suits so many vectors: near 0 for many, large for fewer than dimensions.
    removed : int, optional
        Of ``all_but_the_top``; by default a direction for every hundred dimensions.
    iterations : int
        Of ``ica``, at most.
    queries : {"undone", "mapped"}
        ``undone``: queries are mapped so that scores are those of vectors before the map; under l2, where there is no
        such map, codes are decoded, which takes longer and needs a codec that decodes. ``mapped``: queries are mapped
        as vectors are, and scores are products or distances of what comes out, another similarity.
    """

    summary = "centered, whitened, independent components, or without top directions; stored by any codec"
    source = "Kessy et al. 2018; Hyvärinen 1999; Mu and Viswanath, ICLR 2018"
    kind_exceptions: ClassVar[dict[str, str]] = {
        "low rank": "directions in which nearly nothing varies get as much of a code as the few that matter; "
        "transform=center leaves vectors as they are spread",
    }
    check_params: ClassVar[dict[str, Any]] = {"codec": "int4"}
    _to_faiss = Codec._to_faiss  # queries and vectors are mapped apart, which faiss does not do

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        out_dim: int | None = None,
        codec: str = "pq",
        codec_params: Mapping[str, Any] | None = None,
        *,
        transform: str = "whiten",
        axes: str = "zca",
        shrinkage: float | None = None,
        removed: int | None = None,
        iterations: int = 50,
        queries: str = "undone",
    ) -> None:
        super().__init__(dim, metric, out_dim, codec, codec_params)
        self.transform, self.axes, self.shrinkage = transform, axes, shrinkage
        self.removed, self.iterations, self.queries = removed, iterations, queries
        self._check_options()

    @classmethod
    def _sized(  # type: ignore[override]  # all dimensions are kept
        cls,
        dim: int,
        code_bytes: int,
        metric: Metric,
        *,
        codec: str = "pq",
        codec_params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The inner codec's own choice at the full dimension."""
        try:
            inner = registry.for_budget(codec, dim, code_bytes, metric.inner, **(codec_params or {}))
        except BudgetError as error:
            raise BudgetError(f"{cls.name} with {codec}", code_bytes, error.smallest) from None
        return {"out_dim": dim, "codec": codec, "codec_params": inner.params()}

    def _new_transform(self) -> Centering:
        if self.transform == "center":
            return Centering(self.dim)
        if self.transform == "whiten":
            return Whitening(self.dim, self.axes, self.shrinkage)
        if self.transform == "ica":
            return Components(self.dim, self.shrinkage, self.iterations)
        return AllButTheTop(self.dim, max(1, self.dim // 100) if self.removed is None else self.removed)

    @property
    def _decodes(self) -> bool:
        """Whether codes are decoded in a search: distances before a map that changes them."""
        return self.metric is Metric.L2 and self.queries == "undone" and self.transform != "center"

    @property
    def copies_codes(self) -> bool:
        return not self._decodes and super().copies_codes

    @property
    def scores_decoded(self) -> bool:
        return self.queries == "undone" and self._new_codec().scores_decoded

    def _searcher(self, codes: np.ndarray) -> Searcher:
        if self._decodes:
            return DecodingSearcher(self, codes)
        if self.queries == "undone":
            return TransformedSearcher(self, self.codec_.searcher(codes))
        return MappedSearcher(self, self.codec_.searcher(codes))

    def _check_options(self) -> None:
        for name, known in {"transform": TRANSFORMS, "axes": AXES, "queries": QUERIES}.items():
            if getattr(self, name) not in known:
                raise MethodError(f"{name}={getattr(self, name)!r} is unknown; use one of {', '.join(known)}")
        if self.out_dim != self.dim:
            raise MethodError(f"isotropic keeps all {self.dim} dimensions, not out_dim={self.out_dim}; use pca")
        if self.shrinkage is not None and not 0 <= self.shrinkage <= 1:
            raise MethodError(f"shrinkage={self.shrinkage} is out of range; use a number from 0 to 1, or null")
        for name, least in (("removed", 0), ("iterations", 1)):
            value = getattr(self, name)
            if value is not None and (int(value) != value or value < least):
                raise MethodError(f"{name}={value} is out of range; use an integer of at least {least}")
        if self._decodes and not registry.class_of(self.codec, self.codec_params).decodable:
            raise UnsupportedMetric(
                f"isotropic with {self.transform} and {self.codec} does not support metric=l2: distances before the "
                "map need codes that decode; use transform=center, queries=mapped, or metric=cosine"
            )


class MappedSearcher(TransformedSearcher):
    """Queries mapped as vectors are; scores are of what comes out, and say nothing of the vectors' own scale."""

    def __init__(self, codec: Isotropic, inner: Searcher) -> None:
        super().__init__(codec, inner)
        self.estimates_metric = False

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        return self.inner.search(self.transform.transform(queries), k)
