"""Postings as one stream of bits, and sums of their weights for the terms of a query, a term at a time.

A stream of 64-bit words, filled from the low bit on. Terms lie in buckets by the first bits of their key; a bucket
begins with a whole byte and holds the number of its terms and, ascending by the length of their lists, for each:

    16 bits                      the rest of the key
    gamma                        postings, n
    gamma                        1 + how many more texts have the term, whose postings were left out
    n times ``bits``             levels of the weights
    n times Rice                 gaps between texts, less 1

No length of a list is stored: those before the one that is looked for are passed over, and are no longer than it. The
parameter of the Rice code follows from n (Witten, Moffat and Bell, Managing Gigabytes, section 3.3).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels import topk

__all__ = ["FINGERPRINT_BITS", "SCALE", "pack", "packed_bits", "rarity", "search", "unpack"]

FINGERPRINT_BITS = 16  # of a key that are stored; its bucket stands for the others
SCALE = 4096  # a weight of 1 as an integer: sums of integers do not depend on the order of terms
_ESCAPE, _RAW = 24, 32  # so many ones announce a gap in so many plain bits
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)  # its products with powers of two differ in their upper 6 bits
_PLACE = np.empty(64, np.int64)
_PLACE[(_DE_BRUIJN << np.arange(64, dtype=np.uint64)) >> np.uint64(58)] = np.arange(64)


@njit(cache=True)
def rarity(texts: int, frequency: np.ndarray) -> np.ndarray:
    """``log(1 + (texts - frequency + 1/2) / (frequency + 1/2))``, (v,) float64."""
    return np.log(1.0 + (texts - frequency + 0.5) / (frequency + 0.5))


@njit(cache=True, inline="always")
def _log2(number: int) -> int:
    """Rounded down; of 0 too."""
    bits = 0
    while number > 1:
        number >>= 1
        bits += 1
    return bits


@njit(cache=True, inline="always")
def _rice(texts: int, postings: int) -> int:
    """Low bits of a gap: about log2 of ln 2 times the mean gap."""
    return _log2((texts * 11) // (postings * 16))


@njit(cache=True, inline="always")
def _gap_bits(gap: int, low: int) -> int:
    ones = gap >> low
    return ones + 1 + low if ones < _ESCAPE else _ESCAPE + _RAW


@njit(cache=True)
def packed_bits(
    texts: int, bits: int, bucket: np.ndarray, extra: np.ndarray, first: np.ndarray, text: np.ndarray
) -> int:
    """Bits that :func:`pack` needs for the same lists, in any order of their buckets' terms."""
    total, last, inside = 0, -1, 0
    for term in range(len(bucket)):
        if bucket[term] != last:
            if last >= 0:
                total = (total + 2 * _log2(inside + 1) + 1 + 7) & ~7
            last, inside = bucket[term], 0
        inside += 1
        postings = first[term + 1] - first[term]
        low, before = _rice(texts, postings), -1
        total += FINGERPRINT_BITS + 2 * _log2(postings) + 1 + 2 * _log2(extra[term]) + 1 + postings * bits
        for at in range(first[term], first[term + 1]):
            total += _gap_bits(text[at] - before - 1, low)
            before = text[at]
    return (total + 2 * _log2(inside + 1) + 1 + 7) & ~7


@njit(cache=True)
def _put(words: np.ndarray, at: int, value: int, count: int) -> int:
    """Write ``value``, which has at most ``count`` bits, as so many; the place after them."""
    place, shift = at >> 6, np.uint64(at & 63)
    words[place] |= np.uint64(value) << shift
    if (at & 63) + count > 64:
        words[place + 1] |= np.uint64(value) >> (np.uint64(64) - shift)
    return at + count


@njit(cache=True)
def _put_gamma(words: np.ndarray, at: int, value: int) -> int:
    low = _log2(value)
    at = _put(words, at, (1 << low) - 1, low + 1)
    return _put(words, at, value - (1 << low), low)


