"""A positive factor a document, stored in one or two bytes and applied inside a scan."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.errors import KernelError
from methods.kernels.scanning.layout import blocked
from methods.kernels.simd.planar_tile import BLOCK

__all__ = ["Scales", "expand", "logarithmic", "nearest_logarithmic"]

_NO_TABLE = np.ones(256, np.float32)


def logarithmic(low: float, high: float) -> np.ndarray:
    """Table (256,) float32 of factors in equal ratios from ``low`` to ``high``, both positive.

    A factor rounded to its nearest entry is off by at most (high / low)^(1/510) - 1: 0.14 % where high = 2 low.
    """
    if not 0 < low <= high < np.inf:
        raise KernelError(f"a logarithmic scale needs 0 < low <= high, not low={low}, high={high}")
    return np.exp(np.linspace(np.log(low), np.log(high), 256)).astype(np.float32)


def nearest_logarithmic(factors: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Entries (n,) uint8 of :func:`logarithmic`'s ``table`` nearest (in ratio) to ``factors`` (n,)."""
    low, high = np.log(table[[0, -1]].astype(np.float64))
    step = (high - low) / 255 or 1.0
    return np.clip(np.rint((np.log(factors.astype(np.float64)) - low) / step), 0, 255).astype(np.uint8)


class Scales:
    """Factors of ``n`` documents in blocks of 64.

    Parameters
    ----------
    values : None, (n,) float16 or (n,) uint8
        No factors; the factors; or entries of ``table``.
    table : (256,) float32, optional
        Needed for uint8.
    n : int
        Number of documents.
    """

    def __init__(self, values: np.ndarray | None, table: np.ndarray | None, n: int) -> None:
        self.bytes_each = 0 if values is None else values.dtype.itemsize
        self.entries = np.empty((0, BLOCK), np.uint8)
        self.halves = np.empty((0, BLOCK), np.uint16)
        self.table = _NO_TABLE
        if values is None:
            return
        if values.shape != (n,) or values.dtype not in (np.float16, np.uint8):
            raise KernelError(f"scale must be float16 or uint8 of shape ({n},), not {values.dtype} of {values.shape}")
        if values.dtype == np.float16:
            self.halves = blocked(values).view(np.uint16)
        elif table is None or table.shape != (256,) or table.dtype != np.float32:
            raise KernelError("a uint8 scale needs scale_table, (256,) float32: the factor of each entry")
        else:
            self.entries, self.table = blocked(values), np.ascontiguousarray(table)

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What :func:`expand` reads: entries, halves (one of them or both empty), table."""
        return self.entries, self.halves, self.table

    @property
    def nbytes(self) -> int:
        return self.entries.nbytes + self.halves.nbytes


@njit(cache=True, nogil=True)
def expand(block: int, entries: np.ndarray, halves: np.ndarray, table: np.ndarray, out: np.ndarray) -> np.float32:
    """Factors of one block into ``out`` (64,) float32, left as it is where there are none; the largest of them.

    Where there are none, ``out`` must hold ones. Negative factors make the largest one negative or right.
    """
    if len(entries):
        # Four maxima: a single one waits for itself, and takes three times as long.
        most = second = third = fourth = np.float32(-np.inf)
        for doc in range(0, BLOCK, 4):
            a, b = table[entries[block, doc]], table[entries[block, doc + 1]]
            c, d = table[entries[block, doc + 2]], table[entries[block, doc + 3]]
            out[doc], out[doc + 1], out[doc + 2], out[doc + 3] = a, b, c, d
            if a > most:
                most = a
            if b > second:
                second = b
            if c > third:
                third = c
            if d > fourth:
                fourth = d
        return max(max(most, second), max(third, fourth))
    if len(halves):
        # A half's exponent and fraction, shifted into a float's place, are the value times 2^-112, exactly.
        up = np.float32(2.0**112)
        top = np.int16(-32768)
        for doc in range(BLOCK):
            half = np.uint32(halves[block, doc])
            top = max(top, np.int16(half))  # halves order as their bits do, negative ones backwards
            bits = ((half & np.uint32(0x7FFF)) << np.uint32(13)) | ((half & np.uint32(0x8000)) << np.uint32(16))
            out[doc] = np.uint32(bits).view(np.float32) * up
        return np.float32(-1) if top < 0 else np.uint32(np.uint32(top) << np.uint32(13)).view(np.float32) * up
    return np.float32(1)
