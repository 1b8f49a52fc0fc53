"""The keywords of a codec as one value, which fitting and upgrading are given in place of the codec."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from methods.binary.bebr import layout
from methods.encoding.offset import offset_size
from methods.fitting.offset_choice import offset_pays
from methods.metric import Metric


@dataclass(frozen=True)
class Settings:
    """As for :class:`~methods.binary.bebr.codec.BEBR`, which checks them and gives them their defaults."""

    dim: int
    metric: Metric
    dim_code: int
    loops: int
    scoring: str
    query_loops: int | None
    digits: int | None
    rounds: int
    refine: int
    blocks: int
    hidden: int
    normalize: bool
    loss: str
    epochs: int
    queue: int
    device: str
    checkpoint: str | None
    offset: bool | None

    @property
    def bits(self) -> int:
        """Bits of a symbol."""
        return self.loops + 1

    @property
    def symbol_bytes(self) -> int:
        """Bytes of a code's symbols, or of its symbols and its offset."""
        return layout.symbol_bytes(self.dim_code, self.bits)

    def symbol_count(self, keeps_offset: bool) -> int:
        """Symbols of a code: ``dim_code``, or as many as fit beside an offset."""
        if not keeps_offset:
            return self.dim_code
        return 8 * (self.symbol_bytes - offset_size(self.symbol_bytes)) // self.bits

    def keeps_offset(self, vectors: np.ndarray, seed: int) -> bool:
        """Whether codes fitted on ``vectors`` (n, dim) hold an offset."""
        room = self.symbol_bytes
        if self.metric is Metric.L2 or self.scoring == "hamming" or self.offset is False or room <= offset_size(room):
            return False
        return bool(self.offset) or offset_pays(vectors, self.metric, room, seed, even=True)
