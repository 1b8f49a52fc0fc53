"""A quantizer of what is orthogonal to the mean's direction, and the offset along it in one or two bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from methods.encoding.offset import offset_bytes, offset_tables, offsets_of, split

__all__ = ["OffsetQuantizer", "without_direction", "without_offset"]


def without_direction(vectors: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Centered vectors (n, dim) float32 less their parts along ``direction`` (dim,)."""
    return split(vectors, np.zeros_like(direction), direction)[1]


@dataclass(frozen=True)
class OffsetQuantizer:
    """``[code of the rest] [offset: 1 or 2 bytes]`` for a vector ``mean + offset * direction + rest``.

    An inner product with a query q is ``<q, mean> + offset * <q, direction> + <q, rest>``: an error of the code of the
    rest never counts along the direction that all vectors share, where a query's component is largest.

    Attributes
    ----------
    rest : quantizer
        Of vectors orthogonal to the direction, about the same mean.
    direction : (dim,) float32
        The mean's, of unit norm.
    bounds : (2,) or (3,) float32
        What the offset's bytes stand for, see :func:`methods.encoding.offset.offset_range` and ``offset_scale``.
    """

    rest: Any  # a Quantizer or a StagedQuantizer: what has the members of Scalable
    direction: np.ndarray
    bounds: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return self.rest.mean

    @property
    def size(self) -> int:
        """Bytes of an offset."""
        return len(self.tables)

    @property
    def tables(self) -> np.ndarray:
        """(size, 256) float32: an offset is the sum of what they say of its bytes."""
        return offset_tables(self.bounds)

    def mapped(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (n, dim) in the coordinates of :meth:`decode`: those of the rest, and the one along the direction."""
        return np.column_stack([self.rest.mapped(vectors), vectors @ self.direction])

    def encode(self, centered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Codes and products of centered vectors, as :class:`.quantizer.Scalable` has them."""
        offsets, rests = split(centered, np.zeros_like(self.direction), self.direction)
        codes, products = self.rest.encode(rests)
        return np.concatenate([codes, offset_bytes(offsets, self.bounds)], axis=1), products

    def decode(self, codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """Vectors (n, coordinates + 1) float32 of codes (n, size) uint8 and factors (n,) float32."""
        rest, offsets = self.parted(codes)
        return np.column_stack([self.rest.decode(rest, factors), offsets])

    def vectors(self, codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """Centered vectors (n, dim) float32 of codes and factors."""
        rest, offsets = self.parted(codes)
        return self.rest.vectors(rest, factors) + offsets[:, None] * self.direction

    def parted(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The code of the rest (n, size), and offsets (n,) float32."""
        return codes[:, : -self.size], offsets_of(codes[:, -self.size :], self.bounds)


def without_offset(quantizer: Any) -> Any:
    """The quantizer of the rest where ``quantizer`` keeps an offset, else itself."""
    return quantizer.rest if isinstance(quantizer, OffsetQuantizer) else quantizer
