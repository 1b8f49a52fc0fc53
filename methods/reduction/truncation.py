"""The first dimensions of a vector in front of a codec, for encoders that were trained to allow it.

Kusupati et al., "Matryoshka Representation Learning", NeurIPS 2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import faiss
import numpy as np

from methods.base import Metric
from methods.compose.transformed import ScoredTransform, TransformedCodec
from methods.errors import NotInFaiss
from methods.kind_losses import along_mean
from methods.registry import register


class Prefix(ScoredTransform):
    """The first ``out_dim`` dimensions.

    Parameters
    ----------
    dim, out_dim : int
        Dimension before and after.
    renormalize : bool
        Scale the prefix to the length of the whole vector.
    """

    summary = "the first dimensions, scaled to the length of the whole vector"
    source = "Kusupati et al., NeurIPS 2022"
    trains = False

    def __init__(self, dim: int, out_dim: int, renormalize: bool = True) -> None:
        self.dim, self.out_dim, self.renormalize = dim, out_dim, renormalize

    def fit(self, vectors: np.ndarray, seed: int = 0) -> Self:
        return self

    def transform(self, vectors: np.ndarray) -> np.ndarray:
        prefix = np.ascontiguousarray(vectors[:, : self.out_dim])
        if not self.renormalize:
            return prefix
        lengths, kept = (np.linalg.norm(part, axis=1, keepdims=True) for part in (vectors, prefix))
        return prefix * np.divide(lengths, kept, out=np.zeros_like(kept), where=kept > 0)

    def transform_queries(self, queries: np.ndarray, metric: Metric) -> np.ndarray:
        return self.transform(queries)

    def query_offsets(self, queries: np.ndarray, mapped: np.ndarray, metric: Metric) -> np.ndarray:
        """Under ``l2`` the query's part in the dimensions that decode to zero."""
        if metric is not Metric.L2 or self.renormalize:
            return super().query_offsets(queries, mapped, metric)
        return (queries[:, self.out_dim :] ** 2).sum(axis=1)

    def in_faiss(self, metric: Metric) -> list[Any]:
        if self.renormalize and metric is Metric.IP:
            raise NotInFaiss(
                "truncation scales prefixes by the vector's length, which faiss does not; use metric=cosine, "
                "l2 or renormalize=false"
            )
        make: Any = faiss.RemapDimensionsTransform  # its stub lacks these arguments
        first = make(self.dim, self.out_dim, False)
        return [first, faiss.NormalizationTransform(self.out_dim, 2.0)] if self.renormalize else [first]

    def inverse(self, vectors: np.ndarray) -> np.ndarray:
        return np.pad(vectors, ((0, 0), (0, self.dim - self.out_dim)))

    def parts(self) -> dict[str, np.ndarray]:
        return {}

    def load_parts(self, parts: dict[str, np.ndarray]) -> Self:
        return self


@register("truncation")
class Truncation(TransformedCodec):
    """The first dimensions of a vector, stored by another codec.

    Parameters
    ----------
    dim, metric, out_dim, codec, codec_params
        As in :class:`~methods.compose.transformed.TransformedCodec`.
    renormalize : bool
        Under ``ip`` and ``cosine``: scale prefixes, of vectors and queries, to the length of the whole vector, so
        that a score is ``|q| |x|`` times the cosine of the prefixes. Distances (``l2``) are never renormalized.
    """

    summary = "the first dimensions (Matryoshka), renormalized, stored by any codec"
    source = "Kusupati et al., NeurIPS 2022"
    kind_exceptions: ClassVar[dict[str, str]] = {
        **along_mean(
            "4-bit integers, which hold the most dimensions, err along the direction that all vectors share, and a "
            "query has a large product with it; codec=int8 holds fewer and loses nothing"
        ),
        **dict.fromkeys(
            ("rogue dimensions", "heavy tails"),
            "the largest values of a vector may lie behind the first dimensions; pca has much of the variance in front",
        ),
    }
    trains = False
    estimator = True

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        out_dim: int | None = None,
        codec: str = "int8",
        codec_params: Mapping[str, Any] | None = None,
        *,
        renormalize: bool = True,
    ) -> None:
        super().__init__(dim, metric, out_dim, codec, codec_params)
        self.renormalize = bool(renormalize)

    def _new_transform(self) -> Prefix:
        return Prefix(self.dim, self.out_dim, self.renormalize and self.metric is not Metric.L2)
