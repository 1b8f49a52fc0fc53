"""Codes of 1 to 8 bits, packed without gaps and read at any place; and ranks in a bit map."""

from __future__ import annotations

import numpy as np

_WORD = 64


def packed_bytes(count: int, bits: int) -> int:
    """Bytes of ``count`` codes: whole bytes, and one more so that two can always be read."""
    return -(-count * bits // 8) + 1


def pack(codes: np.ndarray, bits: int) -> np.ndarray:
    """uint8 array of :func:`packed_bytes` of ``codes`` (any shape, in C order), each below 2^bits."""
    flat = np.ascontiguousarray(codes, np.uint8).reshape(-1, 1)
    planes = np.unpackbits(flat, axis=1, bitorder="little")[:, :bits]
    return np.append(np.packbits(planes.ravel(), bitorder="little"), np.uint8(0))


def unpack(packed: np.ndarray, places: np.ndarray, bits: int) -> np.ndarray:
    """uint8 codes at the given ``places`` (any shape)."""
    first = places * bits
    byte = first >> 3
    pairs = packed[byte].astype(np.uint16) | packed[byte + 1].astype(np.uint16) << np.uint16(8)
    return (pairs >> (first & 7).astype(np.uint16) & np.uint16((1 << bits) - 1)).astype(np.uint8)


def bitmap_bytes(count: int) -> int:
    """Bytes of a bit map of ``count`` flags with its ranks."""
    words = -(-count // _WORD)
    return 8 * words + 4 * words


def bitmap(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Words (uint64) of ``flags`` and the number of set flags before each (uint32)."""
    bits = np.packbits(np.pad(flags.astype(bool), (0, -len(flags) % _WORD)), bitorder="little")
    words = bits.view("<u8")
    counts = np.cumsum(np.bitwise_count(words), dtype=np.int64)
    return words, np.concatenate([[0], counts[:-1]]).astype(np.uint32)


def ranks(words: np.ndarray, before: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each of ``places`` is set, and how many set flags come before it (int64)."""
    word, bit = words[places // _WORD], (places % _WORD).astype(np.uint64)
    below = word & ((np.uint64(1) << bit) - np.uint64(1))
    return (word >> bit & np.uint64(1)).astype(bool), before[places // _WORD].astype(np.int64) + np.bitwise_count(below)


def smallest_unsigned(largest: int) -> np.dtype:
    """The smallest of uint8, uint16 and uint32 that holds ``largest``."""
    return np.dtype(np.uint8 if largest < 2**8 else np.uint16 if largest < 2**16 else np.uint32)
