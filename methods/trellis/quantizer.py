"""Groups of rotated axes whose levels are coded by trellises of 1 to 4 bits a dimension, and by scalars beyond."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from methods.gaussian_levels import MOST_BITS, distortions
from methods.kernels.level_codes import decode_levels, encode_levels
from methods.kernels.levels import MAX_LEVEL, MAX_WORD, IntegerLevels
from methods.kernels.planes import GROUP
from methods.kernels.viterbi import best_paths, decode_paths
from methods.transform_coding.quantizer import Quantizer, as_bytes, integer_levels, scalar_tables

MOST_TRELLIS_BITS = 4
_LEAST_ONE_BIT_GROUPS = 3  # shorter circles of one bit a step are worse than scalars


@functools.cache
def _trained() -> tuple[np.ndarray, np.ndarray]:
    """Levels (5, 256) float32 of the states for 0..4 bits, and mean squared errors (9,) with 0..8 bits."""
    with np.load(Path(__file__).with_name("codebooks.npz"), allow_pickle=False) as stored:
        codebooks = np.concatenate([np.zeros((1, 256), np.float32), stored["codebooks"]])
        errors = distortions().copy()
        errors[1 : MOST_TRELLIS_BITS + 1] = stored["errors"]
    return codebooks, errors


@functools.cache
def _integer_levels() -> IntegerLevels:
    """Those of scalars, and the trellises' levels beside them."""
    scalar = integer_levels()
    levels, tops, units = scalar.levels.copy(), scalar.tops.copy(), scalar.units.copy()
    words, word_units = scalar.words.copy(), scalar.word_units.copy()
    for bits in range(1, MOST_TRELLIS_BITS + 1):
        row, real = 8 + bits, _trained()[0][bits].astype(np.float64)
        _, tops[row], units[row], levels[row] = as_bytes(real, MAX_LEVEL)
        word_units[row] = np.abs(real).max() / MAX_WORD
        words[row] = np.rint(real / word_units[row])
    return IntegerLevels(levels, tops, units, words, word_units)


@dataclass(frozen=True)
class TrellisQuantizer(Quantizer):
    """As :class:`~methods.transform_coding.quantizer.Quantizer`; groups of equal bits, up to 4, are one path."""

    @staticmethod
    def errors() -> np.ndarray:
        return _trained()[1]

    @staticmethod
    def integer_levels() -> IntegerLevels:
        return _integer_levels()

    @property
    def alphabets(self) -> np.ndarray:
        found = self.bits.astype(np.int64)
        for width, groups, _, is_path in self._runs():
            found[groups] = width + 8 * is_path
        return found

    def _runs(self) -> Iterator[tuple[int, slice, slice, bool]]:
        """Bits, groups and bytes of each run of equal bits, and whether it is a path (or scalars)."""
        bits = self.bits.astype(np.int64)
        for width in range(MOST_BITS, 0, -1):
            groups = np.flatnonzero(bits == width)
            if len(groups):
                first = int(bits[: groups[0]].sum())
                is_path = width <= MOST_TRELLIS_BITS and (width > 1 or len(groups) >= _LEAST_ONE_BIT_GROUPS)
                place = slice(first, first + width * len(groups))
                yield width, slice(int(groups[0]), int(groups[-1]) + 1), place, is_path

    def encode(self, centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # In float64, then rounded: a float32 product changes with the number of rows, and a path with its last bit.
        values = (centred.astype(np.float64) @ self.matrix.astype(np.float64)).astype(np.float32)
        codes, products = np.empty((len(values), self.code_size), np.uint8), np.zeros((len(values), 3))
        for width, groups, place, is_path in self._runs():
            wanted = np.ascontiguousarray(values[:, GROUP * groups.start : GROUP * groups.stop])
            run, sums = np.empty((len(values), place.stop - place.start), np.uint8), np.empty((len(values), 2))
            if is_path:
                spreads = np.repeat(self.spreads[groups], GROUP)
                states = np.empty(wanted.shape, np.uint8)
                best_paths(wanted / spreads, width, _trained()[0][width], states, run)
                found = _trained()[0][width][states] * spreads
                sums[:, 0] = np.einsum("ij,ij->i", wanted, found, dtype=np.float64)
                sums[:, 1] = np.einsum("ij,ij->i", found, found, dtype=np.float64)
            else:
                bits = self.bits[groups].astype(np.int64)
                encode_levels(wanted, bits, self.spreads[groups], *scalar_tables(), run, sums)
            codes[:, place] = run
            products[:, :2] += sums
        products[:, 2] = np.einsum("ij,ij->i", centred, centred, dtype=np.float64)
        return codes, products

    def levels(self, codes: np.ndarray) -> np.ndarray:
        values = np.empty((len(codes), GROUP * len(self.bits)), np.float32)
        for width, groups, place, is_path in self._runs():
            found = np.empty((len(codes), GROUP * (groups.stop - groups.start)), np.float32)
            run = np.ascontiguousarray(codes[:, place])
            if is_path:
                decode_paths(run, width, _trained()[0][width], found)
                found *= np.repeat(self.spreads[groups], GROUP)
            else:
                bits = self.bits[groups].astype(np.int64)
                decode_levels(run, bits, self.spreads[groups], scalar_tables()[2], found)
            values[:, GROUP * groups.start : GROUP * groups.stop] = found
        return values
