"""States of a bitshift trellis, read from the stream of bits: windows of eight bits that end with a step's bits.

A path of n steps of ``bits`` bits is n * bits / 8 bytes, the first step in the highest bits of the first byte. It is
circular: the window of the first steps begins in the last byte.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from methods.kernels import simd
from methods.kernels.planes import GROUP, store_words
from methods.kernels.simd import I8, I64
from methods.kernels.tiles import BLOCK, arguments

__all__ = ["expand_windows", "states_reference"]

_LANES = 32  # documents in a register


def states_reference(codes: np.ndarray, bits: int) -> np.ndarray:
    """States (n, steps) uint8 of whole paths (n, steps * bits / 8) uint8."""
    stream = np.unpackbits(codes, axis=1)
    ends = bits * (1 + np.arange(stream.shape[1] // bits))
    places = (ends[:, None] - 8 + np.arange(8)) % stream.shape[1]
    return np.packbits(stream[:, places], axis=2)[:, :, 0]


def _window(builder: Any, loaded: list[Any], bits: int, dim: int) -> Any:
    """The state of a group's step ``dim``; ``loaded`` are the byte before the group and its bytes."""
    byte, used = divmod((dim + 1) * bits, 8)
    if not used:
        return loaded[byte]
    kind = loaded[0].type
    left = builder.and_(simd.shift_left(builder, loaded[byte], used), simd.constant(kind, 256 - (1 << used)))
    right = simd.shift_right(builder, loaded[byte + 1], 8 - used)
    return builder.or_(left, builder.and_(right, simd.constant(kind, (1 << used) - 1)))


def _looked_up(builder: Any, native: bool, state: Any, table: Any) -> Any:
    """``table[state]`` for 256 entries."""
    kind = state.type
    if native:
        total = simd.constant(kind, 0)
        low = builder.and_(state, simd.constant(kind, 15))
        high = builder.and_(state, simd.constant(kind, 240))
        for row in range(16):
            entries = simd.load(builder, simd.vector(I8, 16), simd.at(builder, table, 16 * row))
            found = simd.lookup(builder, simd.repeat(builder, entries, 2), low)
            equal = builder.sext(builder.icmp_unsigned("==", high, simd.constant(kind, 16 * row)), kind)
            total = builder.or_(total, builder.and_(equal, found))
        return total
    slot = simd.accumulators(builder, kind, 1)[0]
    builder.store(simd.constant(kind, 0), slot)

    def entry(place: Any) -> None:
        index = simd.splat(builder, builder.trunc(place, I8), _LANES)
        value = simd.splat(builder, simd.load(builder, I8, simd.at(builder, table, place)), _LANES)
        equal = builder.sext(builder.icmp_unsigned("==", state, index), kind)
        builder.store(builder.or_(builder.load(slot), builder.and_(equal, value)), slot)

    simd.count_loop(builder, ir.Constant(I64, 0), ir.Constant(I64, 256), 1, entry)
    return builder.load(slot)


def _expand_windows(
    typingctx: Any,
    path: Any,
    bits: Any,
    wide: Any,
    docs: Any,
    first: Any,
    groups: Any,
    before: Any,
    tables: Any,
    out: Any,
    row: Any,
) -> Any:
    """As :func:`methods.kernels.planes.expand`, for groups of eight steps of a trellis.

    Parameters
    ----------
    bits : literal int
        1..4 of each step; the levels of the states are entry 8 + bits of ``tables``, in order.
    before : int64
        The byte of the code that comes before the groups' first.
    """
    i64 = types.int64
    sig = types.void(path, bits, wide, docs, i64, i64, i64, tables, out, i64)

    def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        names = ("path", "bits", "wide", "docs", "first", "groups", "before", "tables", "out", "row")
        args = arguments(context, builder, names, sig.args, values)
        width, native = sig.args[1].literal_value, sig.args[0].path in ("avx2", "avx512")
        halves = 1 + sig.args[2].literal_value
        table = [simd.at(builder, args["tables"], 512 * (8 + width) + 256 * half) for half in range(halves)]
        target = simd.at(builder, args["out"], builder.mul(args["row"], ir.Constant(I64, 4 * BLOCK)))

        def line(byte: Any) -> Any:
            return simd.at(builder, args["docs"], builder.mul(byte, ir.Constant(I64, BLOCK)))

        def group(index: Any) -> None:
            start = builder.add(args["first"], builder.mul(index, ir.Constant(I64, width)))
            last = builder.sub(start, ir.Constant(I64, 1))
            is_first = builder.icmp_signed("==", index, ir.Constant(I64, 0))
            previous, source = line(builder.select(is_first, args["before"], last)), line(start)
            place = simd.at(builder, target, builder.mul(index, ir.Constant(I64, 8 * BLOCK * halves)))

            def chunk(doc: Any) -> None:
                lines = [previous, *(simd.at(builder, source, BLOCK * byte) for byte in range(width))]
                kind = simd.vector(I8, _LANES)
                loaded = [simd.load(builder, kind, simd.at(builder, each, doc)) for each in lines]
                states = [_window(builder, loaded, width, dim) for dim in range(GROUP)]
                levels = [_looked_up(builder, native, state, half) for state in states for half in table]
                for quad in range(2 * halves):
                    where = simd.at(builder, place, builder.mul(doc, ir.Constant(I64, 4)))
                    store_words(builder, levels[4 * quad : 4 * quad + 4], simd.at(builder, where, 4 * BLOCK * quad))

            simd.count_loop(builder, ir.Constant(I64, 0), ir.Constant(I64, BLOCK), _LANES, chunk)

        simd.count_loop(builder, ir.Constant(I64, 0), args["groups"], 1, group)
        return context.get_dummy_value()

    return sig, codegen


expand_windows: Any = intrinsic(prefer_literal=True)(_expand_windows)
