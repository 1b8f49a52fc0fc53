"""What codes take where the caller takes over an order that the codec chooses: a set of codes, not a sequence.

A vector's id is the place of its code. Where the caller stores its documents in an order that it is told, codes can lie
sorted, and a sorted sequence has fewer bits: of n different codes n! sequences are one set, so that log2(n!) / n bits
of a code, about log2(n / e), said nothing but the order. A caller that keeps ids of its own beside the codes pays
log2 n bits for each, more than it saves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

MOST_CODES = 1 << 24  # of which the order is looked at: sorting them takes seconds
_KEY_BITS = 64  # that are sorted by; 2^64 buckets are more than any set of codes can use


@dataclass(frozen=True)
class FreeOrder:
    """Bytes of a code if its place is of no meaning.

    Attributes
    ----------
    least : float
        What no lossless format goes below on average for random bytes, which a full code is nearly: ``code_size`` less
        log2(n! / (m1! m2! ...)) / 8n. Equal codes, m of one and the same, are one sequence in any order.
    stored : float
        Of codes sorted by their leading bits (:func:`packed`), everything counted.
    """

    least: float
    stored: float


@dataclass(frozen=True)
class SortedCodes:
    """Codes in the order of their leading bits, without these bits.

    Attributes
    ----------
    n, code_size : int
    bits : int
        Leading bits that are taken off each code.
    buckets : (-(-(n + 2^bits) // 8),) uint8
        One bit map, most significant bit first: for each of the 2^bits values of the leading bits a 1 for every code
        that has it, then a 0. Empty where ``bits`` is 0. (Elias-Fano without low bits, which stay in the code.)
    rest : (-(-n * (8 * code_size - bits) // 8),) uint8
        The codes' other bits, one code after the other.
    """

    n: int
    code_size: int
    bits: int
    buckets: np.ndarray
    rest: np.ndarray

    @property
    def nbytes(self) -> int:
        """Of bit map and codes."""
        return int(self.buckets.nbytes + self.rest.nbytes)


def free_order(codes: np.ndarray) -> FreeOrder | None:
    """Of all codes (n, code_size) uint8 of a run; None for none, and for more than 16 million."""
    n, size = codes.shape
    if not 0 < n <= MOST_CODES:
        return None
    return FreeOrder(size - order_bits(codes) / (8 * n), packed_nbytes(n, size, best_bits(n, size)) / n)


def order_bits(codes: np.ndarray) -> float:
    """log2 of how many sequences are the same set of codes (n, code_size) uint8: n! / (m1! m2! ...)."""
    log_factorials = math.lgamma(len(codes) + 1)
    for times, values in zip(*np.unique(_multiplicities(codes), return_counts=True)):
        log_factorials -= float(values) * math.lgamma(float(times) + 1)
    return log_factorials / math.log(2)


def best_bits(n: int, code_size: int) -> int:
    """Leading bits b with which :func:`packed` is smallest: it saves n b and adds n + 2^b bits, for any codes."""
    most = min(8 * code_size, _KEY_BITS, n.bit_length() + 1)
    return min(range(most + 1), key=lambda bits: packed_nbytes(n, code_size, bits))


def packed_nbytes(n: int, code_size: int, bits: int) -> int:
    """:attr:`SortedCodes.nbytes` of n codes without their ``bits`` leading bits."""
    return (-(-(n + (1 << bits)) // 8) if bits else 0) + -(-n * (8 * code_size - bits) // 8)


def packed(codes: np.ndarray, bits: int | None = None) -> SortedCodes:
    """Codes (n, code_size) uint8, sorted by their leading bits; equal ones keep their order.

    ``bits`` of at most 64 are taken off; None: as many as make it smallest.
    """
    n, size = codes.shape
    bits = best_bits(n, size) if bits is None else bits
    leading = _leading(codes) >> np.uint64(_KEY_BITS - bits) if bits else np.zeros(n, np.uint64)
    order = np.argsort(leading, kind="stable")
    buckets = np.zeros(n + (1 << bits), bool) if bits else np.zeros(0, bool)
    if bits:
        buckets[leading[order].astype(np.int64) + np.arange(n)] = True  # a 0 ends each of the buckets before
    rest = np.unpackbits(codes[order], axis=1)[:, bits:]
    return SortedCodes(n, size, bits, np.packbits(buckets), np.packbits(rest))


def unpacked(stored: SortedCodes) -> np.ndarray:
    """Codes (n, code_size) uint8 in their stored order."""
    n, size, bits = stored.n, stored.code_size, stored.bits
    all_bits = np.empty((n, 8 * size), np.uint8)
    all_bits[:, bits:] = np.unpackbits(stored.rest, count=n * (8 * size - bits)).reshape(n, 8 * size - bits)
    if bits:
        leading = np.flatnonzero(np.unpackbits(stored.buckets, count=n + (1 << bits))) - np.arange(n)
        all_bits[:, :bits] = leading[:, None] >> np.arange(bits - 1, -1, -1) & 1
    return np.packbits(all_bits, axis=1)


def _leading(codes: np.ndarray) -> np.ndarray:
    """First 64 bits of each code (n,) uint64, filled up with zeros."""
    first = np.zeros((len(codes), _KEY_BITS // 8), np.uint8)
    first[:, : codes.shape[1]] = codes[:, : first.shape[1]]
    return first.view(">u8").ravel().astype(np.uint64)


def _multiplicities(codes: np.ndarray) -> np.ndarray:
    """How often each code occurs; codes whose first 64 bits differ are not compared further."""
    keys = _leading(codes)
    values, times = np.unique(keys, return_counts=True)
    if codes.shape[1] <= _KEY_BITS // 8 or len(values) == len(codes):
        return times
    shared = np.ascontiguousarray(codes[np.isin(keys, values[times > 1])])
    repeats = np.unique(shared.view(f"V{codes.shape[1]}").ravel(), return_counts=True)[1]
    return np.concatenate([np.ones((times == 1).sum(), np.int64), repeats])
