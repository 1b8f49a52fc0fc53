"""The method ``trellis``."""

from __future__ import annotations

from typing import ClassVar

from methods.registry import register
from methods.transform_coding.codec import TransformCoding
from methods.transform_coding.quantizer import Quantizer
from methods.trellis.quantizer import TrellisQuantizer


@register("trellis")
class Trellis(TransformCoding):
    """Transform coding whose levels are chosen by a path through a trellis: more levels at the same bits.

    Everything is as in :class:`~methods.transform_coding.codec.TransformCoding`, but for groups of 1 to 4 bits: all
    groups of equal bits are one tail-biting path through a bitshift trellis of 256 states (Marcellin & Fischer,
    "Trellis coded quantization of memoryless and Gauss-Markov sources", 1990; QTIP, Tseng et al. 2024, for the
    bitshift), whose levels were trained on Gaussian samples (:mod:`methods.trellis.train`). At 1, 2, 3 and 4 bits it
    leaves .289, .083, .022 and .007 of a Gaussian's variance where scalar levels leave .363, .117, .035 and .010.

    Parameters
    ----------
    dim, metric, bits, gamma, scale
        As for ``transform_coding``.
    """

    summary = "principal axes, bits by variance, trellis-coded levels, one byte of scale"
    source = "Marcellin & Fischer 1990; Tseng et al. 2024 (QTIP)"
    version = "2"  # as of transform_coding
    quantizer_type: ClassVar[type[Quantizer]] = TrellisQuantizer
