"""Codes laid out for scanning: blocks of 64 documents, byte by byte or four bytes by four bytes. No bits are added.

Blocks begin at whole cache lines, as :func:`aligned` has them: a register of 512 bits that lies across two is read and
written in twice the time.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.simd.planar_tile import BLOCK

__all__ = [
    "aligned",
    "aligned_words",
    "block_count",
    "blocked",
    "pad_tail",
    "padding",
    "planar",
    "quads",
    "touched",
    "unit_bytes",
    "unpack_nibbles",
]

_LINE = 64  # bytes of a cache line


def aligned(shape: tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
    """An uninitialized array that begins at a whole cache line."""
    nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.empty(nbytes + _LINE, np.uint8)
    start = -room.ctypes.data % _LINE
    return room[start : start + nbytes].view(dtype).reshape(shape)


@njit(cache=True, nogil=True)
def aligned_words(count: int) -> np.ndarray:
    """(count,) uint32, uninitialized, as :func:`aligned`."""
    room = np.empty(count + _LINE // 4, np.uint32)
    start = -room.ctypes.data % _LINE // 4
    return room[start : start + count]


def block_count(n: int) -> int:
    """Blocks of 64 documents that hold ``n``."""
    return -(-n // BLOCK)


def padding(n: int, bytes_each: int) -> int:
    """Bytes that fill up the last block when every document takes ``bytes_each``."""
    return (block_count(n) * BLOCK - n) * bytes_each


def blocked(values: np.ndarray) -> np.ndarray:
    """(n, ...) values as (blocks, 64, ...), the last block filled up with zeros."""
    n = len(values)
    full = aligned((block_count(n) * BLOCK, *values.shape[1:]), values.dtype)
    full[:n], full[n:] = values, 0
    return full.reshape(-1, BLOCK, *values.shape[1:])


def planar(codes: np.ndarray, places: np.ndarray | None = None) -> np.ndarray:
    """Codes (n, size) uint8 as (blocks, size * 64) uint8: byte 0 of 64 documents, byte 1 of them, ...

    ``places`` (size, 64) says where each byte of each document of a block goes, if elsewhere.
    """
    size = codes.shape[1]
    out = aligned((block_count(len(codes)), size * BLOCK), np.uint8)
    places = np.arange(size * BLOCK).reshape(size, BLOCK) if places is None else places
    _place(codes, np.ascontiguousarray(places.T, np.int64), out)
    return out


@njit(cache=True)
def _place(codes: np.ndarray, places: np.ndarray, out: np.ndarray) -> None:
    n, size = codes.shape
    for block in range(len(out)):
        for doc in range(BLOCK):
            row = block * BLOCK + doc
            for byte in range(size):
                out[block, places[doc, byte]] = codes[row, byte] if row < n else np.uint8(0)


@njit(cache=True, nogil=True)
def touched(ranges: np.ndarray) -> np.ndarray:
    """Blocks that hold rows of ``ranges`` (r, 2): (blocks, 3) int64, number and the places between which they lie."""
    count = 0
    for piece in range(len(ranges)):
        low, high = ranges[piece, 0], ranges[piece, 1]
        if low < high:
            count += (high + BLOCK - 1) // BLOCK - low // BLOCK
    out = np.empty((count, 3), np.int64)
    count = 0
    for piece in range(len(ranges)):
        low, high = ranges[piece, 0], ranges[piece, 1]
        if low < high:
            for block in range(low // BLOCK, (high + BLOCK - 1) // BLOCK):
                first = block * BLOCK
                out[count, 0], out[count, 1], out[count, 2] = block, max(low - first, 0), min(high - first, BLOCK)
                count += 1
    return out


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
    words = aligned((blocks, groups * unit * BLOCK), "<u4")
    words.view(np.uint8).reshape(body.shape)[:] = body
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
