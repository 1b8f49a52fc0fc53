"""Groups of eight rotated axes, each with its bits and standard deviation: the map between vectors and levels."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from methods.encoding.factor_byte import at_steps
from methods.encoding.gaussian_levels import MOST_BITS, distortions, levels
from methods.encoding.sample_levels import nearest
from methods.fitting.allocation import LEAST_SPREAD, allocate, evened_groups, full_groups, varying
from methods.kernels.encoding.levels import CELLS, cell_starts, decode_levels, encode_levels
from methods.kernels.scanning.integer_levels import ALPHABETS, MAX_LEVEL, MAX_WORD, IntegerLevels
from methods.kernels.simd.unpack_symbols import GROUP
from methods.transform.transform_coding import scales

_LEAST_SIZE = 1e-30  # of a vector, so that it has a logarithm


@functools.cache
def scalar_tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells, thresholds and levels of 0..8 bits, as the encoder reads them."""
    starts = np.zeros((MOST_BITS + 1, CELLS), np.uint8)
    thresholds = np.full((MOST_BITS + 1, 256), np.inf, np.float32)
    values = np.zeros((MOST_BITS + 1, 256), np.float32)
    for bits in range(1, MOST_BITS + 1):
        gaussian = levels(bits)
        ends = (gaussian[1:] + gaussian[:-1]) / 2
        starts[bits] = cell_starts(ends)
        thresholds[bits, : len(ends)] = ends
        values[bits, : len(gaussian)] = gaussian
    return starts, thresholds, values


@functools.cache
def integer_levels() -> IntegerLevels:
    """The levels as integers for the scan: as far apart as they are, up to rounding.

    Up to three bits take the small numbers that fit best, so that sums of 16 bits last for several rows; beyond,
    levels go up to 127. A step is about equal in all, which keeps the weights of queries of similar size.
    """
    table = np.zeros((ALPHABETS, 256), np.uint8)
    tops, units = np.zeros(ALPHABETS, np.int32), np.zeros(ALPHABETS, np.float32)
    words, word_units = np.zeros((ALPHABETS, 256), np.int16), np.zeros(ALPHABETS, np.float32)
    for bits in range(1, MOST_BITS + 1):
        tried = {1: range(8, 9), 2: range(16, 32), 3: range(32, 64)}.get(bits, range(MAX_LEVEL - 1, MAX_LEVEL + 1))
        _, tops[bits], units[bits], table[bits, : 2**bits] = min(
            (as_bytes(levels(bits), top) for top in tried), key=lambda fit: fit[0]
        )
        word_units[bits] = levels(bits)[-1] / MAX_WORD
        words[bits, : 2**bits] = np.rint(levels(bits) / word_units[bits])
    return IntegerLevels(table, tops, units, words, word_units, np.zeros((7, 16), np.uint8))


def as_bytes(real: np.ndarray, top: int) -> tuple[float, int, float, np.ndarray]:
    """Squared error, top, unit and bytes such that ``(2 bytes - top) * unit`` is near ``real``, symmetric about 0."""
    integers = np.rint((real / np.abs(real).max() + 1) * top / 2 - 1e-9 * np.sign(real))
    odd = 2 * integers - top
    unit = float(odd @ real / (odd @ odd))
    return float(((odd * unit - real) ** 2).sum()), top, unit, integers.astype(np.uint8)


