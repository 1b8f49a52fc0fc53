"""Ids of codes that do not lie in the order of their ids: how wide they are stored."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.errors import MethodError

__all__ = ["WIDTHS", "RowIds"]

WIDTHS = ("packed", "int32", "int64", "none")
_PACKED_AT_ONCE = 1 << 15  # ids, a multiple of 8, so that each block ends with a whole byte
_WORD = 8  # bytes read for a packed id


class RowIds:
    """The id of each row.

    Parameters
    ----------
    ids : (n,) int64
        A permutation of 0..n-1.
    width : {"packed", "int32", "int64", "none"}
        ``packed``: as many bits as the largest id needs. ``none``: the caller takes over the order of the rows, so that
        nothing is stored; the permutation is kept for whoever judges results, and counts nowhere.

    Attributes
    ----------
    nbytes : int
        What is stored.
    """

    def __init__(self, ids: np.ndarray, width: str = "packed") -> None:
        if width not in WIDTHS:
            raise MethodError(f"ids={width!r} is unknown; use one of {', '.join(WIDTHS)}")
        if width == "int32" and len(ids) > 2**31:
            raise MethodError(f"ids=int32 cannot number {len(ids):,} vectors; use packed or int64")
        self.width, self.bits = width, id_bits(len(ids), width)
        self._ids = (
            _packed(ids, self.bits) if width == "packed" else ids.astype(np.int32 if width == "int32" else np.int64)
        )
        self.nbytes = 0 if width == "none" else -(-len(ids) * self.bits // 8)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Ids, int64 and of the same shape, of ``rows``; -1 of -1."""
        if self.width == "packed":
            return _unpacked(self._ids, self.bits, rows)
        ids = self._ids[np.maximum(rows, 0)].astype(np.int64) if len(self._ids) else np.zeros(rows.shape, np.int64)
        return np.where(rows < 0, -1, ids)


@njit(cache=True, nogil=True)
def _unpacked(packed: np.ndarray, bits: int, rows: np.ndarray) -> np.ndarray:
    """What stands at ``rows`` (nq, k) of :func:`_packed` ids; -1 at -1."""
    ids = np.full(rows.shape, -1)
    mask = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    for query in range(rows.shape[0]):
        for place in range(rows.shape[1]):
            if rows[query, place] >= 0:
                at, word = rows[query, place] * bits, np.uint64(0)
                for byte in range(_WORD):
                    word |= np.uint64(packed[(at >> 3) + byte]) << np.uint64(8 * byte)
                ids[query, place] = np.int64(word >> np.uint64(at & 7) & mask)
    return ids


def id_bits(n: int, width: str) -> int:
    """Bits of each of ``n`` ids."""
    return {"packed": max(1, (n - 1).bit_length()) if n else 0, "int32": 32, "int64": 64, "none": 0}[width]


def _packed(ids: np.ndarray, bits: int) -> np.ndarray:
    """Ids of so many bits one after the other, the lowest bit first, then the bytes that reading the last touches."""
    out = np.zeros(-(-len(ids) * bits // 8) + _WORD, np.uint8)
    for start in range(0, len(ids), _PACKED_AT_ONCE):
        block = ids[start : start + _PACKED_AT_ONCE, None] >> np.arange(bits) & 1
        packed = np.packbits(block.astype(np.uint8).ravel(), bitorder="little")
        out[start * bits // 8 :][: len(packed)] = packed
    return out
