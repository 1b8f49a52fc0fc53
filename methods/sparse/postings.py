"""An inverted index as packed bytes: of each term, the texts that have it and the weights, in few bits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from methods.errors import BudgetError, MethodError
from methods.kernels import postings as kernel
from methods.sparse.bm25 import Weights
from methods.sparse.words import hash_of, words

__all__ = ["Postings"]

_MOST_BITS = 16
_MOST_TIMES = 1_000  # that a repeated word of a query counts: sums have 32 bits
_LEVELS_NBYTES = 8


@dataclass(frozen=True)
class Postings:
    """The postings of some texts, ready to be searched.

    The weight of a posting is its term's rarity, which follows from the numbers of texts and of postings, times one of
    ``2**bits`` evenly spaced levels. The layout is that of :mod:`methods.kernels.postings`. The vocabulary holds bits
    of hashes and no words: a query's word that is in no text has a term's hash in one case of 4,096 at most.

    Attributes
    ----------
    texts, bits : int
        Texts; bits of a weight.
    count : int
        Postings.
    stream : (m,) uint64
        Vocabulary and postings.
    starts : (buckets + 1,) uint32 or uint64
        First byte of each bucket of the vocabulary.
    levels : (2,) float32
        The lowest level and the step to the next.
    """

    texts: int
    bits: int
    count: int
    stream: np.ndarray
    starts: np.ndarray
    levels: np.ndarray

    @classmethod
    def build(cls, weights: Weights, bits: int = 8, most_bytes: float | None = None) -> Postings:
        """Pack ``weights``.

        Parameters
        ----------
        weights : Weights
        bits : int
            From 1 to 16, of a weight.
        most_bytes : float, optional
            Of everything. If they do not suffice, each text keeps its heaviest terms: as many as fit for all, and the
            next one of those texts in which it is heaviest.

        Raises
        ------
        MethodError
            ``bits`` is out of range.
        BudgetError
            Not even an empty index fits.
        """
        if not 1 <= bits <= _MOST_BITS:
            raise MethodError(f"bits={bits} of a weight is out of range; use 1 to {_MOST_BITS}")
        low, high = float(weights.saturation.min()), float(weights.saturation.max())
        levels = np.array([low, (high - low) / (2**bits - 1)], np.float32)
        level = np.rint((weights.saturation - low) / max(levels[1], np.finfo(np.float32).tiny)).astype(np.int64)
        order = _by_rank(weights)

        def lists(kept: int) -> _Lists:
            return _Lists.of(weights, np.sort(order[:kept]), level)

        kept = len(order)
        if most_bytes is not None and lists(kept).nbytes(bits) > most_bytes:
            fit, kept = 0, kept - 1
            while fit < kept:
                middle = (fit + kept + 1) // 2
                fit, kept = (middle, kept) if lists(middle).nbytes(bits) <= most_bytes else (fit, middle - 1)
            if not kept:
                raise BudgetError("an index of postings", int(most_bytes), lists(1).nbytes(bits))
        return cls(weights.texts, bits, kept, *lists(kept).packed(bits), levels)

    def parts(self) -> dict[str, np.ndarray]:
        """Everything that is stored, by name."""
        return {"stream": self.stream, "starts": self.starts, "levels": self.levels}

    @property
    def nbytes(self) -> int:
        """Bytes of all that is stored, the vocabulary included."""
        return sum(int(array.nbytes) for array in self.parts().values())

    def search(self, queries: Sequence[str], k: int) -> tuple[np.ndarray, np.ndarray]:
        """The ``k`` texts with the largest sums of weights over the words of each query, a repeated word repeatedly.

        Returns
        -------
        scores : (nq, k) float32
            Best first; padded with 0 where fewer texts have a word of the query. Multiples of 1/4096.
        ids : (nq, k) int64
            Padded with -1. Texts of equal score: the first of them first.
        """
        first = np.zeros(len(queries) + 1, np.int64)
        keys: list[int] = []
        times: list[int] = []
        shift = 64 - kernel.FINGERPRINT_BITS - self.bucket_bits
        for row, query in enumerate(queries):
            terms = Counter(hash_of(word) >> shift for word in words(query))
            keys += terms.keys()
            times += (min(count, _MOST_TIMES) for count in terms.values())
            first[row + 1] = len(keys)
        arrays = np.array(keys, np.int64), np.array(times, np.int64)
        levels = self.levels.astype(np.float64)
        sums, ids = kernel.search(
            self.stream, self.starts, self.texts, self.bits, levels, first, *arrays, min(k, self.texts)
        )
        scores = (sums / kernel.SCALE).astype(np.float32)
        if k <= self.texts:
            return scores, ids
        pad = ((0, 0), (0, k - self.texts))
        return np.pad(scores, pad), np.pad(ids, pad, constant_values=-1)

    @property
    def bucket_bits(self) -> int:
        """Bits of a hash that say its bucket."""
        return int(len(self.starts) - 1).bit_length() - 1

    def unpacked(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Of every posting (count,) the key of its term, how many texts have it, the text (int64), the level (float64).

        The weight is ``rarity * level``.
        """
        key, frequency, text, level = kernel.unpack(self.stream, self.starts, self.texts, self.bits, self.count)
        low, step = self.levels.astype(np.float64)
        return key, frequency, text, low + step * level


