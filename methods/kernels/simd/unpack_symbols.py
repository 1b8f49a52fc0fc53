"""Symbols of 1 to 8 bits in groups of eight dimensions, packed in planes of 4, 2 and 1 bits.

A group of ``bits`` takes ``bits`` bytes. Its symbols' bits are split, the highest first, into planes of 4, 2 or 1
bits (five bits: 4 + 1); a plane of p bits takes p bytes, and dimension d of the group lies in byte ``d % p`` at bit
``p * (d // p)``. Whole registers of documents are unpacked by shifts and masks alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit

from methods.kernels.machine.cpu import NATIVE
from methods.kernels.simd import ir as simd
from methods.kernels.simd.emitted import Arguments, emitted
from methods.kernels.simd.ir import I8, I16, I32, I64
from methods.kernels.simd.planar_tile import BLOCK

__all__ = [
    "GROUP",
    "document_order",
    "expand",
    "pack",
    "planes",
    "store_levels",
    "symbols_reference",
    "table_order",
    "unpack",
]

GROUP = 8  # dimensions that share their number of bits
_LANES = 32  # documents whose levels are laid out together


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


def _merged(builder: Any, loaded: list[tuple[int, list[Any]]], dim: int) -> Any:
    """The symbol of a dimension, for the documents of a register, from planes: widths and their bytes."""
    total = None
    for width, planar in loaded:
        part = planar[dim % width]
        if width < 8 and dim // width:
            part = simd.shift_right(builder, part, width * (dim // width))
        part = builder.and_(part, simd.constant(part.type, 2**width - 1))
        total = part if total is None else builder.or_(simd.shift_left(builder, total, width), part)
    return total


def _chosen(builder: Any, value: Any, index: Any, entry: Any) -> Any:
    """``value`` where ``index`` equals ``entry`` (vectors of bytes), 0 elsewhere."""
    return builder.and_(builder.sext(builder.icmp_unsigned("==", index, entry), value.type), value)


def _level(builder: Any, path: str, bits: int, loaded: list[tuple[int, list[Any]]], dim: int, tables: Any) -> Any:
    """The levels of one dimension, for the documents of a register."""
    kind = loaded[0][1][0].type
    if path == "avx512" and bits > 4:
        low = simd.shift_left(builder, _merged(builder, loaded[1:], dim), 4)
        return simd.lookup_long(builder, tables, max(64, 2**bits), builder.or_(low, _merged(builder, loaded[:1], dim)))
    if path in NATIVE:
        halves = kind.count // 16
        rows = [
            simd.repeat(builder, simd.load(builder, simd.vector(I8, 16), simd.at(builder, tables, 16 * row)), halves)
            for row in range(1 << max(bits - 4, 0))
        ]
        if bits <= 4:
            return simd.lookup(builder, rows[0], _merged(builder, loaded, dim))
        high, low = _merged(builder, loaded[:1], dim), _merged(builder, loaded[1:], dim)
        total = simd.constant(kind, 0)
        for row, table in enumerate(rows):
            entries = simd.lookup(builder, table, high)
            total = builder.or_(total, _chosen(builder, entries, low, simd.constant(kind, row)))
        return total
    slot = simd.accumulators(builder, kind, 1)[0]
    builder.store(simd.constant(kind, 0), slot)
    index = _merged(builder, loaded, dim)
    if bits > 4:  # the table's order: low bits first
        low = simd.constant(kind, 2 ** (bits - 4) - 1)
        high = simd.shift_right(builder, builder.and_(index, builder.not_(low)), bits - 4)
        index = builder.or_(simd.shift_left(builder, builder.and_(index, low), 4), high)

    def entry(place: Any) -> None:
        splat = simd.splat(builder, builder.trunc(place, I8), kind.count)
        value = simd.splat(builder, simd.load(builder, I8, simd.at(builder, tables, place)), kind.count)
        builder.store(builder.or_(builder.load(slot), _chosen(builder, value, index, splat)), slot)

    simd.count_loop(builder, ir.Constant(I64, 0), ir.Constant(I64, 2**bits), 1, entry)
    return builder.load(slot)


def document_order() -> np.ndarray:
    """(64,) int: the document whose bytes stand at each place of a block, for :func:`expand` to bring into order.

    Interleaving within halves of a register, which is what AVX2 does in one step, leaves the words of 32 documents
    in another order; that order is undone beforehand.
    """
    place = np.arange(BLOCK)
    half, part, word = place % _LANES // 16, place % 16 // 4, place % 4
    return place // _LANES * _LANES + 8 * part + 4 * half + word


def _interleave(builder: Any, a: Any, b: Any, upper: bool) -> Any:
    """Lanes of the lower (upper) quarters of the two halves of two vectors, in turn."""
    lanes, quarter = a.type.count, a.type.count // 4
    first = quarter if upper else 0
    order = [
        half * lanes // 2 + first + lane + which * lanes
        for half in range(2)
        for lane in range(quarter)
        for which in range(2)
    ]
    return builder.shuffle_vector(a, b, ir.Constant(simd.vector(I32, lanes), order))


def _store_words(builder: Any, quad: list[Any], place: Any) -> None:
    """Four dimensions of 32 documents as 32 words of four bytes."""
    shorts = simd.vector(I16, _LANES // 2)
    for upper in (False, True):
        even, odd = (builder.bitcast(_interleave(builder, quad[i], quad[i + 1], upper), shorts) for i in (0, 2))
        for part in (False, True):
            where = simd.at(builder, place, 32 * (2 * upper + part))
            simd.store(builder, _interleave(builder, even, odd, part), where)


def store_levels(builder: Any, levels: list[Any], place: Any, doc: Any) -> None:
    """Levels of dimensions, for the documents of a register from ``doc`` on, as rows of 64 words at ``place``."""
    lanes = levels[0].type.count
    for part in range(lanes // _LANES):
        words = builder.mul(builder.add(doc, ir.Constant(I64, _LANES * part)), ir.Constant(I64, 4))
        kept = [simd.part(builder, level, _LANES, part) for level in levels]
        for quad in range(len(levels) // 4):
            where = simd.at(builder, simd.at(builder, place, words), 4 * BLOCK * quad)
            _store_words(builder, kept[4 * quad : 4 * quad + 4], where)


@emitted("path, bits, wide, docs, int64 first, int64 groups, tables, out, int64 row")
def expand(builder: Any, args: Arguments) -> None:
    """Levels of ``groups`` groups of 64 documents as rows of words, a word a document.

    Parameters
    ----------
    path : Path
    bits : literal int
        1..8, of each of the groups.
    wide : literal int
        0: a word holds four dimensions' unsigned bytes, and a group takes two rows; 1: two dimensions' signed numbers
        of 16 bits, and a group takes four rows.
    docs : (size * 64,) uint8
        A planar block (:func:`methods.kernels.scanning.layout.planar`), documents in :func:`document_order`.
    first, groups : int64
        Byte of the code at which they begin, and their number.
    tables : (9, 2, 256) uint8
        Entry b: levels of symbols of b bits in the order of :func:`table_order`, the lower byte and the upper.
    out : uint32 array
        Rows of 64 words.
    row : int64
        The first row that is written.
    """
    path, width = args["path"], args["bits"]
    lanes = BLOCK if path == "avx512" else _LANES
    halves = 1 + args["wide"]
    table = [simd.at(builder, args["tables"], 512 * width + 256 * half) for half in range(halves)]
    start = simd.at(builder, args["docs"], builder.mul(args["first"], ir.Constant(I64, BLOCK)))
    target = simd.at(builder, args["out"], builder.mul(args["row"], ir.Constant(I64, 4 * BLOCK)))

    def group(index: Any) -> None:
        source = simd.at(builder, start, builder.mul(index, ir.Constant(I64, BLOCK * width)))
        place = simd.at(builder, target, builder.mul(index, ir.Constant(I64, 8 * BLOCK * halves)))

        def chunk(doc: Any) -> None:
            loaded, at = [], 0
            for plane in planes(width):
                lines = [simd.at(builder, simd.at(builder, source, doc), (at + i) * BLOCK) for i in range(plane)]
                loaded.append((plane, [simd.load(builder, simd.vector(I8, lanes), line) for line in lines]))
                at += plane
            levels = [_level(builder, path, width, loaded, dim, half) for dim in range(GROUP) for half in table]
            store_levels(builder, levels, place, doc)

        simd.count_loop(builder, ir.Constant(I64, 0), ir.Constant(I64, BLOCK), lanes, chunk)

    simd.count_loop(builder, ir.Constant(I64, 0), args["groups"], 1, group)
