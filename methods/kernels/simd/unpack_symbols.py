"""Symbols of 1 to 8 bits in groups of eight dimensions, packed in planes of 4, 2 and 1 bits.

A group of ``bits`` takes ``bits`` bytes. Its symbols' bits are split, the highest first, into planes of 4, 2 or 1
bits (five bits: 4 + 1); a plane of p bits takes p bytes, and dimension d of the group lies in byte ``d % p`` at bit
``p * (d // p)``. So shifts and masks alone make words of four dimensions, a byte each, of whole registers of documents.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit

from methods.kernels.machine.cpu import NATIVE, WIDEST
from methods.kernels.simd import ir as simd
from methods.kernels.simd.emitted import Arguments, emitted
from methods.kernels.simd.ir import I8, I16, I32, I64
from methods.kernels.simd.planar_tile import BLOCK

__all__ = [
    "ALPHABETS",
    "GROUP",
    "expand",
    "group_words",
    "level_tables",
    "pack",
    "planes",
    "symbol_places",
    "symbols_reference",
    "table_order",
    "table_places",
    "unpack",
]

GROUP = 8  # dimensions that share their number of bits
ALPHABETS = 15  # one more than there are: 8 of symbols, 6 of trellises, numbered from 1


def planes(bits: int) -> list[int]:
    """Widths of the planes of a symbol of ``bits`` (1..8), the highest bits first: ``[4, 2, 1]`` for seven."""
    return [4] * (bits // 4) + [width for width in (2, 1) if bits % 4 & width]


def symbols_reference(codes: np.ndarray, bits: list[int]) -> np.ndarray:
    """Symbols (n, groups * 8) uint8 of codes (n, >= sum of bits) uint8; ``bits`` of each group."""
    groups, at = [], 0
    for width in bits:
        group = np.zeros((len(codes), GROUP), np.uint8)
        for plane in planes(width):
            for dim in range(GROUP):
                part = codes[:, at + dim % plane] >> np.uint8(plane * (dim // plane)) & np.uint8(2**plane - 1)
                group[:, dim] = group[:, dim] << np.uint8(plane) | part
            at += plane
        groups.append(group)
    return np.concatenate(groups, axis=1) if groups else np.zeros((len(codes), 0), np.uint8)


@njit(cache=True, inline="always")
def _plane(left: int) -> int:
    """Width of the next plane when ``left`` bits are left."""
    return 4 if left >= 4 else (2 if left >= 2 else 1)


@njit(cache=True, nogil=True)
def pack(symbols: np.ndarray, bits: int, out: np.ndarray) -> None:
    """Eight symbols (8,) uint8 of ``bits`` into ``out`` (bits,) uint8."""
    at, left = 0, bits
    while left:
        width = _plane(left)
        left -= width
        out[at : at + width] = 0
        for dim in range(GROUP):
            part = (symbols[dim] >> left) & ((1 << width) - 1)
            out[at + dim % width] |= np.uint8(part << (width * (dim // width)))
        at += width


@njit(cache=True, nogil=True)
def unpack(code: np.ndarray, bits: int, symbols: np.ndarray) -> None:
    """The inverse of :func:`pack`."""
    symbols[:] = 0
    at, left = 0, bits
    while left:
        width = _plane(left)
        left -= width
        for dim in range(GROUP):
            part = (code[at + dim % width] >> (width * (dim // width))) & ((1 << width) - 1)
            symbols[dim] = np.uint8((symbols[dim] << width) | part)
        at += width


def table_order(bits: int) -> np.ndarray:
    """Symbols (256,) int in the order in which :func:`expand` looks their levels up: by low bits, then the high four.

    Of less than four bits, the sixteen first repeat the symbols; what is beyond 2**bits is 0.
    """
    low = max(bits - 4, 0)
    order = np.zeros(256, np.int64)
    for place in range(16 << low):
        order[place] = (place % 16 << low | place // 16) % 2**bits
    return order


def _quads(builder: Any, plane: int, lanes: int, address: Any) -> list[Any]:
    """Symbols of a plane: of the first four dimensions of a register's documents, and of the other four.

    A document is a word of four bytes, a dimension a byte.
    """
    docs = lanes // 4
    words = simd.vector(I32, docs)
    value = simd.load(builder, simd.vector(ir.IntType(8 * plane), docs), address)
    value = value if plane == 4 else builder.zext(value, words)
    if plane == 1:
        value = builder.or_(value, simd.shift_left(builder, value, 7))
    if plane <= 2:
        value = builder.or_(value, simd.shift_left(builder, value, 14))
    mask = simd.constant(words, (2**plane - 1) * 0x01010101)
    kept = (builder.and_(part, mask) for part in (value, simd.shift_right(builder, value, 4)))
    return [builder.bitcast(part, simd.vector(I8, lanes)) for part in kept]


def _merged(builder: Any, parts: list[tuple[int, Any]]) -> Any:
    """Symbols from their planes: widths and bytes. What is shifted stays within its byte."""
    total = parts[0][1]
    for width, part in parts[1:]:
        wide = simd.vector(I16, part.type.count // 2)
        moved = builder.bitcast(simd.shift_left(builder, builder.bitcast(total, wide), width), part.type)
        total = builder.or_(moved, part)
    return total


def _chosen(builder: Any, value: Any, index: Any, entry: Any) -> Any:
    """``value`` where ``index`` equals ``entry`` (vectors of bytes), 0 elsewhere."""
    return builder.and_(builder.sext(builder.icmp_unsigned("==", index, entry), value.type), value)


class _Table:
    """The levels of an alphabet at ``address``, in the order of :func:`table_order`, to be looked up."""

    def __init__(self, builder: Any, path: str, bits: int, lanes: int, address: Any) -> None:
        self.builder, self.path, self.bits, self.address = builder, path, bits, address
        self.kind = simd.vector(I8, lanes)
        self.long = bits > (4 if path == "avx512" else 6) and path in WIDEST and path in NATIVE
        rows = 1 << max(bits - 4, 0) if path in NATIVE and not self.long else 0
        sixteen = simd.vector(I8, 16)
        lines = [simd.load(builder, sixteen, simd.at(builder, address, 16 * row)) for row in range(rows)]
        self.rows = [simd.repeat(builder, line, lanes // 16) for line in lines]

    def levels(self, parts: list[tuple[int, Any]]) -> Any:
        """The levels of symbols given by their planes (:func:`_merged`)."""
        builder = self.builder
        if self.bits <= 4:
            index = _merged(builder, parts)
            return simd.lookup(builder, self.rows[0], index) if self.rows else self._searched(index)
        high, low = parts[0][1], _merged(builder, parts[1:])
        if not self.rows:
            index = _merged(builder, [(4, low), (4, high)])
            if not self.long:
                return self._searched(index)
            lookup = simd.lookup_long if self.path == "avx512" else simd.lookup_by_words
            return lookup(builder, self.address, max(64, 2**self.bits), index)
        candidates = [simd.lookup(builder, table, high) for table in self.rows]
        if self.path not in WIDEST:
            return self._chosen_by_bits(candidates, low)
        total = simd.constant(self.kind, 0)
        for row, entries in enumerate(candidates):  # masks have registers of their own
            here = simd.constant(self.kind, row)
            total = builder.select(builder.icmp_unsigned("==", low, here), entries, total)
        return total

    def _chosen_by_bits(self, candidates: list[Any], low: Any) -> Any:
        """AVX2: ``candidates[low]``, by its bits, the lowest first (``vpblendvb`` reads the highest bit of a byte)."""
        builder, kind, bit = self.builder, self.kind, 0
        while len(candidates) > 1:
            words = builder.bitcast(low, simd.vector(I16, kind.count // 2))
            highest = builder.bitcast(simd.shift_left(builder, words, 7 - bit), kind)
            pairs = zip(candidates[::2], candidates[1::2])
            candidates = [simd.call(builder, "llvm.x86.avx2.pblendvb", kind, [a, b, highest]) for a, b in pairs]
            bit += 1
        return candidates[0]

    def _searched(self, index: Any) -> Any:
        """Generic: by comparing with every place of the table."""
        builder, kind = self.builder, self.kind
        slot = simd.accumulators(builder, kind, 1)[0]
        builder.store(simd.constant(kind, 0), slot)

        def entry(place: Any) -> None:
            splat = simd.splat(builder, builder.trunc(place, I8), kind.count)
            value = simd.splat(builder, simd.load(builder, I8, simd.at(builder, self.address, place)), kind.count)
            builder.store(builder.or_(builder.load(slot), _chosen(builder, value, index, splat)), slot)

        simd.count_loop(builder, ir.Constant(I64, 0), ir.Constant(I64, 2**self.bits), 1, entry)
        return builder.load(slot)


def table_places(alphabet: int, wide: int) -> list[int]:
    """Where in the bytes of ``tables`` the levels of an alphabet are: their lower bytes, and where wide their upper."""
    first = 512 * (ALPHABETS * wide + alphabet)
    return [first, first + 256] if wide else [first]


def symbol_places(bits: int) -> np.ndarray:
    """(bits, 64) int: where each byte of a block's 64 groups of ``bits`` goes, for :func:`expand` to read.

    Plane by plane, and in a plane document by document.
    """
    docs, places, at = np.arange(BLOCK), [], 0
    for plane in planes(bits):
        places += [at * BLOCK + docs * plane + byte for byte in range(plane)]
        at += plane
    return np.array(places)


def _numbers(builder: Any, low: Any, high: Any) -> list[Any]:
    """Two rows of numbers of 16 bits from the low and the high bytes of four dimensions: of 0 and 2, of 1 and 3."""
    words = simd.vector(I32, low.type.count // 4)
    low, high = builder.bitcast(low, words), builder.bitcast(high, words)
    even, odd = simd.constant(words, 0x00FF00FF), simd.constant(words, 0xFF00FF00)
    first = builder.or_(builder.and_(low, even), simd.shift_left(builder, builder.and_(high, even), 8))
    second = builder.or_(builder.and_(simd.shift_right(builder, low, 8), even), builder.and_(high, odd))
    return [first, second]


def level_tables(builder: Any, path: str, bits: int, wide: int, lanes: int, tables: Any) -> list[_Table]:
    """What the symbols of an alphabet are looked up in: bytes, or where ``wide`` the low and the high bytes of words.

    ``tables`` is the address of what :func:`expand` takes.
    """
    places = table_places(bits, wide)
    return [_Table(builder, path, bits, lanes, simd.at(builder, tables, place)) for place in places]


def group_words(builder: Any, bits: int, lanes: int, tables: list[_Table], source: Any, doc: Any) -> list[Any]:
    """A group's levels, of the documents of a register from ``doc`` on: rows of words as :func:`expand` has them.

    Vectors of bytes, two of them, or of words, four. The group's 64 documents begin at the address ``source``.
    """
    quads: list[list[tuple[int, Any]]] = [[], []]
    at = 0
    for plane in planes(bits):
        line = simd.at(builder, source, at * BLOCK)
        address = simd.at(builder, line, builder.mul(doc, ir.Constant(I64, plane)))
        for parts, value in zip(quads, _quads(builder, plane, lanes, address)):
            parts.append((plane, value))
        at += plane
    rows: list[Any] = []
    for parts in quads:
        levels = [table.levels(parts) for table in tables]
        rows += _numbers(builder, *levels) if len(levels) == 2 else levels
    return rows


@emitted("path, bits, wide, docs, int64 first, int64 groups, tables, out, int64 row, int64 ahead")
def expand(builder: Any, args: Arguments) -> None:
    """Levels of ``groups`` groups of 64 documents as rows of words, a word a document.

    Parameters
    ----------
    path : Path
    bits : literal int
        1..8, of each of the groups.
    wide : literal int
        0: a word holds four dimensions' unsigned bytes, and a group takes two rows; 1: two dimensions' signed numbers
        of 16 bits (of each four, the first and the third, then the second and the fourth), and a group takes four rows.
    docs : (size * 64,) uint8
        A block; the bytes of these groups are in :func:`symbol_places`.
    first, groups : int64
        Byte of the code at which they begin, and their number.
    tables : (2, 15, 2, 256) uint8
        For bytes and for numbers, entry b: levels of symbols of b bits in the order of :func:`table_order`, the lower
        byte and the upper.
    out : uint32 array
        Rows of 64 words.
    row : int64
        The first row that is written.
    ahead : int64
        Bytes from this block to the one that is read next.
    """
    path, width, wide = args["path"], args["bits"], args["wide"]
    lanes = 64 if path in WIDEST else 32
    tables = level_tables(builder, path, width, wide, lanes, args["tables"])
    start = simd.at(builder, args["docs"], builder.mul(args["first"], ir.Constant(I64, BLOCK)))
    target = simd.at(builder, args["out"], builder.mul(args["row"], ir.Constant(I64, 4 * BLOCK)))

    def group(index: Any) -> None:
        source = simd.at(builder, start, builder.mul(index, ir.Constant(I64, BLOCK * width)))
        place = simd.at(builder, target, builder.mul(index, ir.Constant(I64, 8 * BLOCK * len(tables))))
        simd.prefetch(builder, source, args["ahead"], BLOCK * width, level=2)

        def chunk(doc: Any) -> None:
            here = simd.at(builder, place, builder.mul(doc, ir.Constant(I64, 4)))
            for row, words in enumerate(group_words(builder, width, lanes, tables, source, doc)):
                simd.store(builder, words, simd.at(builder, here, 4 * BLOCK * row))

        simd.count_loop(builder, ir.Constant(I64, 0), ir.Constant(I64, BLOCK), lanes // 4, chunk)

    simd.count_loop(builder, ir.Constant(I64, 0), args["groups"], 1, group)
