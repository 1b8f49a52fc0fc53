"""Ids of codes that do not lie in the order of their ids: how wide they are stored."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from methods.errors import MethodError

__all__ = ["WIDTHS", "RowIds", "id_bits"]

WIDTHS = ("packed", "int32", "int64", "elias_fano", "none")
_PACKED_AT_ONCE = 1 << 15  # ids, a multiple of 8, so that each block ends with a whole byte
_WORD = 8  # bytes read for a packed id
_SAMPLED = 512  # ids from one whose place among the upper bits is kept to the next: an eighth of a bit each


class RowIds:
    """The id of each row.

    Parameters
    ----------
    ids : (n,) int64
        A permutation of 0..n-1.
    width : {"packed", "int32", "int64", "elias_fano", "none"}
        ``packed``: as many bits as the largest id needs. ``elias_fano``: a list's ids ascend, so that two to three bits
        more than the number of lists needs are enough (Elias 1974; Vigna, "Quasi-succinct indices", WSDM 2013).
        ``none``: the caller takes over the order of the rows, so that nothing is stored; the permutation is kept for
        whoever judges results, and counts nowhere.
    offsets : (lists + 1,) int64, optional
        The row at which each list begins, and ``n``; needed for ``elias_fano``.

    Attributes
    ----------
    nbytes : int
        What is stored.
    """

    def __init__(self, ids: np.ndarray, width: str = "packed", offsets: np.ndarray | None = None) -> None:
        if width not in WIDTHS:
            raise MethodError(f"ids={width!r} is unknown; use one of {', '.join(WIDTHS)}")
        if width == "int32" and len(ids) > 2**31:
            raise MethodError(f"ids=int32 cannot number {len(ids):,} vectors; use packed or int64")
        self.width, self._count = width, len(ids)
        if width == "elias_fano":
            self._fill_elias_fano(ids, np.array([0, len(ids)]) if offsets is None else offsets)
            return
        self._bits = bits = int(id_bits(len(ids), width))
        self._ids = _packed(ids, bits) if width == "packed" else ids.astype(np.int32 if width == "int32" else np.int64)
        self.nbytes = 0 if width == "none" else -(-len(ids) * bits // 8)

    def _fill_elias_fano(self, ids: np.ndarray, offsets: np.ndarray) -> None:
        """Ids plus the number of vectors times the list: one ascending sequence."""
        n, lists = len(ids), len(offsets) - 1
        rising = ids + n * np.repeat(np.arange(lists), np.diff(offsets))
        if (np.diff(rising) <= 0).any():
            raise MethodError("ids=elias_fano needs ids that ascend in every list")
        self._bits = lists.bit_length() - 1
        places = (rising >> self._bits) + np.arange(n)
        upper = np.zeros(int(places[-1]) + 1 if n else 0, bool)
        upper[places] = True
        self._ids = _packed(rising & ((1 << self._bits) - 1), self._bits)
        words = np.zeros(-(-len(upper) // 64) * 8, np.uint8)
        words[: -(-len(upper) // 8)] = np.packbits(upper, bitorder="little")
        self._upper, self._places = words.view("<u8").astype(np.uint64), places[::_SAMPLED].astype(np.int64)
        self.nbytes = -(-n * self._bits // 8) + self._upper.nbytes + self._places.nbytes

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Ids, int64 and of the same shape, of ``rows`` (nq, k) int64; -1 of -1."""
        if self.width == "elias_fano":
            return _from_elias_fano(self._ids, self._bits, self._upper, self._places, self._count, rows)
        if self.width == "packed":
            return _unpacked(self._ids, self._bits, rows)
        ids = self._ids[np.maximum(rows, 0)].astype(np.int64) if len(self._ids) else np.zeros(rows.shape, np.int64)
        return np.where(rows < 0, -1, ids)


@njit(cache=True, nogil=True)
def _field(packed: np.ndarray, bits: int, row: int) -> Any:
    """What stands at ``row`` of :func:`_packed` integers, int64."""
    at, word = row * bits, np.uint64(0)
    for byte in range(_WORD):
        word |= np.uint64(packed[(at >> 3) + byte]) << np.uint64(8 * byte)
    return np.int64(word >> np.uint64(at & 7) & ((np.uint64(1) << np.uint64(bits)) - np.uint64(1)))


@njit(cache=True, nogil=True)
def _unpacked(packed: np.ndarray, bits: int, rows: np.ndarray) -> np.ndarray:
    """What stands at ``rows`` (nq, k) of :func:`_packed` ids; -1 at -1."""
    ids = np.full(rows.shape, -1)
    for query in range(rows.shape[0]):
        for place in range(rows.shape[1]):
            if rows[query, place] >= 0:
                ids[query, place] = _field(packed, bits, rows[query, place])
    return ids


@njit(cache=True, nogil=True)
def _from_elias_fano(
    lower: np.ndarray, bits: int, upper: np.ndarray, sampled: np.ndarray, n: int, rows: np.ndarray
) -> np.ndarray:
    """As :func:`_unpacked`: the upper bits of row ``r`` are the place of the r-th set bit of ``upper``, less ``r``."""
    ids = np.full(rows.shape, -1)
    for query in range(rows.shape[0]):
        for place in range(rows.shape[1]):
            row = rows[query, place]
            if row < 0:
                continue
            at, left = sampled[row // _SAMPLED], row % _SAMPLED  # set bits to pass
            number, first = at // 64, np.uint64(at % 64)
            word = np.uint64(upper[number] >> first << first)
            count = _ones(word)
            while left >= count:
                left -= count
                number += 1
                word = np.uint64(upper[number])
                count = _ones(word)
            for _ in range(left):
                word = np.uint64(word & (word - np.uint64(1)))
            below = np.uint64((word & (~word + np.uint64(1))) - np.uint64(1))  # ones under the lowest set bit
            high = 64 * number + _ones(below) - row
            ids[query, place] = ((high << bits) | _field(lower, bits, row)) % n
    return ids


@njit(cache=True, nogil=True)
def _ones(word: np.uint64) -> Any:
    """Bits set in a word, int64."""
    pairs = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    fours = (pairs & np.uint64(0x3333333333333333)) + ((pairs >> np.uint64(2)) & np.uint64(0x3333333333333333))
    eights = (fours + (fours >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((eights * np.uint64(0x0101010101010101)) >> np.uint64(56))


def id_bits(n: int, width: str, lists: int = 1) -> float:
    """Bits of each of ``n`` ids, of ``lists`` lists: of ``elias_fano`` at most."""
    if width == "elias_fano":
        lower = lists.bit_length() - 1
        return lower + 1 + lists / (1 << lower) + 64 / _SAMPLED + (128 / n if n else 0)
    return {"packed": max(1, (n - 1).bit_length()) if n else 0, "int32": 32, "int64": 64, "none": 0}[width]


def _packed(ids: np.ndarray, bits: int) -> np.ndarray:
    """Ids of so many bits one after the other, the lowest bit first, then the bytes that reading the last touches."""
    out = np.zeros(-(-len(ids) * bits // 8) + _WORD, np.uint8)
    for start in range(0, len(ids) if bits else 0, _PACKED_AT_ONCE):
        block = ids[start : start + _PACKED_AT_ONCE, None] >> np.arange(bits) & 1
        packed = np.packbits(block.astype(np.uint8).ravel(), bitorder="little")
        out[start * bits // 8 :][: len(packed)] = packed
    return out
