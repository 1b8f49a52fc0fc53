"""Codes laid out for scanning: blocks of 64 documents, byte by byte or four bytes by four bytes. No bits are added."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.tiles import BLOCK

__all__ = ["block_count", "blocked", "padding", "planar", "quads", "unit_bytes", "unpack_nibbles", "unpack_quads"]


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


def planar(codes: np.ndarray) -> np.ndarray:
    """Codes (n, size) uint8 as (blocks, size * 64) uint8: byte 0 of 64 documents, byte 1 of them, ..."""
    size = codes.shape[1]
    out = np.empty((block_count(len(codes)), size * BLOCK), np.uint8)
    _transpose(codes, out)
    return out


@njit(cache=True)
def _transpose(codes: np.ndarray, out: np.ndarray) -> None:
    n, size = codes.shape
    for block in range(len(out)):
        for doc in range(BLOCK):
            row = block * BLOCK + doc
            for byte in range(size):
                out[block, byte * BLOCK + doc] = codes[row, byte] if row < n else np.uint8(0)


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
    words = np.ascontiguousarray(body).reshape(blocks, groups * unit * BLOCK * 4).view("<u4")
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
def _unpack_words(words: np.ndarray, bits: int, out: np.ndarray) -> None:
    """Symbols of four units of 64 documents: ``out`` (dimensions of a unit * 64,) uint32, one symbol a byte."""
    if bits != 3:
        mask = np.uint32((1 << bits) - 1) * np.uint32(0x01010101)
        for symbol in range(8 // bits):
            shift, first = np.uint32(8 - bits * (symbol + 1)), symbol * BLOCK
            for doc in range(BLOCK):
                out[first + doc] = (words[doc] >> shift) & mask
        return
    seven = np.uint32(0x07070707)
    for doc in range(BLOCK):
        a, b, c = words[doc], words[BLOCK + doc], words[2 * BLOCK + doc]
        out[doc] = (a >> np.uint32(5)) & seven
        out[BLOCK + doc] = (a >> np.uint32(2)) & seven
        out[2 * BLOCK + doc] = ((a << np.uint32(1)) & np.uint32(0x06060606)) | (
            (b >> np.uint32(7)) & np.uint32(0x01010101)
        )
        out[3 * BLOCK + doc] = (b >> np.uint32(4)) & seven
        out[4 * BLOCK + doc] = (b >> np.uint32(1)) & seven
        out[5 * BLOCK + doc] = ((b << np.uint32(2)) & np.uint32(0x04040404)) | (
            (c >> np.uint32(6)) & np.uint32(0x03030303)
        )
        out[6 * BLOCK + doc] = (c >> np.uint32(3)) & seven
        out[7 * BLOCK + doc] = c & seven


@njit(cache=True)
def unpack_quads(body: np.ndarray, tail: np.ndarray, bits: int, out: np.ndarray) -> None:
    """One block of :func:`quads` into ``out`` (rows * 64,) uint32: symbols of four dimensions of a document a word."""
    unit = 3 if bits == 3 else 1
    symbols = 8 if bits == 3 else 8 // bits
    groups = len(body) // (unit * BLOCK)
    for group in range(groups):
        words = body[group * unit * BLOCK : (group + 1) * unit * BLOCK]
        _unpack_words(words, bits, out[group * symbols * BLOCK : (group + 1) * symbols * BLOCK])
    rest = len(tail) // BLOCK
    if rest:
        words = np.zeros(unit * BLOCK, np.uint32)
        for byte in range(rest):
            first, shift = byte % unit * BLOCK, np.uint32(8 * (byte // unit))
            for doc in range(BLOCK):
                words[first + doc] |= np.uint32(tail[byte * BLOCK + doc]) << shift
        _unpack_words(words, bits, out[groups * symbols * BLOCK :])
