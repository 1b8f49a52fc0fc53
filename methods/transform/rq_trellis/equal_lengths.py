"""Codes of vectors of one length, which say no factor: what they decode to is made as long.

:mod:`methods.multivector.common_length` does so for tokens, by any codec.
"""

from __future__ import annotations

import numpy as np

from methods.encoding.units import lengths_of
from methods.transform.rq_trellis.quantizer import StagedQuantizer
from methods.transform.transform_coding.offset import OffsetQuantizer, without_offset

__all__ = ["common_length", "vectors_of_length"]

_EQUAL = 1e-3  # of the median: float16 rounds unit vectors by less
_LEAST_LEFT = (
    0.05  # of the squared length: of less an offset's byte, or a thousandth of the length, is too large a part
)


def common_length(vectors: np.ndarray, rests: np.ndarray) -> float | None:
    """The length that all vectors (n, dim) have, within a thousandth, if there is one; zero vectors have another.

    None, too, where hardly anything of them is left besides an offset: ``rests`` (m, dim) are of some of them.
    """
    norms, left = lengths_of(vectors), lengths_of(rests)
    length = float(np.median(norms))
    equal = 0 < length < np.inf and np.abs(norms - length).max() <= _EQUAL * length
    return length if equal and np.median(left) ** 2 >= _LEAST_LEFT * length**2 else None


def vectors_of_length(quantizer: StagedQuantizer | OffsetQuantizer, codes: np.ndarray, length: float) -> np.ndarray:
    """Vectors (n, dim) float32 of codes (n, size) uint8, of so much length.

    Where codes hold offsets, what is orthogonal to their direction gets what these leave of it.
    """
    staged, offsets = without_offset(quantizer), np.zeros(len(codes), np.float32)
    shared, direction = 0.0, np.zeros_like(staged.mean)
    if isinstance(quantizer, OffsetQuantizer):
        codes, offsets = quantizer.parted(codes)
        direction, shared = quantizer.direction, float(quantizer.mean @ quantizer.direction)
    sums = staged.vectors(codes, np.ones(len(codes), np.float32))
    squares = np.einsum("ij,ij->i", sums, sums, dtype=np.float64)
    left = np.maximum(length**2 - (shared + offsets.astype(np.float64)) ** 2, 0)
    factors = np.sqrt(np.divide(left, squares, out=np.zeros(len(codes)), where=squares > 0))
    return sums * factors.astype(np.float32)[:, None] + offsets[:, None] * direction + staged.mean
