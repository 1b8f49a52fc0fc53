"""PQ: product quantization. Jégou, Douze, Schmid 2011, IEEE TPAMI 33(1)."""

from __future__ import annotations

from methods.product._base import ProductCodec
from methods.registry import register


@register("pq")
class PQ(ProductCodec):
    """Product quantization, scanned by tables of query-to-centroid products (ADC)."""

    summary = "product quantization: an 8-bit centroid index for each of M subvectors"
    source = "Jégou et al. 2011 (faiss IndexPQ)"
