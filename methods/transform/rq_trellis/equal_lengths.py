"""Codes of vectors of one length, which say no factor: what they decode to is made as long."""

from __future__ import annotations

import numpy as np

from methods.transform.rq_trellis.quantizer import StagedQuantizer
from methods.transform.transform_coding.offset import OffsetQuantizer, without_offset

__all__ = ["common_length", "vectors_of_length"]

_EQUAL = 1e-3  # of the median: float16 rounds unit vectors by less


def common_length(vectors: np.ndarray) -> float | None:
    """The length that all vectors (n, dim) have, within a thousandth, if there is one; zero vectors have another."""
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    length = float(np.median(norms))
    return length if 0 < length < np.inf and np.abs(norms - length).max() <= _EQUAL * length else None


def vectors_of_length(quantizer: StagedQuantizer | OffsetQuantizer, codes: np.ndarray, length: float) -> np.ndarray:
    """Vectors (n, dim) float32 of codes (n, size) uint8, of so much length.

    Where codes hold offsets, what is orthogonal to their direction gets what these leave of it. A code that stands for
    nothing is a zero vector, or an offset alone.
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
