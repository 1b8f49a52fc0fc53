"""Codecs behind a map that keeps all dimensions, and maps queries otherwise than vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from methods.base import Codec, Metric
from methods.compose.transformed import TransformedCodec
from methods.errors import MethodError


class AllDimensions(TransformedCodec):
    """As :class:`~methods.compose.transformed.TransformedCodec`, with ``out_dim`` as ``dim`` and nothing else."""

    family = "trained"
    metrics = frozenset({Metric.IP, Metric.COSINE})  # distances are no linear function of a query
    estimator = True  # as its codecs are
    _to_faiss = Codec._to_faiss  # the map of queries is another than that of vectors

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        out_dim: int | None = None,
        codec: str = "trellis",
        codec_params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(dim, metric, out_dim, codec, codec_params)
        if self.out_dim != dim:
            raise MethodError(
                f"{self._label()} has no out_dim={out_dim!r}; it keeps all dimensions, use {dim} or leave it out"
            )

    @classmethod
    def _sized(  # type: ignore[override]  # all dimensions are kept
        cls,
        dim: int,
        code_bytes: int,
        metric: Metric,
        *,
        codec: str = "trellis",
        codec_params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The inner codec with all dimensions, within ``code_bytes``."""
        return super()._sized(dim, code_bytes, metric, codec=codec, codec_params=codec_params, out_dim=dim)
