"""From texts to terms: lower case, runs of letters, digits and underscores; nothing is stemmed, no word is stopped."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

__all__ = ["Counts", "count", "hash_of", "words"]

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """The terms of a text, in their order, repeats included."""
    return _WORD.findall(text.lower())


def hash_of(word: str) -> int:
    """64 bits of BLAKE2b: the same on every machine. A vocabulary keeps the first of them instead of the word."""
    return int.from_bytes(blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


@dataclass(frozen=True)
class Counts:
    """How often each term stands in each text.

    Attributes
    ----------
    lengths : (n,) int64
        Terms of each text, repeats included.
    hashes : (v,) uint64
        :func:`hash_of` of each distinct term.
    term, text, count : (p,) int64
        Number of the term, number of the text, occurrences; each pair once, ascending by term, then by text.
    """

    lengths: np.ndarray
    hashes: np.ndarray
    term: np.ndarray
    text: np.ndarray
    count: np.ndarray


def count(texts: Sequence[str]) -> Counts:
    """The terms of ``texts``, counted."""
    numbers: dict[str, int] = {}
    lengths = np.zeros(len(texts), np.int64)
    every: list[np.ndarray] = []
    for row, text in enumerate(texts):
        terms = [numbers.setdefault(word, len(numbers)) for word in words(text)]
        lengths[row] = len(terms)
        every.append(np.array(terms, np.int64))
    term = np.concatenate(every) if every else np.empty(0, np.int64)
    pairs = term * max(1, len(texts)) + np.repeat(np.arange(len(texts)), lengths)
    pairs, occurrences = np.unique(pairs, return_counts=True)
    hashes = np.fromiter((hash_of(word) for word in numbers), np.uint64, len(numbers))
    return Counts(lengths, hashes, *np.divmod(pairs, max(1, len(texts))), occurrences)