@dataclass(frozen=True)
class _Lists:
    """Postings that are kept, as the kernel takes them: terms by bucket, then by the length of their lists."""

    texts: int
    buckets: int
    key: np.ndarray
    extra: np.ndarray
    first: np.ndarray
    text: np.ndarray
    level: np.ndarray

    @classmethod
    def of(cls, weights: Weights, rows: np.ndarray, level: np.ndarray) -> _Lists:
        """Of the postings ``rows`` (ascending); ``level`` is that of every posting."""
        lengths = np.bincount(weights.term[rows], minlength=len(weights.keys))
        terms = np.lexsort((lengths, weights.keys >> kernel.FINGERPRINT_BITS))
        terms = terms[lengths[terms] > 0]
        place = np.zeros(len(weights.keys), np.int64)
        place[terms] = np.arange(len(terms))
        rows = rows[np.argsort(place[weights.term[rows]], kind="stable")]
        return cls(
            weights.texts,
            2**weights.bucket_bits,
            weights.keys[terms],
            weights.frequency[terms] - lengths[terms] + 1,
            np.concatenate([[0], np.cumsum(lengths[terms])]),
            weights.text[rows],
            level[rows],
        )

    def packed(self, bits: int) -> tuple[np.ndarray, np.ndarray]:
        """Stream and starts of :class:`Postings`."""
        stream, starts = self._empty(bits)
        kernel.pack(self.texts, bits, self.key, self.extra, self.first, self.text, self.level, stream, starts)
        return stream, starts

    def nbytes(self, bits: int) -> int:
        """Of everything that a packed index stores."""
        return sum(array.nbytes for array in self._empty(bits)) + _LEVELS_NBYTES

    def _empty(self, bits: int) -> tuple[np.ndarray, np.ndarray]:
        bucket = self.key >> kernel.FINGERPRINT_BITS
        needed = kernel.packed_bits(self.texts, bits, bucket, self.extra, self.first, self.text)
        stream = np.zeros(-(-needed // 64) + 1, np.uint64)  # the last is read with a number that ends before it
        return stream, np.zeros(self.buckets + 1, np.uint32 if needed < 8 * 2**32 else np.uint64)


def _by_rank(weights: Weights) -> np.ndarray:
    """Postings (p,): the heaviest of every text, then all second ones, and so on; of one rank the heaviest first."""
    weight = weights.weight
    of_text = np.lexsort((-weight, weights.text))
    begin = np.searchsorted(weights.text[of_text], np.arange(weights.texts))
    rank = np.empty(len(of_text), np.int64)
    rank[of_text] = np.arange(len(of_text)) - begin[weights.text[of_text]]
    return np.lexsort((-weight, rank))
