"""Vectors of zeros among the vectors of documents: what batches of sets are padded with.

To Chamfer a vector of zeros is one whose product with every query vector is 0. A code of a dense method seldom says so:
it decodes to the nearest thing that the method knows, and under some methods to a vector as long as all others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from methods.base import Codec
from methods.multivector.base import OFFSET_BYTES

__all__ = ["Places", "ZeroCode", "split_zeros"]

_SAMPLE = 4096  # vectors whose codes are counted


@dataclass(frozen=True)
class ZeroCode:
    """The code of a dense method that is kept for vectors of zeros.

    Attributes
    ----------
    code : (code_size,) uint8
        The method's own code of zeros, where that decodes to zeros; else one byte repeated, of such codes the one
        that fewest vectors of training have.
    instead : (code_size,) uint8
        What any other vector gets for it: the code of the nearest other one of training, where some had it (in a
        code of one byte or two), else what differs in one bit.
    """

    code: np.ndarray
    instead: np.ndarray

    @classmethod
    def own(cls, codec: Codec) -> ZeroCode:
        """The code that a fitted codec has for zeros by itself."""
        code = codec.encode(np.zeros((1, codec.dim), np.float32))[0]
        return cls(code, code)

    @classmethod
    def choose(cls, codec: Codec, vectors: np.ndarray, seed: int, *, moved: bool = False) -> ZeroCode:
        """For a codec that was fitted on ``vectors`` (n, dim) float32, which are about another origin if ``moved``."""
        own = cls.own(codec)
        if not moved and codec.decodable and not codec.decode(own.code[None]).any():
            return own
        if len(vectors) > _SAMPLE:
            vectors = vectors[np.sort(np.random.default_rng(seed).choice(len(vectors), _SAMPLE, replace=False))]
        codes = codec.encode(vectors)
        repeated = (codes == codes[:, :1]).all(axis=1)
        counts = np.bincount(codes[repeated, 0], minlength=256)
        code = np.full(codec.code_size, 255 - counts[::-1].argmin(), np.uint8)
        chosen = cls(code, code ^ (np.arange(codec.code_size) == codec.code_size - 1))
        taken = chosen.among(codes)
        if not taken.any():
            return chosen
        distances = np.square(vectors - vectors[taken].mean(axis=0), dtype=np.float64).sum(axis=1)
        return cls(code, codes[np.where(taken, np.inf, distances).argmin()])

    @property
    def is_own(self) -> bool:
        """Whether it is the codec's own, which no other vector has to give way to."""
        return np.array_equal(self.code, self.instead)

    def among(self, codes: np.ndarray) -> np.ndarray:
        """(n,) bool: which of ``codes`` (n, code_size) uint8 stand for zeros."""
        matches = codes[:, 0] == self.code[0]
        few = np.flatnonzero(matches)
        matches[few] = (codes[few] == self.code).all(axis=1)
        return matches

    def encode(self, encode: Callable[[np.ndarray], np.ndarray], vectors: np.ndarray) -> np.ndarray:
        """Codes (n, code_size) uint8 of ``vectors`` (n, dim) float32, by what makes codes of others than zeros."""
        some = vectors.any(axis=1)
        codes = encode(vectors if some.all() else vectors[some])
        codes[self.among(codes)] = self.instead
        if len(codes) == len(vectors):
            return codes
        every_code = np.tile(self.code, (len(vectors), 1))
        every_code[some] = codes
        return every_code

    def decode(self, decode: Callable[[np.ndarray], np.ndarray], codes: np.ndarray, dim: int) -> np.ndarray:
        """Vectors (n, dim) float32 of ``codes`` (n, code_size) uint8, by what decodes others than that of zeros."""
        zeros = self.among(codes)
        if not zeros.any():
            return decode(codes)
        vectors = np.zeros((len(codes), dim), np.float32)
        vectors[~zeros] = decode(codes[~zeros])
        return vectors


class Places:
    """Where the codes of each document begin among codes of no zeros, and which documents have a vector of zeros.

    One such says as much as many. Which have one is the last bit of the eight bytes that a place takes.

    Parameters
    ----------
    offsets : (n + 1,) int64
        Codes ``offsets[i] : offsets[i + 1]`` are document i's; none, where all its vectors are zeros.
    zeros : (n,) bool
    """

    def __init__(self, offsets: np.ndarray, zeros: np.ndarray) -> None:
        self._both = offsets << 1
        self._both[:-1] |= zeros
        self.any_zeros = bool(zeros.any())

    @property
    def offsets(self) -> np.ndarray:
        return self._both >> 1

    @property
    def zeros(self) -> np.ndarray:
        return (self._both[:-1] & 1).astype(bool)

    @property
    def nbytes(self) -> int:
        return OFFSET_BYTES * len(self)

    def __len__(self) -> int:
        return len(self._both) - 1

    def take(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of the documents ``ids`` side by side: their codes' rows, where these go, and where each document begins.

        What no code goes to is a vector of zeros: one for each document that has any.
        """
        offsets, zeros = self.offsets, self.zeros[ids]
        sizes = np.diff(offsets)[ids]
        ends = np.cumsum(sizes)
        within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes)
        begins = np.concatenate([[0], np.cumsum(sizes + zeros)])
        return np.repeat(offsets[ids], sizes) + within, np.repeat(begins[:-1], sizes) + within, begins


def split_zeros(rows: np.ndarray, offsets: np.ndarray, zeros: np.ndarray) -> tuple[np.ndarray, Places]:
    """``rows`` (total, size) without those that are ``zeros`` (total,) bool, and the documents' places among them."""
    if not zeros.any():
        return rows, Places(offsets, np.zeros(len(offsets) - 1, bool))
    kept = np.concatenate([[0], np.cumsum(~zeros)])[offsets]
    return rows[~zeros], Places(kept, np.diff(kept) < np.diff(offsets))