@njit(cache=True)
def pack(
    texts: int,
    bits: int,
    key: np.ndarray,
    extra: np.ndarray,
    first: np.ndarray,
    text: np.ndarray,
    level: np.ndarray,
    words: np.ndarray,
    starts: np.ndarray,
) -> int:
    """Write lists into ``words`` (zeros); ``starts`` takes the first byte of every bucket and the one after the last.

    Returns the bits written.

    Parameters
    ----------
    texts, bits : int
        Texts in all; bits of a level.
    key, extra : (v,) int64
        Ascending by bucket, then by postings; 1 + texts whose postings were left out.
    first : (v + 1,) int64
        Where the postings of each term begin in ``text`` and ``level``.
    text, level : (p,) int64
        Texts ascending within a term.
    """
    at, term = 0, 0
    for bucket in range(len(starts) - 1):
        at = (at + 7) & ~7
        starts[bucket] = at >> 3
        stop = term
        while stop < len(key) and key[stop] >> FINGERPRINT_BITS == bucket:
            stop += 1
        if stop == term:
            continue
        at = _put_gamma(words, at, stop - term + 1)
        for one in range(term, stop):
            postings = first[one + 1] - first[one]
            at = _put(words, at, key[one] & ((1 << FINGERPRINT_BITS) - 1), FINGERPRINT_BITS)
            at = _put_gamma(words, at, postings)
            at = _put_gamma(words, at, extra[one])
            for place in range(first[one], first[one + 1]):
                at = _put(words, at, level[place], bits)
            low, before = _rice(texts, postings), -1
            for place in range(first[one], first[one + 1]):
                gap = text[place] - before - 1
                before = text[place]
                ones = gap >> low
                if ones < _ESCAPE:
                    at = _put(words, at, (1 << ones) - 1, ones + 1)
                    at = _put(words, at, gap & ((1 << low) - 1), low)
                else:
                    at = _put(words, at, (1 << _ESCAPE) - 1, _ESCAPE)
                    at = _put(words, at, gap, _RAW)
        term = stop
    at = (at + 7) & ~7
    starts[-1] = at >> 3
    return at


@njit(cache=True, inline="always")
def _window(word: int, following: int, at: int) -> int:
    """The 63 bits from ``at`` on, of the word that it is in and the one after that."""
    # Words and not their array: numba would count a reference to it at every call. Shifted twice: by 64 is undefined.
    shift = np.uint64(at & 63)
    value = (word >> shift) | ((following << np.uint64(1)) << (np.uint64(63) - shift))
    return np.int64(value & np.uint64(0x7FFFFFFFFFFFFFFF))  # type: ignore[return-value]


@njit(cache=True, inline="always")
def _gamma(value: int) -> tuple[int, int]:
    """The number that a window begins with, and how many bits it takes."""
    low = _ones(value)
    return (1 << low) | ((value >> (low + 1)) & ((1 << low) - 1)), 2 * low + 1


@njit(cache=True, inline="always")
def _gap(value: int, low: int) -> tuple[int, int]:
    """The gap less 1 that a window begins with, and how many bits it takes."""
    ones = _ones(value)
    if ones >= _ESCAPE:
        return (value >> _ESCAPE) & ((1 << _RAW) - 1), _ESCAPE + _RAW
    return (ones << low) | ((value >> (ones + 1)) & ((1 << low) - 1)), ones + 1 + low


@njit(cache=True, inline="always")
def _ones(value: int) -> int:
    """How many bits are 1 before the first 0, from the lowest on."""
    zero = np.uint64(~value & (value + 1))
    return _PLACE[(zero * _DE_BRUIJN) >> np.uint64(58)]


@njit(cache=True)
def _begin(starts: np.ndarray, bucket: int) -> int:
    """The first bit of a bucket."""
    return np.int64(starts[bucket]) << 3  # type: ignore[return-value]


@njit(cache=True)
def _head(words: np.ndarray, at: int) -> tuple[int, int, int, int]:
    """Of the list at ``at``: the rest of its key, postings, 1 + those left out, and the place of its levels."""
    fingerprint = _window(words[at >> 6], words[(at >> 6) + 1], at) & ((1 << FINGERPRINT_BITS) - 1)
    at += FINGERPRINT_BITS
    postings, length = _gamma(_window(words[at >> 6], words[(at >> 6) + 1], at))
    at += length
    extra, length = _gamma(_window(words[at >> 6], words[(at >> 6) + 1], at))
    return fingerprint, postings, extra, at + length


