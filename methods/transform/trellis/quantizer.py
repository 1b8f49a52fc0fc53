"""Groups of rotated axes whose levels are coded by a trellis of 1 to 6 bits a dimension, and by scalars beyond."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from methods.encoding.gaussian_levels import MOST_BITS, distortions
from methods.kernels.encoding.levels import decode_levels, encode_levels
from methods.kernels.encoding.trellis import best_paths, decode_paths
from methods.kernels.scanning.integer_levels import MAX_LEVEL, MAX_WORD, IntegerLevels
from methods.kernels.simd.unpack_symbols import GROUP
from methods.kernels.simd.unpack_trellis import level_numbers
from methods.transform.transform_coding.quantizer import Quantizer, as_bytes, integer_levels, scalar_tables

MOST_TRELLIS_BITS = 6
SHORTEST = 3  # bytes of a path; scalars leave less than a shorter one
_MANY_STATES = 8  # bytes of all levels from which 4096 states leave less than 1024: around short circles both are few
_SHORTEST_WITHOUT_TRIES = {10: 5, 12: 6}  # where a path was the best of one state at the seam
_FARTHEST = 1e6  # in standard deviations: squares then stay within float32, and no level is as far


@dataclass(frozen=True)
class TrainedLevels:
    """What ``methods.transform.trellis.train`` learned for a number of state bits, by the bits of a step.

    Attributes
    ----------
    shifts : (7, 16) uint8
        Added, round at 256, to a state's newest eight bits: the entry of its older bits.
    levels : (7, 256) float32
    errors : (9,) float
        Mean squared errors on a standard Gaussian with 0..8 bits, beyond six of scalar levels.
    codebooks : (7, states) float32
        The levels of the states.
    """

    shifts: np.ndarray
    levels: np.ndarray
    errors: np.ndarray
    codebooks: np.ndarray


@functools.cache
def trained(state_bits: int) -> TrainedLevels:
    """The levels in ``codebooks.npz``."""
    with np.load(Path(__file__).with_name("codebooks.npz"), allow_pickle=False) as stored:
        rows = MOST_TRELLIS_BITS + 1
        shifts, levels = np.zeros((rows, 16), np.uint8), np.zeros((rows, 256), np.float32)
        shifts[1:], levels[1:] = stored[f"shifts_{state_bits}"], stored[f"levels_{state_bits}"]
        errors = distortions().copy()
        errors[1 : MOST_TRELLIS_BITS + 1] = stored[f"errors_{state_bits}"]
    codebooks = np.ascontiguousarray(np.take_along_axis(levels, level_numbers(shifts, state_bits), axis=1))
    return TrainedLevels(shifts, levels, errors, codebooks)


@functools.cache
def _integer_levels(state_bits: int) -> IntegerLevels:
    """Scalar levels, and those of the trellises after them."""
    scalar, trellis = integer_levels(), trained(state_bits)
    levels, tops, units = scalar.levels.copy(), scalar.tops.copy(), scalar.units.copy()
    words, word_units = scalar.words.copy(), scalar.word_units.copy()
    for bits in range(1, MOST_TRELLIS_BITS + 1):
        row, real = 8 + bits, trellis.levels[bits].astype(np.float64)
        _, tops[row], units[row], levels[row] = as_bytes(real, MAX_LEVEL)
        word_units[row] = np.abs(real).max() / MAX_WORD
        words[row] = np.rint(real / word_units[row])
    return IntegerLevels(levels, tops, units, words, word_units, trellis.shifts)


@dataclass(frozen=True)
class TrellisQuantizer(Quantizer):
    """As transform_coding's :class:`.quantizer.Quantizer`; the groups of up to 6 bits are one circular path.

    Attributes
    ----------
    shortest : int
        Bytes that groups of up to 6 bits have at least where they are a path; with fewer they are scalar as well.
    """

    shortest: int = SHORTEST
    state_bits: ClassVar[int] = 10

    @classmethod
    def errors(cls) -> np.ndarray:
        return trained(cls.state_bits).errors

    @classmethod
    def integer_levels(cls) -> IntegerLevels:
        return _integer_levels(cls.state_bits)

    @property
    def alphabets(self) -> np.ndarray:
        numbers = self.bits.astype(np.int64)
        numbers[self._scalars :] += MOST_BITS
        return numbers

    @property
    def _scalars(self) -> int:
        """How many groups, the first ones, are scalar."""
        many = int((self.bits > MOST_TRELLIS_BITS).sum())
        return many if int(self.bits[many:].sum()) >= self.shortest else len(self.bits)

    def parts(self) -> dict[str, np.ndarray]:
        """``path`` (2,) uint8, the bits of a state and ``shortest``, besides those of any quantizer."""
        return super().parts() | {"path": np.array([self.state_bits, self.shortest], np.uint8)}

    @property
    def _steps(self) -> tuple[np.ndarray, np.ndarray]:
        """Bits (steps,) int64 and spreads (steps,) float32 of the path's steps."""
        bits, spreads = self.bits[self._scalars :].astype(np.int64), self.spreads[self._scalars :]
        return np.repeat(bits, GROUP), np.repeat(spreads, GROUP)

    def _values(self, centered: np.ndarray) -> np.ndarray:
        # In float64, then rounded: a float32 product changes with the number of rows, and a path with its last bit.
        return (centered.astype(np.float64) @ self.matrix.astype(np.float64)).astype(np.float32)

    def _encode_values(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scalars, first = self._scalars, int(self.bits[: self._scalars].sum())
        codes, products = np.empty((len(values), self.code_size), np.uint8), np.zeros((len(values), 2))
        if scalars:
            wanted, run = np.ascontiguousarray(values[:, : GROUP * scalars]), np.empty((len(values), first), np.uint8)
            bits = self.bits[:scalars].astype(np.int64)
            encode_levels(wanted, bits, self.spreads[:scalars], *scalar_tables(), run, products)
            codes[:, :first] = run
        if scalars < len(self.bits):
            codes[:, first:], sums = self._best_paths(values[:, GROUP * scalars :])
            products += sums
        return codes, products

    def _best_paths(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Codes (n, bytes) uint8 of values along the path's axes, and (n, 2) float64 as of :meth:`_encode_values`."""
        bits, spreads = self._steps
        known = trained(self.state_bits)
        states, codes = np.empty(wanted.shape, np.uint16), np.empty((len(wanted), bits.sum() // 8), np.uint8)
        scaled = np.clip(wanted / spreads, -_FARTHEST, _FARTHEST)
        weights = (spreads / spreads.max()) ** 2
        best_paths(scaled, bits, weights, known.levels, known.shifts, self.state_bits, states, codes)
        decoded = known.codebooks[bits, states] * spreads
        cross = np.einsum("ij,ij->i", wanted, decoded, dtype=np.float64)
        return codes, np.stack([cross, np.einsum("ij,ij->i", decoded, decoded, dtype=np.float64)], axis=1)

    def levels(self, codes: np.ndarray) -> np.ndarray:
        values = np.empty((len(codes), GROUP * len(self.bits)), np.float32)
        scalars, first = self._scalars, int(self.bits[: self._scalars].sum())
        if scalars:
            decoded, run = np.empty((len(codes), GROUP * scalars), np.float32), np.ascontiguousarray(codes[:, :first])
            decode_levels(
                run, self.bits[:scalars].astype(np.int64), self.spreads[:scalars], scalar_tables()[2], decoded
            )
            values[:, : GROUP * scalars] = decoded
        if scalars < len(self.bits):
            bits, spreads = self._steps
            decoded = np.empty((len(codes), len(bits)), np.float32)
            run = np.ascontiguousarray(codes[:, first : self.code_size])
            decode_paths(run, bits, trained(self.state_bits).codebooks, decoded)
            values[:, GROUP * scalars :] = decoded * spreads
        return values


@dataclass(frozen=True)
class LongTrellisQuantizer(TrellisQuantizer):
    """With 4096 states instead of 1024: nearer to the rate-distortion bound, four times as long to encode."""

    state_bits: ClassVar[int] = 12


QUANTIZERS: dict[int, type[TrellisQuantizer]] = {
    quantizer.state_bits: quantizer for quantizer in (TrellisQuantizer, LongTrellisQuantizer)
}


def quantizer_type(state_bits: int, level_bytes: int) -> type[TrellisQuantizer]:
    """That of codes with so many bytes of levels: 1024 states in short ones whatever ``state_bits`` are."""
    return QUANTIZERS[state_bits if level_bytes >= _MANY_STATES else min(QUANTIZERS)]


def from_parts(state_bits: int, mean: np.ndarray, parts: dict[str, np.ndarray]) -> TrellisQuantizer:
    """The quantizer whose :meth:`TrellisQuantizer.parts` these are.

    Without ``path``, those of a codec with these ``state_bits`` before short codes had paths.
    """
    states, shortest = parts.get("path", (state_bits, _SHORTEST_WITHOUT_TRIES[state_bits]))
    return QUANTIZERS[int(states)].of_parts(mean, parts, shortest=int(shortest))
