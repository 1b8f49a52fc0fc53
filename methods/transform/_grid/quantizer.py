"""What grid codes stand for: the plan of axes and segments, and the values and offsets that codes hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from methods.kernels.encoding.grid import OFFSET_BYTES, decode_grid
from methods.kernels.simd.unpack_symbols import GROUP

__all__ = ["MOST_BITS", "GridQuantizer", "Plan"]

MOST_BITS = 8


@dataclass(frozen=True)
class Plan:
    """Axes and how finely each segment of them is stored.

    Attributes
    ----------
    mean : (dim,) float32
    matrix : (dim, width) float32
        ``(x - mean) @ matrix`` are the values, ``values @ matrix.T + mean`` goes back; width is a multiple of 8.
    ends, bits : (segments,) int64
        Where segments end among the values, and bits of their symbols.
    """

    mean: np.ndarray
    matrix: np.ndarray
    ends: np.ndarray
    bits: np.ndarray

    @property
    def symbol_bytes(self) -> int:
        return int((np.diff(self.ends, prepend=0) // GROUP * self.bits).sum())


@dataclass(frozen=True)
class GridQuantizer:
    """Reads codes ``[offset: float16] [a byte of factor a segment] [symbols] [zeros]``.

    Attributes
    ----------
    plan : Plan
    tables : (segments, 256) float32
        Factors by their byte.
    offset_range : (2,) float32
        The middle of offsets, and their unit.
    """

    plan: Plan
    tables: np.ndarray
    offset_range: np.ndarray

    def values(self, codes: np.ndarray) -> np.ndarray:
        """The values (n, width) float32, factors times levels, of codes (n, code_size) uint8."""
        values = np.empty((len(codes), self.plan.matrix.shape[1]), np.float32)
        decode_grid(codes, self.plan.ends, self.plan.bits, self.tables, values)
        return values

    def offsets(self, codes: np.ndarray) -> np.ndarray:
        """The offsets (n,) float32 of codes (n, code_size) uint8."""
        middle, unit = self.offset_range
        stored = np.ascontiguousarray(codes[:, :OFFSET_BYTES]).view(np.float16)[:, 0]
        return stored.astype(np.float32) * unit + middle
