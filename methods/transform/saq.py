"""SAQ: principal axes cut into segments with their own bits, and codes adjusted to their vectors' directions.

Li, Deng, Yan, Zhi, Cheng, "SAQ: Pushing the limits of vector quantization through code adjustment and dimension
segmentation", SIGMOD 2026 (arXiv 2509.12086).
"""

from __future__ import annotations

import numpy as np

from methods.base import Metric
from methods.errors import MethodError
from methods.fitting.principal_axes import principal_axes
from methods.kernels.encoding.grid import OFFSET_BYTES
from methods.kernels.simd.unpack_symbols import GROUP
from methods.registry import register
from methods.transform._grid.codec import GridCodec
from methods.transform._grid.quantizer import Plan
from methods.transform._grid.segments import segment
from methods.vectors import random_rotation


@register("saq")
class SAQ(GridCodec):
    """Segments of principal axes, rotated at random, on grids between plus and minus each segment's largest value.

    Segments and their bits are those of least expected error, by dynamic programming. Symbols are rounded
    and then adjusted by coordinate descent, six rounds at most, towards the largest cosine with the vector (CAQ);
    a factor a segment, |y|^2 / <y, h>, makes estimates of inner products unbiased.

    It differs from the authors' program in what a code holds: factors take a byte (:mod:`methods.encoding.factor_byte`)
    instead of two float32 a segment, so that short codes are not all factors, and segments are made of ``unit``
    dimensions, where theirs has 64. Both serve recall at equal bytes. There is one center, the mean, in place of an
    IVF's.

    Parameters
    ----------
    dim, metric, code_bytes
        See :class:`~methods.transform._grid.codec.GridCodec`.
    unit : int
        Dimensions of the smallest segment, a multiple of 8.
    """

    family = "transform"
    summary = "segments of principal axes with bits of their own, codes adjusted to the vector's direction"
    source = "Li et al., SIGMOD 2026"

    def __init__(self, dim: int, metric: Metric = Metric.IP, code_bytes: int = 4, *, unit: int = GROUP) -> None:
        self.unit = unit
        super().__init__(dim, metric, code_bytes)

    def _plan(self, vectors: np.ndarray, seed: int) -> Plan:
        mean, axes, variances = principal_axes(vectors, self.dim)
        room = self.code_bytes - OFFSET_BYTES
        unit = self.unit if room >= self.unit // GROUP + 1 else GROUP
        width = -(-self.dim // unit) * unit
        padded = np.zeros(width)
        padded[: self.dim] = variances
        segments = segment(padded, unit, room)
        ends, bits = np.array(segments).T
        matrix, start = np.zeros((self.dim, ends[-1]), np.float32), 0
        for end in ends:
            part = np.zeros((self.dim, end - start), np.float32)
            part[:, : max(min(end, self.dim) - start, 0)] = axes[:, start:end]
            matrix[:, start:end] = part @ random_rotation(end - start, seed + int(start))
            start = end
        return Plan(mean, matrix, ends, bits)

    def _check_shape(self) -> None:
        super()._check_shape()
        if int(self.unit) != self.unit or self.unit < GROUP or self.unit % GROUP:
            raise MethodError(f"unit must be a positive multiple of {GROUP}, not {self.unit!r}")
