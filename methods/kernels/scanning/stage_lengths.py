"""The factor of codes that say none, since all vectors are of one length: it makes centroids plus levels as long.

``|c + h|^2 = |c|^2 + sum over axes of h (2 c + h)``: a scan looks ``|c|^2`` up, and sums the rest over the levels of a
block that it has unpacked. It does so for the few documents that would be among the best by the largest factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from methods.kernels.errors import KernelError
from methods.kernels.scanning.stage_squares import StageSquares
from methods.kernels.simd.planar_tile import BLOCK

__all__ = ["LengthTables", "StageLengths", "factors_of_length", "settle_factors"]

_BYTE = 256


@dataclass(frozen=True)
class StageLengths:
    """What a scan needs to know to make all documents of one length.

    Attributes
    ----------
    squares : StageSquares
        Of the centroids, without products.
    along : (stages, 256, dim) float32
        Centroids along the axes of levels.
    length : float
        Of the documents.
    shared : float
        What all have along the direction of their offsets, besides these: what is left for centroids and levels is
        ``sqrt(length^2 - (shared + offset)^2)``.
    """

    squares: StageSquares
    along: np.ndarray
    length: float
    shared: float = 0.0

    def __post_init__(self) -> None:
        stages = len(self.squares.halves)
        if self.along.shape[:2] != (stages, _BYTE) or self.along.dtype != np.float32 or len(self.squares.products):
            raise KernelError(
                f"along must be float32 of shape {(stages, _BYTE)} and a dimension, not {self.along.dtype} of "
                f"{self.along.shape}, and squares without products"
            )
        if not 0 < self.length < np.inf or not np.isfinite(self.shared):
            raise KernelError(f"length={self.length} must be positive and finite, and shared={self.shared} finite")


class LengthTables(NamedTuple):
    """:class:`StageLengths` as a scan reads them; all arrays are empty where codes say factors.

    Attributes
    ----------
    halves, pairs
        Of :class:`.stage_squares.StageSquares`.
    along : (stages * 256 * dim,) float32
        Twice the centroids along the axes of levels, times what the levels' integers are multiplied with, in the order
        of unpacked words.
    units : (dim,) float32
        What the square of a level's integer is multiplied with, in this order.
    length, shared : float32
        Of :class:`StageLengths`.
    largest : float32
        The largest factor of all documents; infinite until it is known.
    """

    halves: np.ndarray
    pairs: np.ndarray
    along: np.ndarray
    units: np.ndarray
    length: np.float32
    shared: np.float32
    largest: np.float32


@njit(cache=True, nogil=True)
def _factor_of(
    doc: int,
    words: np.ndarray,
    wide_rows: int,
    tops: np.ndarray,
    stages: np.ndarray,
    lengths: LengthTables,
    offset: Any,
    room: np.ndarray,
) -> Any:
    """The factor (float32) of one document of a block; arguments as of :func:`factors_of_length`.

    ``room`` (2, dim) float32 is written.
    """
    halves, pairs, along, units = lengths.halves, lengths.pairs, lengths.along, lengths.units
    numbers, levels, dim = words.view(np.int16), words.view(np.uint8), len(units)
    for row in range(wide_rows):
        first = 2 * (row * BLOCK + doc)
        room[0, 2 * row] = np.float32(numbers[first])
        room[0, 2 * row + 1] = np.float32(numbers[first + 1])
    for row in range(wide_rows, wide_rows + len(tops)):
        first, place, top = 4 * (row * BLOCK + doc), 4 * row - 2 * wide_rows, tops[row - wide_rows]
        for each in range(4):
            room[0, place + each] = np.float32(np.int32(2) * np.int32(levels[first + each]) - top)
    for place in range(dim):
        room[1, place] = units[place] * room[0, place]
    square, pair = np.float32(0), 0
    for stage in range(len(halves)):
        centroid = np.int64(stages[stage * BLOCK + doc])
        square += halves[stage, centroid]
        for other in range(stage + 1, len(halves)):
            square += pairs[pair, centroid, stages[other * BLOCK + doc]]
            pair += 1
        start = (stage * _BYTE + centroid) * dim
        for place in range(dim):
            room[1, place] += along[start + place]
    for place in range(dim):
        room[1, place] *= room[0, place]
    # Sums side by side: additions of floats are not reordered, and one chain would wait for each.
    a = b = c = d = np.float32(0)
    for place in range(0, dim, 4):
        a += room[1, place]
        b += room[1, place + 1]
        c += room[1, place + 2]
        d += room[1, place + 3]
    square = (square + square) + ((a + b) + (c + d))
    above = abs(lengths.shared + offset)
    if not (square > 0 and above < lengths.length):
        return np.float32(0)
    # Of what is left, sqrt(length^2 - above^2): squares of such lengths may not fit float32.
    return np.sqrt(lengths.length - above) * np.sqrt(lengths.length + above) / np.sqrt(square)


@njit(cache=True, nogil=True)
def factors_of_length(
    words: np.ndarray,
    wide_rows: int,
    tops: np.ndarray,
    stages: np.ndarray,
    lengths: LengthTables,
    offsets: np.ndarray,
    out: np.ndarray,
) -> None:
    """Factors of a block's documents into ``out`` (64,) float32.

    Parameters
    ----------
    words : (rows * 64,) uint32
        The block's levels as integers, unpacked: of two dimensions of 16 bits in the first ``wide_rows``, of four bytes
        in the others, whose integers are twice the byte less ``tops`` (rows - wide_rows,) int32.
    stages : (>= 64 * stages,) uint8
        Of the block, stage by stage.
    lengths : LengthTables
    offsets : (64,) float32
    """
    room = np.empty((2, len(lengths.units)), np.float32)
    for doc in range(BLOCK):
        out[doc] = _factor_of(doc, words, wide_rows, tops, stages, lengths, offsets[doc], room)


@njit(cache=True, nogil=True)
def settle_factors(
    limit: float,
    positive: bool,
    scores: np.ndarray,
    words: np.ndarray,
    wide_rows: int,
    tops: np.ndarray,
    stages: np.ndarray,
    lengths: LengthTables,
    offsets: np.ndarray,
    scale: np.ndarray,
    settled: np.ndarray,
    room: np.ndarray,
) -> bool:
    """Factors into ``scale`` (64,) of documents whose ``scores`` (64,) by the largest factor exceed ``limit``; whether
    there were any.

    Unless all that exceeds it has a ``positive`` product, of all: others are not bounded by the largest factor.
    ``settled`` (64,) bool says which factors are known; other arguments are as of :func:`factors_of_length`.
    """
    some = False
    for doc in range(BLOCK):
        if not settled[doc] and (scores[doc] > limit or not positive):
            scale[doc] = _factor_of(doc, words, wide_rows, tops, stages, lengths, offsets[doc], room)
            settled[doc] = some = True
    return some
