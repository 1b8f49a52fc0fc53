"""BM25 as a sparse vector of each text: of every term, the weight with which a query's term counts.

Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009, equation 3.15; the logarithm of a
term's rarity is Lucene's, which is never negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from methods.errors import MethodError
from methods.kernels.postings import FINGERPRINT_BITS, rarity
from methods.sparse.words import count

__all__ = ["Weights", "bm25"]

_TERMS_A_BUCKET = 16  # at most, on average


@dataclass(frozen=True)
class Weights:
    """Sparse vectors of ``texts`` texts: a posting is a text that has a term, with a weight.

    The weight is ``rarity[term] * saturation``: the first factor is the term's, the second the posting's.

    Attributes
    ----------
    texts : int
    bucket_bits : int
        The vocabulary knows a term by the first ``bucket_bits + 16`` bits of its hash; terms that share them are one.
    keys : (v,) int64
        These bits of each term, ascending.
    frequency : (v,) int64
        Texts that have the term.
    term : (p,) int64
        Of each posting the row of ``keys``, ascending.
    text : (p,) int64
        Ascending within a term.
    saturation : (p,) float32
        ``tf (k1 + 1) / (tf + k1 (1 - b + b length / mean length))``.
    """

    texts: int
    bucket_bits: int
    keys: np.ndarray
    frequency: np.ndarray
    term: np.ndarray
    text: np.ndarray
    saturation: np.ndarray

    @property
    def weight(self) -> np.ndarray:
        """(p,) float64: the whole weight of each posting."""
        return rarity(self.texts, self.frequency)[self.term] * self.saturation


def bm25(texts: Sequence[str], k1: float = 1.2, b: float = 0.75) -> Weights:
    """The sparse vectors of ``texts``.

    Parameters
    ----------
    texts : sequence of str
    k1 : float
        Above 0: how soon further occurrences of a term stop counting.
    b : float
        From 0 to 1: how much a longer text counts less.

    Raises
    ------
    MethodError
        A parameter is out of range, or no text has a term.
    """
    if not (0 < k1 < np.inf and 0 <= b <= 1):
        raise MethodError(f"k1={k1}, b={b} is out of range; use k1 above 0, and b from 0 to 1")
    counted = count(texts)
    if not len(counted.term):
        raise MethodError("no text has a word; BM25 needs at least one")
    bucket_bits = max(0, int(np.ceil(np.log2(len(counted.hashes) / _TERMS_A_BUCKET))))
    short = (counted.hashes >> np.uint64(64 - FINGERPRINT_BITS - bucket_bits)).astype(np.int64)
    keys, place = np.unique(short, return_inverse=True)
    pairs, merged = np.unique(place[counted.term] * len(texts) + counted.text, return_inverse=True)
    tf = np.bincount(merged, counted.count)
    term, text = np.divmod(pairs, len(texts))
    length = counted.lengths[text] / counted.lengths.mean()
    saturation = tf * (k1 + 1) / (tf + k1 * (1 - b + b * length))
    frequency = np.bincount(term, minlength=len(keys))
    return Weights(len(texts), bucket_bits, keys, frequency, term, text, saturation.astype(np.float32))