class Scalable(Protocol):
    """Encodes centered vectors; a factor for each is chosen afterwards."""

    @property
    def mean(self) -> np.ndarray: ...

    def mapped(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (n, dim) in the coordinates of :meth:`decode`, orthonormal."""

    def encode(self, centered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Codes (n, size) uint8 of centered vectors, and (n, 3) float64: <y, h>, <h, h> and <y, y> of the decoded h
        that a factor is to multiply and of the y that it then stands for."""

    def decode(self, codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """Vectors (n, coordinates) float32 of codes (n, >= size) uint8 and their factors (n,) float32."""

    def vectors(self, codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """As :meth:`decode`, as centered vectors (n, dim) float32."""


@dataclass(frozen=True)
class Quantizer:
    """Levels along rotated axes.

    Attributes
    ----------
    mean : (dim,) float32
    matrix : (dim, groups * 8) float32
        Orthonormal columns, those of groups without bits left out.
    bits : (groups,) uint8
        1..8, falling.
    spreads : (groups,) float32
        Standard deviations.
    size_power : float
        Power of a vector's size by which it is divided before it is coded, since a factor of the levels restores it:
        0.5, or 1 for vectors of different lengths (:func:`methods.transform.transform_coding.choice.size_power`).
    steps : (count,) float32, optional
        Factors; the nearest stands in for such a power (:func:`~methods.encoding.factor_byte.at_steps`).
    """

    mean: np.ndarray
    matrix: np.ndarray
    bits: np.ndarray
    spreads: np.ndarray
    size_power: float = 0.5
    steps: np.ndarray | None = None

    @classmethod
    def choose(
        cls,
        mean: np.ndarray,
        matrix: np.ndarray,
        variances: np.ndarray,
        total: int,
        gamma: float,
        size_power: float = 0.5,
    ) -> Self:
        """``total`` bits of groups allocated to all rotated axes, those of full groups evened, by falling bits."""
        bits = allocate(variances, total, gamma, cls.errors())
        if len(full := full_groups(bits, variances)):
            matrix, variances = evened_groups(matrix, variances, full)
        order = np.argsort(-bits, kind="stable")[: int((bits > 0).sum())]
        columns = (order[:, None] * GROUP + np.arange(GROUP)).ravel()
        spreads = np.sqrt(np.maximum(variances[order], LEAST_SPREAD**2 * max(float(variances.max()), 1e-30)))
        kept = np.ascontiguousarray(matrix[:, columns])
        return cls(mean, kept, bits[order].astype(np.uint8), spreads.astype(np.float32), size_power)

    @classmethod
    def of_parts(cls, mean: np.ndarray, parts: dict[str, np.ndarray], **fields: Any) -> Self:
        """The quantizer with these :meth:`parts`, and with their ``size_power`` (1,) if there is one."""
        if "size_power" in parts:
            fields["size_power"] = float(parts["size_power"][0])
        return cls(mean, parts["matrix"], parts["bits"], parts["spreads"], **fields)

    def parts(self) -> dict[str, np.ndarray]:
        """``matrix``, ``bits`` and ``spreads``."""
        return {"matrix": self.matrix, "bits": self.bits, "spreads": self.spreads}

    @classmethod
    def errors(cls) -> np.ndarray:
        """Mean squared errors (9,) with 0..8 bits."""
        return distortions()

    @classmethod
    def integer_levels(cls) -> IntegerLevels:
        """What the scan multiplies queries with."""
        return integer_levels()

    @property
    def alphabets(self) -> np.ndarray:
        """Which of the integer levels each group has."""
        return self.bits

    @property
    def code_size(self) -> int:
        return int(self.bits.sum())

    def mapped(self, vectors: np.ndarray) -> np.ndarray:
        """Vectors (n, dim) in the coordinates of :meth:`decode`."""
        return vectors @ self.matrix

    def encode(self, centered: np.ndarray, equalize: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """Codes (n, code_size) uint8 of centered vectors y, and (n, 3) float64: <y, h>, <h, h> and <y, y>.

        ``equalize``: vectors are brought nearer to one size along the axes before they are coded: levels are made for
        values of one size, but large errors of large vectors count too. Of vectors of similar lengths the square root
        of the size finds most among none, itself and its root. Axes along which training vectors do not vary tell
        nothing of a size: zeros there would halve it, and what other vectors have there would be all of it.
        """
        values = self._values(centered)
        sizes = np.ones(len(values), np.float32)
        if equalize:
            sizes = self._sizes(values)
            sizes = at_steps((np.where(sizes > 0, sizes, 1) ** self.size_power).astype(np.float32), self.steps)
        codes, sums = self._encode_values(values / sizes[:, None])
        squares = np.einsum("ij,ij->i", centered, centered, dtype=np.float64)
        return codes, np.stack([sums[:, 0] * sizes, sums[:, 1], squares], axis=1)

    def encode_sized(self, centered: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Codes (n, code_size) uint8 of centered vectors at the nearest of ``sizes``, ascending, and its place (n,)."""
        values = self._values(centered)
        places = nearest(np.log(sizes, dtype=np.float64), np.log(np.maximum(self._sizes(values), _LEAST_SIZE)))
        return self._encode_values(values / sizes[places, None])[0], places.astype(np.uint8)

    def sizes(self, centered: np.ndarray) -> np.ndarray:
        """Sizes (n,) float64 of centered vectors along the axes: 1 is what the levels are made for."""
        return self._sizes(self._values(centered))

    def _sizes(self, values: np.ndarray) -> np.ndarray:
        """Of values (n, groups * 8)."""
        scaled = values / np.repeat(self.spreads, GROUP)
        vary = varying(self.spreads)
        if not vary.all():
            scaled = scaled[:, np.repeat(vary, GROUP)]
        return np.sqrt(np.einsum("ij,ij->i", scaled, scaled, dtype=np.float64) / scaled.shape[1])

    def _values(self, centered: np.ndarray) -> np.ndarray:
        """Values (n, groups * 8) float32 along the axes."""
        return centered @ self.matrix

    def _encode_values(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Codes (n, code_size) uint8 of values, and (n, 2) float64: their products with h, and <h, h>."""
        codes, sums = np.empty((len(values), self.code_size), np.uint8), np.empty((len(values), 2))
        encode_levels(values, self.bits.astype(np.int64), self.spreads, *scalar_tables(), codes, sums)
        return codes, sums

    def decode(self, codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """Vectors (n, groups * 8) float32 of codes (n, >= code_size) uint8, in rotated coordinates."""
        return self.levels(codes) * factors[:, None]

    def vectors(self, codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
        """Centered vectors (n, dim) float32 of codes and their factors."""
        return self.decode(codes, factors) @ self.matrix.T

    def levels(self, codes: np.ndarray) -> np.ndarray:
        """h (n, groups * 8) float32: what codes (n, >= code_size) uint8 say before their factors."""
        values = np.empty((len(codes), GROUP * len(self.bits)), np.float32)
        decode_levels(codes, self.bits.astype(np.int64), self.spreads, scalar_tables()[2], values)
        return values


def encode_scaled(quantizer: Scalable, rule: str, centered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes of centered vectors (n, dim), and their factors (n,) float32 by a rule of :mod:`~.scales`."""
    codes, products = quantizer.encode(centered)
    return codes, scales.factors(rule, products)