@njit(cache=True)
def _add(
    words: np.ndarray,
    starts: np.ndarray,
    texts: int,
    bits: int,
    levels: np.ndarray,
    key: int,
    times: int,
    sums: np.ndarray,
) -> None:
    """Add ``times`` the weights of one term, if the vocabulary has it, to the ``sums`` (texts,) int32."""
    at = _begin(starts, key >> FINGERPRINT_BITS)
    rest, mask = key & ((1 << FINGERPRINT_BITS) - 1), (1 << bits) - 1
    if at == _begin(starts, (key >> FINGERPRINT_BITS) + 1):
        return
    terms, length = _gamma(_window(words[at >> 6], words[(at >> 6) + 1], at))
    at += length
    for _ in range(terms - 1):
        fingerprint, postings, extra, level_at = _head(words, at)
        at, low = level_at + postings * bits, _rice(texts, postings)
        if fingerprint != rest:
            for _ in range(postings):
                _, length = _gap(_window(words[at >> 6], words[(at >> 6) + 1], at), low)
                at += length
            continue
        frequency = postings + extra - 1
        factor = times * SCALE * np.log(1.0 + (texts - frequency + 0.5) / (frequency + 0.5))
        weights = np.rint(factor * (levels[0] + levels[1] * np.arange(1 << bits))).astype(np.int32)
        text = -1
        for _ in range(postings):
            gap, length = _gap(_window(words[at >> 6], words[(at >> 6) + 1], at), low)
            at += length
            text += gap + 1
            level = _window(words[level_at >> 6], words[(level_at >> 6) + 1], level_at) & mask
            sums[text] += weights[level]
            level_at += bits
        return


@njit(cache=True, nogil=True)
def search(
    words: np.ndarray,
    starts: np.ndarray,
    texts: int,
    bits: int,
    levels: np.ndarray,
    first: np.ndarray,
    keys: np.ndarray,
    times: np.ndarray,
    k: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Sums (nq, k) int64 and texts (nq, k) int64 of the largest sums above 0, 0 and -1 padded; ties: the smaller text.

    Parameters
    ----------
    words, starts, texts, bits
        As :func:`pack` has them; ``starts`` ends with the bytes of all buckets.
    levels : (2,) float64
        What the lowest level stands for, and the step to the next.
    first : (nq + 1,) int64
        Where the terms of each query begin in ``keys`` (int64) and ``times`` (how often the query has each).
    """
    nq = len(first) - 1
    sums, heaps = np.zeros(texts, np.int32), np.full((1, nq, k), topk.EMPTY)
    for query in range(nq):
        for place in range(first[query], first[query + 1]):
            _add(words, starts, texts, bits, levels, keys[place], times[place], sums)
        heap, least = heaps[0, query], 0
        for text in range(texts):
            if sums[text] > least:  # an equal sum of a later text is worse
                topk.push(heap, topk.distance_key(-sums[text], text))
                if heap[0] != topk.EMPTY:
                    least = -(heap[0] >> 32)
        sums[:] = 0
    sorted_keys, ids = topk.results(heaps, k)
    best = np.zeros(ids.shape, np.int64)
    for query in range(nq):
        for place in range(k):
            if ids[query, place] >= 0:
                best[query, place] = -(sorted_keys[query, place] >> 32)
    return best, ids


@njit(cache=True)
def unpack(
    words: np.ndarray, starts: np.ndarray, texts: int, bits: int, postings: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Key, frequency, text and level (postings,) int64 of every posting, in the order of the stream."""
    out = np.empty((4, postings), np.int64)
    done, mask = 0, (1 << bits) - 1
    for bucket in range(len(starts) - 1):
        at = _begin(starts, bucket)
        if at == _begin(starts, bucket + 1):
            continue
        terms, length = _gamma(_window(words[at >> 6], words[(at >> 6) + 1], at))
        at += length
        for _ in range(terms - 1):
            fingerprint, count, extra, level_at = _head(words, at)
            at, low, text = level_at + count * bits, _rice(texts, count), -1
            for _ in range(count):
                gap, length = _gap(_window(words[at >> 6], words[(at >> 6) + 1], at), low)
                at += length
                text += gap + 1
                out[0, done], out[1, done] = (bucket << FINGERPRINT_BITS) | fingerprint, count + extra - 1
                out[2, done] = text
                out[3, done] = _window(words[level_at >> 6], words[(level_at >> 6) + 1], level_at) & mask
                level_at += bits
                done += 1
    return out[0], out[1], out[2], out[3]
