"""States of a bitshift trellis, read from the stream of bits: windows of twelve bits that end with a step's bits.

The steps' bits stand one after the other, the first in the highest bits of the first byte. The stream is circular: the
windows of the first steps begin in its last bytes. A state's level is one of 256: that of its newest eight bits,
shifted round by a number that its four older bits look up.
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
from methods.kernels.simd.unpack_symbols import table_places

__all__ = [
    "SHIFTS",
    "document_order",
    "expand_windows",
    "has_differences",
    "level_numbers",
    "looked_up",
    "states_reference",
    "take_differences",
]

_WIDE_ORDER = (0, 2, 1, 3)  # in which rows of two dimensions have those of half a group
_TOGETHER = 4  # look-ups that share what they read of a table
SHIFTS = 16  # places in the table of shifts for each number of bits a step


def states_reference(codes: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """States (n, steps) uint16 of twelve bits of whole paths (n, sum of bits / 8) uint8, ``bits`` of each step."""
    stream = np.unpackbits(codes, axis=1)
    places = (np.cumsum(bits)[:, None] - 12 + np.arange(12)) % stream.shape[1]
    return (stream[:, places] @ (1 << np.arange(11, -1, -1))).astype(np.uint16)


def level_numbers(shifts: np.ndarray, state_bits: int) -> np.ndarray:
    """Which of the 256 levels each state has, (..., states) int64, for shifts (..., 16) of its older bits.

    Of ten state bits, two older ones choose among the first four shifts.
    """
    states = np.arange(1 << state_bits)
    return (states % 256 + shifts[..., states // 256].astype(np.int64)) % 256


def _window(builder: Any, loaded: list[Any], end: int) -> Any:
    """The eight bits before bit ``end`` of the loaded bytes, end >= 8."""
    byte, used = divmod(end, 8)
    if not used:
        return loaded[byte - 1]
    kind = loaded[0].type
    left = builder.and_(simd.shift_left(builder, loaded[byte - 1], used), simd.constant(kind, 256 - (1 << used)))
    right = simd.shift_right(builder, loaded[byte], 8 - used)
    return builder.or_(left, builder.and_(right, simd.constant(kind, (1 << used) - 1)))


def _searched(builder: Any, index: Any, table: Any, entries: int) -> Any:
    """Generic: ``table[index]`` by comparing with every entry's number."""
    kind = index.type
    slot = simd.accumulators(builder, kind, 1)[0]
    builder.store(simd.constant(kind, 0), slot)

    def entry(place: Any) -> None:
        number = simd.splat(builder, builder.trunc(place, I8), kind.count)
        value = simd.splat(builder, simd.load(builder, I8, simd.at(builder, table, place)), kind.count)
        equal = builder.sext(builder.icmp_unsigned("==", index, number), kind)
        builder.store(builder.or_(builder.load(slot), builder.and_(equal, value)), slot)

    simd.count_loop(builder, ir.Constant(I64, 0), ir.Constant(I64, entries), 1, entry)
    return builder.load(slot)


