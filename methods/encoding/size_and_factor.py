"""The size of a code's levels and the factor of all it says, in one byte or two.

A code that stands for ``f (c + s h)``, centroid c and levels h, needs the size s because some vectors lie near their
centroid and others far from it. A size need not be exact: levels are chosen for what is left at the size that is
stored. One byte holds both, one of 12 sizes and one of 21 factors, or where the lengths of vectors vary one of 5 and
one of 51; large codes may spend a byte on each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from methods.encoding.factor_byte import factor_bytes, factor_scale, factor_table
from methods.encoding.sample_levels import nearest, nearest_ratios

__all__ = ["SizeAndFactor"]

_BYTE = 256
_SMALL = 1 / 64  # of the median: smaller sizes are those of vectors that are as good as their centroid
_TINY = 1e-30
_LEAST = 1e-6  # of what levels are made for


@dataclass(frozen=True)
class SizeAndFactor:
    """Bytes for both.

    Attributes
    ----------
    sizes : (count,) or (256,) float32
        Positive, ascending: of a shared byte, or of a byte of their own.
    factors : (255 // count,) or (4,) float32
        The factors where one byte holds both, ascending from 0; else the scale of :func:`.factor_byte.factor_scale`.
    """

    sizes: np.ndarray
    factors: np.ndarray

    @classmethod
    def fit(cls, sizes: np.ndarray, factors: np.ndarray) -> Self:
        """For ``sizes`` as of :meth:`sizes_for`, and a sample's factors (n,) >= 0."""
        if len(sizes) == _BYTE:
            return cls(sizes, factor_scale(factors))
        positive = factors[factors > 0] if (factors > 0).any() else np.ones(1)
        levels = nearest_ratios(positive, (_BYTE - 1) // len(sizes) - 2)
        return cls(sizes, np.concatenate([[0], levels, [positive.max()]]).astype(np.float32))

    @staticmethod
    def sizes_for(sample: np.ndarray, count: int) -> np.ndarray:
        """``count`` sizes to choose from, 256 for a byte of their own, for those of a sample (n,) >= 0."""
        known = np.maximum(sample, max(_SMALL * float(np.median(sample)), _LEAST)) if len(sample) else np.ones(1)
        if count < _BYTE:
            return np.append(nearest_ratios(known, count - 1), known.max()).astype(np.float32)
        return np.geomspace(known.min(), known.max(), _BYTE).astype(np.float32)

    @property
    def size(self) -> int:
        """Bytes of a code."""
        return 2 if len(self.sizes) == _BYTE else 1

    def encode(self, places: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """Bytes (n, size) uint8 of the places (n,) of sizes in ``sizes``, and of factors (n,) >= 0."""
        if self.size == 2:
            return np.stack([factor_bytes(factors, self.factors), places.astype(np.uint8)], axis=1)
        logs, middles = np.log(np.maximum(factors, _TINY)), np.log(self.factors[1:].astype(np.float64))
        place = np.where(factors > 0, 1 + nearest(middles, logs), 0)
        return (places.astype(np.int64) * len(self.factors) + place).astype(np.uint8)[:, None]

    def decode(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places (n,) uint8 of sizes, and factors (n,) float32, of bytes (n, size) uint8."""
        return self._places[codes[:, -1]], self.factor_table[codes[:, 0]]

    @property
    def factor_table(self) -> np.ndarray:
        """The factor (256,) float32 of each value of the first byte."""
        return factor_table(self.factors) if self.size == 2 else self.factors[np.arange(_BYTE) % len(self.factors)]

    @property
    def size_table(self) -> np.ndarray:
        """The size (256,) float32 of each value of the last byte."""
        return self.sizes[self._places]

    @property
    def _places(self) -> np.ndarray:
        """Of each value of the last byte, the place (256,) uint8 of its size."""
        values = np.arange(_BYTE)
        places = values if self.size == 2 else np.minimum(values // len(self.factors), len(self.sizes) - 1)
        return places.astype(np.uint8)
