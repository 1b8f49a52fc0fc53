"""Levels and weights as integers: what a scan over levels multiplies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from methods.kernels.simd.unpack_symbols import ALPHABETS, table_order
from methods.kernels.simd.unpack_trellis import has_differences, take_differences

__all__ = ["MAX_LEVEL", "MAX_WORD", "IntegerLevels", "round_weights"]

MAX_LEVEL = 127  # two products with weights of int8 then fit 16 bits
MAX_WORD = 2032  # 16 times as fine
_FINER = 256  # what the product of a wide weight and a wide level is divided by: both are 16 times as fine
_WIDE_SHIFT = 9  # the same, and half, because a level is half of its odd integer
_MOST_COARSER = 8  # powers of two: wide weights are at least as fine as narrow ones
_SMALL = np.float32(1e-30)  # smaller units are scaled up first: their inverse would be beyond float32


@dataclass(frozen=True)
class IntegerLevels:
    """The levels of alphabets as integers: 1..8 are symbols of so many bits, 9..14 trellises of 1..6 bits a step.

    Attributes
    ----------
    levels : (15, 256) uint8
        Row a: of its symbols, or of the numbers that a trellis's states have
        (:mod:`methods.kernels.simd.unpack_trellis`); s stands for ``(2 levels[a, s] - tops[a]) * units[a]``.
    tops : (15,) int32
        Largest level of each row, at most 127.
    units : (15,) float32
    words : (15, 256) int16
        At most 2032 in magnitude; s also stands for ``words[a, s] * word_units[a]``.
    word_units : (15,) float32
    shifts : (7, 16) uint8
        Of trellises, by the bits of a step.
    """

    levels: np.ndarray
    tops: np.ndarray
    units: np.ndarray
    words: np.ndarray
    word_units: np.ndarray
    shifts: np.ndarray

    def tables(self, path: str) -> np.ndarray:
        """What the expansion of blocks looks up on ``path``: (2, 15, 2, 256) uint8, for bytes and for words."""
        order = np.stack([table_order(alphabet if alphabet <= 8 else 0) for alphabet in range(ALPHABETS)])
        order[9:] = np.arange(256)
        low, words = (np.take_along_axis(each, order, axis=1) for each in (self.levels, self.words))
        narrow = np.stack([low, np.zeros_like(low)], axis=1)
        halves = words.astype("<i2").view(np.uint8).reshape(ALPHABETS, 256, 2).transpose(0, 2, 1)
        tables = np.stack([narrow, halves])
        if has_differences(path):
            trellises = tables[:, 9:].reshape(-1, 256)
            take_differences(trellises)
            tables[:, 9:] = trellises.reshape(tables[:, 9:].shape)
        tables[:, 0].reshape(2, -1)[:, : self.shifts.size] = self.shifts.ravel()
        return tables


@njit(cache=True, nogil=True)
def round_weights(narrow: np.ndarray, wide: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Weights rounded to integers in one unit a query.

    Where wide weights are so much larger than narrow ones that the unit they need would be too coarse for those, they
    are rounded in coarser parts of a smaller unit.

    Parameters
    ----------
    narrow, wide : (nq, dims) float32
        What odd integers of bytes, and words, are multiplied with.

    Returns
    -------
    narrow : (nq, dims) int8
        In units.
    wide : (nq, dims) int16
        In units divided by ``2 ** (shift - 1)``, of the query's shift below.
    units : (nq,) float32
    shifts : (nq, 1) int32
        By how many bits sums of products of wide weights and words are shifted right to count units: 1 to 9.
    """
    rounded, finer = np.empty(narrow.shape, np.int8), np.empty(wide.shape, np.int16)
    units, shifts = np.ones(len(narrow), np.float32), np.full((len(narrow), 1), _WIDE_SHIFT, np.int32)
    for query in range(len(narrow)):
        largest = wide_largest = total = np.float32(0)
        for weight in narrow[query]:
            largest = max(largest, abs(weight))
        for weight in wide[query]:
            wide_largest = max(wide_largest, abs(weight))
            total += abs(weight)
        # Units that int8, words of 16 bits and sums of 32 bits take.
        unit, wide_unit = largest / np.float32(127), wide_largest * np.float32(_FINER / 32767)
        wide_unit, coarser = max(wide_unit, total * np.float32(_FINER * MAX_WORD / 2**30)), 0
        while largest > 0 and wide_unit > unit and coarser < _MOST_COARSER:
            wide_unit, coarser = wide_unit / np.float32(2), coarser + 1
        shifts[query] -= coarser
        unit = max(unit, wide_unit)
        if unit > 0:
            units[query] = unit
        lift = np.float32(2**60 if units[query] < _SMALL else 1)  # else what divides them overflows
        lifted = units[query] * lift
        for place in range(narrow.shape[1]):
            integer = np.rint(narrow[query, place] * lift / lifted)
            rounded[query, place] = np.int8(min(max(integer, np.float32(-127)), np.float32(127)))
        finer_lift = np.float32(_FINER >> coarser) / lifted
        for place in range(wide.shape[1]):
            integer = np.rint(wide[query, place] * lift * finer_lift)
            finer[query, place] = np.int16(min(max(integer, np.float32(-32767)), np.float32(32767)))
    return rounded, finer, units, shifts