def _shifted(builder: Any, path: str, newest: Any, older: Any, shifts: Any) -> Any:
    """The level's number: the newest eight bits and the shift of the four older ones, round at 256."""
    if path in NATIVE:
        entries = simd.load(builder, simd.vector(I8, SHIFTS), shifts)
        shifted = simd.lookup(builder, simd.repeat(builder, entries, older.type.count // SHIFTS), older)
    else:
        shifted = _searched(builder, older, shifts, SHIFTS)
    return builder.add(newest, shifted)


def has_differences(path: str) -> bool:
    """Whether ``path`` looks up in tables as :func:`take_differences` makes them."""
    return path == "avx2"


@njit(cache=True, nogil=True)
def take_differences(tables: np.ndarray) -> None:
    """In place: a row of sixteen of tables (n, 256) uint8 becomes what changes the bits of the row before into its own.

    The first row and the ninth stay as they are: each half of a table is looked up by itself.
    """
    for table in range(len(tables)):
        for entry in range(255, 15, -1):
            if entry % 128 >= 16:
                tables[table, entry] ^= tables[table, entry - 16]


def looked_up(builder: Any, path: str, indices: list[Any], tables: list[Any]) -> list[list[Any]]:
    """``table[index]`` for each index of ``indices`` in each of ``tables``, at their addresses, of 256 entries.

    Where :func:`has_differences`, tables are as :func:`take_differences` makes them.
    """
    if has_differences(path):
        return _rows_up_to(builder, indices, tables)
    if path == "avx512":
        one = simd.lookup_long
    elif path == "avx512_vnni":
        one = simd.lookup_by_words
    else:
        return [[_searched(builder, index, table, 256) for table in tables] for index in indices]
    return [[one(builder, table, 256, index) for table in tables] for index in indices]


def _rows_up_to(builder: Any, indices: list[Any], tables: list[Any]) -> list[list[Any]]:
    """As :func:`looked_up` on AVX2: the rows up to an index's own, whose differences add up to its entry.

    ``vpshufb`` gives 0 where an index is negative, and sixteen less for each row makes it so behind its own row. An
    index of the other half is negative from the start.
    """
    kind = indices[0].type
    sixteen, totals = simd.constant(kind, 16), [[simd.constant(kind, 0)] * len(tables) for _ in indices]
    for half in range(2):
        left = [builder.xor(index, simd.constant(kind, 128)) for index in indices] if half else list(indices)
        for row in range(8):
            for which, table in enumerate(tables):
                line = simd.load(builder, simd.vector(I8, 16), simd.at(builder, table, 128 * half + 16 * row))
                entries = simd.repeat(builder, line, kind.count // 16)
                for total, index in zip(totals, left):
                    total[which] = builder.xor(total[which], simd.lookup(builder, entries, index))
            left = [simd.call(builder, f"llvm.ssub.sat.v{kind.count}i8", kind, [index, sixteen]) for index in left]
    return totals


def _lanes(path: str) -> int:
    """Documents that are unpacked together: a register of 512 bits, else half a block."""
    return BLOCK if path in WIDEST and path in NATIVE else BLOCK // 2


def document_order(path: str) -> np.ndarray:
    """(64,) int: the document whose bytes stand at each place of a block, for :func:`expand_windows` to order.

    Interleaving within each 16 bytes of a register, which is what a processor does in one step, leaves the words of
    its documents in another order; that order is undone beforehand.
    """
    place, lanes = np.arange(BLOCK), _lanes(path)
    piece, part, word = place % lanes // 16, place % 16 // 4, place % 4
    return place // lanes * lanes + lanes // 4 * part + 4 * piece + word


def _interleave(builder: Any, a: Any, b: Any, upper: bool) -> Any:
    """Lanes of the lower (upper) halves of each 16 bytes of two vectors, in turn."""
    lanes, half = a.type.count, 64 // a.type.element.width
    order = [
        piece + (half if upper else 0) + lane + which * lanes
        for piece in range(0, lanes, 2 * half)
        for lane in range(half)
        for which in range(2)
    ]
    return builder.shuffle_vector(a, b, ir.Constant(simd.vector(I32, lanes), order))


def _store_words(builder: Any, quad: list[Any], place: Any) -> None:
    """Four dimensions of a register's documents as so many words of four bytes."""
    lanes = quad[0].type.count
    shorts = simd.vector(I16, lanes // 2)
    for upper in (False, True):
        even, odd = (builder.bitcast(_interleave(builder, quad[i], quad[i + 1], upper), shorts) for i in (0, 2))
        for part in (False, True):
            where = simd.at(builder, place, lanes * (2 * upper + part))
            simd.store(builder, _interleave(builder, even, odd, part), where)


def _store_levels(builder: Any, levels: list[Any], place: Any, doc: Any) -> None:
    """Levels of dimensions, for the documents of a register from ``doc`` on, as rows of 64 words at ``place``."""
    first = simd.at(builder, place, builder.mul(doc, ir.Constant(I64, 4)))
    for quad in range(len(levels) // 4):
        _store_words(builder, levels[4 * quad : 4 * quad + 4], simd.at(builder, first, 4 * BLOCK * quad))


@emitted(
    "path, bits, wide, docs, int64 first, int64 groups, int64 begin, int64 last, tables, out, int64 row, int64 ahead"
)
def expand_windows(builder: Any, args: Arguments) -> None:
    """As :func:`methods.kernels.simd.unpack_symbols.expand`, for groups of eight steps of a trellis.

    Parameters
    ----------
    bits : literal int
        1..6 of each step; the levels are entry 8 + bits of ``tables``, in order, and the shifts are at 16 * bits of
        entry 0.
    begin, last : int64
        The first and the last byte of the code that belong to the path.
    """
    path, width = args["path"], args["bits"]
    lanes = _lanes(path)
    table = [simd.at(builder, args["tables"], place) for place in table_places(8 + width, args["wide"])]
    shifts = simd.at(builder, args["tables"], SHIFTS * width)
    target = simd.at(builder, args["out"], builder.mul(args["row"], ir.Constant(I64, 4 * BLOCK)))
    one = ir.Constant(I64, 1)

    def line(byte: Any) -> Any:
        return simd.at(builder, args["docs"], builder.mul(byte, ir.Constant(I64, BLOCK)))

    def before(byte: Any) -> Any:
        is_first = builder.icmp_signed("==", byte, args["begin"])
        return builder.select(is_first, args["last"], builder.sub(byte, one))

    def group(index: Any) -> None:
        start = builder.add(args["first"], builder.mul(index, ir.Constant(I64, width)))
        previous = before(start)
        source = line(start)
        simd.prefetch(builder, source, args["ahead"], BLOCK * width, level=2)
        lines = [line(before(previous)), line(previous)]
        lines += [simd.at(builder, source, BLOCK * byte) for byte in range(width)]
        place = simd.at(builder, target, builder.mul(index, ir.Constant(I64, 8 * BLOCK * len(table))))

        def chunk(doc: Any) -> None:
            kind = simd.vector(I8, lanes)
            loaded = [simd.load(builder, kind, simd.at(builder, each, doc)) for each in lines]
            for half in range(2):
                numbers = []
                for dim in range(4 * half, 4 * half + 4):
                    end = 16 + width * (dim + 1)
                    older = builder.and_(_window(builder, loaded, end - 8), simd.constant(kind, 15))
                    numbers.append(_shifted(builder, path, _window(builder, loaded, end), older, shifts))
                levels = [
                    each
                    for first in range(0, 4, _TOGETHER // len(table))
                    for each in looked_up(builder, path, numbers[first : first + _TOGETHER // len(table)], table)
                ]
                order = _WIDE_ORDER if args["wide"] else range(4)
                quads = [value for dim in order for value in levels[dim]]
                _store_levels(builder, quads, simd.at(builder, place, 4 * BLOCK * len(table) * half), doc)

        simd.count_loop(builder, ir.Constant(I64, 0), ir.Constant(I64, BLOCK), lanes, chunk)

    simd.count_loop(builder, ir.Constant(I64, 0), args["groups"], 1, group)
