"""Optimized scalar quantization (OSQ), as in Lucene's ``OptimizedScalarQuantizer``.

The interval starts at the one that is optimal for Gaussian values and is refined for each vector by coordinate
descent on an anisotropic loss: Guo et al., "Accelerating Large-Scale Inference with Anisotropic Vector
Quantization", ICML 2020.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from methods.base import Metric, Searcher, largest_fit
from methods.errors import MethodError
from methods.registry import register
from methods.scalar._interval import IntervalCodec, IntervalSearcher

BITS = (1, 2, 4, 8)


@register("osq")
class OSQ(IntervalCodec):
    """Uniform levels inside an interval that is optimized for each centered vector.

    The loss of an interval is ``(1 - anisotropy) <x, e>^2 / |x|^2 + anisotropy |e|^2`` for the error ``e`` of the
    quantized vector: the error along the vector weighs most, as it is what changes the score of a near neighbor.

    Under ``ip`` and ``cosine`` a code also holds an offset: what the levels miss along the mean's direction. (Lucene
    stores the vector's product with the centroid, to the same effect.) Where all vectors share a direction, a query's
    component along it is many times its others, and with the offset this part of the product is exact (faiss #152).
    Distances do not need it.

    Two things differ from Lucene: bounds and offset take 2 bytes each instead of 4, and the float query meets the
    decoded vector, so that the sum of the levels need not be stored (Lucene: 8 to 10 bytes more, and a 4-bit query).

    Parameters
    ----------
    dim : int
        Dimension of the vectors.
    metric : Metric
        What a search approximates.
    bits : {1, 2, 4, 8}
        Bits a dimension.
    anisotropy : float
        Weight of the whole squared error, in (0, 1]; Lucene's lambda.
    iterations : int
        Most steps of coordinate descent.
    query_bits : {1, 2, 4, 8} or None
        Bits to which a query is quantized first, by the same rule; None: the query stays float.
    """

    summary = "uniform levels inside an interval optimized for each centered vector (anisotropic loss)"
    source = "Lucene OptimizedScalarQuantizer"
    kind_exceptions: ClassVar[dict[str, str]] = dict.fromkeys(
        ("rogue dimensions", "dead dimensions", "heavy tails"),
        "all dimensions of a vector share an interval, however much each varies; a rotation of base and queries evens "
        "them out",
    )
    version = "2"  # 1: no offset

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        bits: int = 4,
        *,
        anisotropy: float = 0.1,
        iterations: int = 5,
        query_bits: int | None = None,
    ) -> None:
        super().__init__(dim, metric)
        if bits not in BITS:
            raise MethodError(f"osq supports bits=1, 2, 4 or 8, not {bits!r}")
        if query_bits is not None and query_bits not in BITS:
            raise MethodError(f"osq supports query_bits=1, 2, 4, 8 or null, not {query_bits!r}")
        if not 0 < anisotropy <= 1:
            raise MethodError(f"anisotropy={anisotropy!r} is out of range; use a number above 0 and up to 1")
        if int(iterations) != iterations or iterations < 0:
            raise MethodError(f"iterations={iterations!r} is out of range; use an integer of at least 0")
        self.bits, self.anisotropy, self.iterations, self.query_bits = bits, anisotropy, iterations, query_bits
        self.level_bits = bits

    @classmethod
    def _sized(cls, dim: int, code_bytes: int, metric: Metric, *, bits: int | None = None) -> dict[str, Any]:
        """The most of 1, 2, 4, 8 ``bits`` that fit, or the given ones."""
        sizes = {each: cls(dim, metric, each).code_size for each in (BITS if bits is None else (bits,))}
        return {"bits": largest_fit("osq", code_bytes, sizes)}

    @property
    def keeps_offset(self) -> bool:
        return self.metric is not Metric.L2

    def _intervals(self, centered: np.ndarray) -> np.ndarray:
        return self.optimized(centered, self.bits)

    def optimized(self, centered: np.ndarray, bits: int) -> np.ndarray:
        """Optimized bounds (n, 2) float32 of centered vectors (n, dim) float32 for levels of ``bits``."""
        from methods.kernels.encoding.optimized_interval import optimized_intervals

        bounds = np.empty((len(centered), 2), np.float32)
        optimized_intervals(centered, bits, self.anisotropy, self.iterations, bounds)
        return bounds

    def _searcher(self, codes: np.ndarray) -> Searcher:
        return IntervalSearcher(self, codes) if self.query_bits is None else QuantizedQuerySearcher(self, codes)


class QuantizedQuerySearcher(IntervalSearcher):
    """Searches with queries rounded to ``query_bits``, centered and optimized like the codes.

    Under ``ip`` and ``cosine`` a query's center is its own part along the mean's direction: the order of vectors does
    not depend on a query's length.
    """

    codec: OSQ

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        assert self.codec.query_bits is not None
        direction = self.codec.direction_
        own = (queries @ direction)[:, None] * direction
        center = self.codec.mean_ if self.metric is Metric.L2 else own
        centered = queries - center
        bounds = self.codec.optimized(centered, self.codec.query_bits)
        lower, step = bounds[:, :1], (bounds[:, 1:] - bounds[:, :1]) / np.float32(2**self.codec.query_bits - 1)
        inverse = np.divide(1, step, out=np.zeros_like(step), where=step > 0)
        levels = np.clip(np.rint((centered - lower) * inverse), 0, 2**self.codec.query_bits - 1)
        return super()._search(lower + step * levels + center, k)
