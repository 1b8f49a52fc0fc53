"""PQ: product quantization. Jégou, Douze, Schmid 2011, IEEE TPAMI 33(1)."""

from __future__ import annotations

from methods.base import Metric
from methods.product._base import ProductCodec
from methods.registry import register


@register("pq")
class PQ(ProductCodec):
    """Product quantization, scanned by tables of query-to-centroid products (ADC)."""

    summary = "product quantization: an 8-bit centroid index for each of M subvectors"
    source = "Jégou et al. 2011 (faiss IndexPQ)"

    @classmethod
    def for_budget(
        cls,
        dim: int,
        code_bytes: int,
        metric: Metric,
        *,
        bits: int = 8,
        renormalize: bool = False,
        iterations: int = 25,
        max_points_per_centroid: int = 256,
    ) -> PQ:
        """As many ``bits``-bit subquantizers as ``code_bytes`` hold, at most one a dimension.

        Parameters
        ----------
        bits, renormalize, iterations, max_points_per_centroid
            See :class:`~methods.product._base.ProductCodec`.
        """
        subquantizers = cls.subquantizers_for(dim, code_bytes, bits)
        return cls(dim, metric, subquantizers, bits, renormalize, iterations, max_points_per_centroid)
