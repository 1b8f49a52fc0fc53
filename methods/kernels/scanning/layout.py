"""Codes laid out for scanning: blocks of 64 documents, byte by byte or four bytes by four bytes. No bits are added."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.simd.planar_tile import BLOCK

__all__ = ["block_count", "blocked", "pad_tail", "padding", "planar", "quads", "unit_bytes", "unpack_nibbles"]


def block_count(n: int) -> int:
    """Blocks of 64 documents that hold ``n``."""
    return -(-n // BLOCK)


def padding(n: int, bytes_each: int) -> int:
    """Bytes that fill up the last block when every document takes ``bytes_each``."""
    return (block_count(n) * BLOCK - n) * bytes_each


def blocked(values: np.ndarray) -> np.ndarray:
    """(n, ...) values as (blocks, 64, ...), the last block filled up with zeros."""
    n = len(values)
    full = np.zeros((block_count(n) * BLOCK, *values.shape[1:]), values.dtype)
    full[:n] = values
    return full.reshape(-1, BLOCK, *values.shape[1:])


def planar(codes: np.ndarray, order: np.ndarray | None = None) -> np.ndarray:
    """Codes (n, size) uint8 as (blocks, size * 64) uint8: byte 0 of 64 documents, byte 1 of them, ...

    ``order`` (64,) says which document of a block comes first, second, ...; as they are by default.
    """
    size = codes.shape[1]
    out = np.empty((block_count(len(codes)), size * BLOCK), np.uint8)
    _transpose(codes, np.arange(BLOCK) if order is None else np.asarray(order, np.int64), out)
    return out


@njit(cache=True)
def _transpose(codes: np.ndarray, order: np.ndarray, out: np.ndarray) -> None:
    n, size = codes.shape
    for block in range(len(out)):
        for place in range(BLOCK):
            row = block * BLOCK + order[place]
            for byte in range(size):
                out[block, byte * BLOCK + place] = codes[row, byte] if row < n else np.uint8(0)


def unit_bytes(bits: int) -> int:
    """Bytes after which the pattern of ``bits`` bits a dimension repeats: 3 for three bits, else 1."""
    return 3 if bits == 3 else 1


def quads(codes: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes (n, size) uint8 with four units of each document side by side.

    A *unit* is the bytes after which the bit pattern repeats (:func:`unit_bytes`).

    Returns
    -------
    body : (blocks, groups * unit * 64) uint32
        Of every four units: byte 0 of the four (one word a document), then byte 1 of the four, ...
    tail : (blocks, rest * 64) uint8
        The bytes after the last four units, byte by byte.
    """
    unit = unit_bytes(bits)
    docs = blocked(codes)
    blocks, _, size = docs.shape
    groups = size // (4 * unit)
    cut = groups * 4 * unit
    body = docs[:, :, :cut].reshape(blocks, BLOCK, groups, 4, unit).transpose(0, 2, 4, 1, 3)
    words = body.copy().reshape(blocks, groups * unit * BLOCK * 4).view("<u4")
    tail = np.ascontiguousarray(docs[:, :, cut:].transpose(0, 2, 1)).reshape(blocks, (size - cut) * BLOCK)
    return words, tail


@njit(cache=True)
def unpack_nibbles(block: np.ndarray, out: np.ndarray) -> None:
    """A planar block (size * 64,) into its nibbles (2 * size * 64,): the high halves of a byte, then the low ones."""
    for byte in range(len(block) // BLOCK):
        source, high = byte * BLOCK, 2 * byte * BLOCK
        for doc in range(BLOCK):
            value = block[source + doc]
            out[high + doc] = value >> np.uint8(4)
            out[high + BLOCK + doc] = value & np.uint8(15)


@njit(cache=True)
def pad_tail(tail: np.ndarray, unit: int, out: np.ndarray) -> None:
    """The bytes of :func:`quads`' tail as one more group of words, (unit * 64,) uint32, missing bytes zero."""
    out[:] = 0
    for byte in range(len(tail) // BLOCK):
        first, shift = byte % unit * BLOCK, np.uint32(8 * (byte // unit))
        for doc in range(BLOCK):
            out[first + doc] |= np.uint32(tail[byte * BLOCK + doc]) << shift
