"""The method ``trellis``."""

from __future__ import annotations

import numpy as np

from methods.base import Metric
from methods.errors import MethodError
from methods.registry import register
from methods.transform.transform_coding.codec import TransformCoding
from methods.transform.transform_coding.quantizer import Quantizer
from methods.transform.trellis.quantizer import QUANTIZERS, from_parts, quantizer_type

__all__ = ["Trellis", "check_state_bits"]


@register("trellis")
class Trellis(TransformCoding):
    """Transform coding whose levels are chosen by a path through a trellis: more levels at the same bits.

    Everything is as in :class:`~methods.transform.transform_coding.codec.TransformCoding`, but for groups of 1 to 6
    bits: these are one tail-biting path through a bitshift trellis of 1024 states (Marcellin & Fischer, "Trellis coded
    quantization of memoryless and Gauss-Markov sources", 1990; QTIP, Tseng et al. 2024, for the bitshift). A state's
    level is one of 256, trained on Gaussian samples (:mod:`methods.transform.trellis.train`): the number of its newest
    eight bits plus an entry of a table for its older bits, modulo 256. So a scan needs tables of 256 entries only. At
    1, 2, 3 and 4 bits the path leaves .276, .075, .020 and .006 of a Gaussian's variance, scalar levels .363, .117,
    .035 and .010; with 4096 states, see ``methods/transform/trellis/codebooks.npz``.

    Parameters
    ----------
    dim, metric, level_bytes, gamma, scale, offset
        As for ``transform_coding``.
    state_bits : {10, 12}
        1024 or 4096 states; encoding with 12 takes three to four times as long. Codes take the same bytes. Below 8
        bytes of levels there are 1024 in any case, and groups of fewer than 3 bytes together have scalar levels.
    """

    summary = "principal axes, bits by variance, trellis-coded levels, one byte of scale"
    source = "Marcellin & Fischer 1990; Tseng et al. 2024 (QTIP)"
    # 2: 256 states, a path for each number of bits; 3: no offset, outliers counted in full for the axes;
    # 4: variances of few training vectors were their own; 5: full groups were not evened, and lengths that vary a
    # little did not count;
    # 6: held-out variances were of four folds, and in more than 400 dimensions more vectors were searched
    # 7: short codes had scalar levels, and a path was the best of one state at the seam
    # 8: fine levels were chosen for vectors divided by their exact size
    version = "9"
    reads_versions = frozenset({"4", "5", "6", "7", "8"})  # whose codes are as ``parts`` without a ``path`` say

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        level_bytes: int = 8,
        *,
        gamma: float | None = None,
        scale: str | None = None,
        state_bits: int = 10,
        offset: bool | None = None,
    ) -> None:
        self.state_bits = state_bits
        super().__init__(dim, metric, level_bytes, gamma=gamma, scale=scale, offset=offset)

    @property
    def quantizer_type(self) -> type[Quantizer]:
        return quantizer_type(self.state_bits, self.level_bytes)

    def _quantizer_of(self, parts: dict[str, np.ndarray]) -> Quantizer:
        return from_parts(self.state_bits, parts["mean"], parts)

    def _check_shape(self) -> None:
        super()._check_shape()
        check_state_bits(self.state_bits)


def check_state_bits(state_bits: int) -> None:
    """:class:`MethodError` for a number of state bits that no levels were trained for."""
    if state_bits not in QUANTIZERS:
        raise MethodError(f"state_bits={state_bits!r} is unknown; use one of {', '.join(map(str, QUANTIZERS))}")
