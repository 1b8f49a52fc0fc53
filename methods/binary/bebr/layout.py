"""How a code lies in memory: symbols packed most significant bit first, one byte for the factor, and what may follow.

A symbol c of ``bits`` bits stands for the odd level 2c - (2^bits - 1); divided by 2^(bits - 1) that is the recurrent
sum +-1 +- 1/2 +- 1/4 ... whose first sign is the symbol's highest bit (BEBR, section 3.2). The factor is what the
decoded levels are multiplied with (:mod:`methods.encoding.factor_byte`).
Under l2 two bytes follow, of half the squared length of what the levels decode to before the factor multiplies them
(:mod:`methods.encoding.squared_length`): a scan cannot tell it from the levels, and it varies little, so that two bytes
tell it exactly enough. Elsewhere an offset may follow, one byte or two (:mod:`methods.encoding.offset`), which takes
the place of symbols.
"""

from __future__ import annotations

import numpy as np

from methods.base import Metric
from methods.encoding.squared_length import SQUARE_BYTES

__all__ = [
    "extra_bytes",
    "levels",
    "pack",
    "ratio",
    "symbol_bytes",
    "symbols_of",
    "unpack",
]

_FACTOR_BYTES = 1


def extra_bytes(metric: Metric, scoring: str) -> int:
    """Bytes of a code after its symbols."""
    if scoring == "hamming":
        return 0
    return _FACTOR_BYTES + (SQUARE_BYTES if metric is Metric.L2 else 0)


def symbol_bytes(dim_code: int, bits: int) -> int:
    """Bytes of ``dim_code`` symbols of ``bits`` bits."""
    return (dim_code * bits + 7) // 8


def pack(symbols: np.ndarray, bits: int) -> np.ndarray:
    """Bytes (n, ceil(m bits / 8)) uint8 of symbols (n, m) uint8; the last byte is filled up with zeros."""
    planes = [(symbols >> shift) & 1 for shift in range(bits - 1, -1, -1)]
    return np.packbits(np.stack(planes, axis=2).reshape(len(symbols), symbols.shape[1] * bits), axis=1)


def unpack(packed: np.ndarray, dim_code: int, bits: int) -> np.ndarray:
    """Symbols (n, m) uint8 of the bytes that :func:`pack` made."""
    planes = np.unpackbits(packed, axis=1, count=dim_code * bits).reshape(len(packed), dim_code, bits)
    symbols = np.zeros((len(packed), dim_code), np.uint8)
    for plane in range(bits):
        symbols = symbols * np.uint8(2) + planes[:, :, plane]
    return symbols


def levels(symbols: np.ndarray, bits: int) -> np.ndarray:
    """Odd levels (n, m) float32 of symbols (n, m) uint8."""
    return 2 * symbols.astype(np.float32) - np.float32(2**bits - 1)


def symbols_of(levels: np.ndarray, bits: int) -> np.ndarray:
    """Symbols (n, m) uint8 of odd levels (n, m)."""
    return ((levels + np.float32(2**bits - 1)) * np.float32(0.5)).astype(np.uint8)


def ratio(norms: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Factors (n,) float32 that give decoded levels the norms of the vectors; 0 where they decode to nothing."""
    return np.divide(norms, decoded, out=np.zeros_like(norms), where=decoded > 0)
