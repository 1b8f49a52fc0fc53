"""Small pieces of LLVM vector IR from which the kernels' inner tiles are made.

Numba's own loops do not keep a dozen partial sums in vector registers; an intrinsic that spells out vector
accumulators does. What is not marked *native* is generic IR that LLVM lowers for any CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils

AHEAD = 8192  # bytes from what a scan for one query reads to what it asks for

Builder = Any  # ir.IRBuilder as numba hands it out
Value = Any  # ir.Value

I8, I16, I32, I64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))


def vector(element: ir.Type, lanes: int) -> ir.VectorType:
    """The LLVM type ``<lanes x element>``."""
    return ir.VectorType(element, lanes)


def constant(kind: ir.VectorType, value: int) -> ir.Constant:
    """A vector with ``value`` in every lane."""
    return ir.Constant(kind, [value] * kind.count)


def data_pointer(context: Any, builder: Builder, array_type: Any, array: Value) -> Value:
    """The byte address (i8*) of a C-contiguous array's data."""
    data = cgutils.create_struct_proxy(array_type)(context, builder, array).data
    return builder.bitcast(data, I8.as_pointer())


def at(builder: Builder, base: Value, offset: Value | int) -> Value:
    """``base`` plus ``offset`` bytes."""
    offset = ir.Constant(I64, offset) if isinstance(offset, int) else offset
    return builder.gep(base, [offset], inbounds=True)


def load(builder: Builder, kind: ir.Type, address: Value, align: int = 1) -> Value:
    """The value of type ``kind`` at the byte ``address``."""
    value = builder.load(builder.bitcast(address, kind.as_pointer()))
    value.align = align
    return value


def store(builder: Builder, value: Value, address: Value, align: int = 1) -> None:
    """Write ``value`` to the byte ``address``."""
    builder.store(value, builder.bitcast(address, value.type.as_pointer())).align = align


def splat(builder: Builder, scalar: Value, lanes: int) -> Value:
    """``scalar`` in every lane."""
    kind = vector(scalar.type, lanes)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(I32, 0))
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), constant(vector(I32, lanes), 0))


def repeat(builder: Builder, value: Value, times: int) -> Value:
    """``value``'s lanes, ``times`` times one after the other."""
    order = list(range(value.type.count)) * times
    mask = ir.Constant(vector(I32, len(order)), order)
    return builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)


def call(builder: Builder, name: str, result: ir.Type, arguments: Sequence[Value]) -> Value:
    """Call the LLVM intrinsic ``name`` (``declare_intrinsic`` does not know vector types)."""
    signature = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, signature, name), arguments)


def shift_right(builder: Builder, value: Value, count: int) -> Value:
    """Lanes shifted right, zeros shifted in. Bytes move within pairs: the caller masks what crosses over."""
    wide = vector(I16, value.type.count // 2) if value.type.element == I8 else value.type
    return builder.bitcast(builder.lshr(builder.bitcast(value, wide), constant(wide, count)), value.type)


def shift_left(builder: Builder, value: Value, count: int) -> Value:
    """Lanes shifted left."""
    return builder.shl(value, constant(value.type, count))


def popcount(builder: Builder, value: Value) -> Value:
    """Bits set in each lane."""
    return call(builder, f"llvm.ctpop.v{value.type.count}i{value.type.element.width}", value.type, [value])


def lookup(builder: Builder, table: Value, index: Value) -> Value:
    """Native: ``table[index]`` in each 16 bytes of <32 x i8> (AVX2) or <64 x i8>, indices 0..15 (``vpshufb``)."""
    name = {32: "llvm.x86.avx2.pshuf.b", 64: "llvm.x86.avx512.pshuf.b.512"}[index.type.count]
    return call(builder, name, index.type, [table, index])


def lookup_long(builder: Builder, table: Value, entries: int, index: Value) -> Value:
    """Native AVX512-VBMI: the byte at each index <64 x i8> of a table of 64, 128 or 256 bytes at the address ``table``.

    ``vpermb``, ``vpermi2b``, and two of these with a choice by the highest bit.
    """
    quarters = [load(builder, index.type, at(builder, table, 64 * number)) for number in range(entries // 64)]
    if entries == 64:
        return call(builder, "llvm.x86.avx512.permvar.qi.512", index.type, [quarters[0], index])
    pairs = [
        call(builder, "llvm.x86.avx512.vpermi2var.qi.512", index.type, [low, index, high])
        for low, high in zip(quarters[::2], quarters[1::2])
    ]
    if entries == 128:
        return pairs[0]
    return builder.select(builder.icmp_signed("<", index, constant(index.type, 0)), pairs[1], pairs[0])


def lookup_by_words(builder: Builder, table: Value, entries: int, index: Value) -> Value:
    """Native AVX512-BW: as :func:`lookup_long` of 128 or 256 bytes, which are looked up two by two (``vpermi2w``)."""
    words = vector(I16, index.type.count // 2)
    loaded = [load(builder, words, at(builder, table, 64 * number)) for number in range(entries // 64)]
    numbers, low_byte = builder.bitcast(index, words), constant(words, 255)

    def bytes_at(number: Value) -> Value:
        pair = builder.lshr(number, constant(words, 1))
        looked_up = [
            call(builder, "llvm.x86.avx512.vpermi2var.hi.512", words, [low, pair, high])
            for low, high in zip(loaded[::2], loaded[1::2])
        ]
        if entries == 256:
            upper = builder.icmp_unsigned(">", number, constant(words, 127))
            looked_up = [builder.select(upper, looked_up[1], looked_up[0])]
        odd = builder.shl(builder.and_(number, constant(words, 1)), constant(words, 3))
        return builder.and_(builder.lshr(looked_up[0], odd), low_byte)

    low = bytes_at(builder.and_(numbers, low_byte))
    high = bytes_at(builder.lshr(numbers, constant(words, 8)))
    return builder.bitcast(builder.or_(low, builder.shl(high, constant(words, 8))), index.type)


def multiply_pairs(builder: Builder, codes: Value, weights: Value, native: bool) -> Value:
    """<n x i8> unsigned times <n x i8> signed, neighbors added: <n/2 x i16>. The caller rules out overflow.

    Native AVX2 is ``vpmaddubsw``.
    """
    wide = vector(I16, codes.type.count // 2)
    if native:
        return call(builder, "llvm.x86.avx2.pmadd.ub.sw", wide, [codes, weights])
    eight = constant(wide, 8)
    codes, weights = builder.bitcast(codes, wide), builder.bitcast(weights, wide)
    even = builder.mul(builder.and_(codes, constant(wide, 255)), builder.ashr(builder.shl(weights, eight), eight))
    odd = builder.mul(builder.lshr(codes, eight), builder.ashr(weights, eight))
    return builder.add(even, odd)


def add_pairs(builder: Builder, value: Value, native: bool) -> Value:
    """<n x i16> signed, neighbors added: <n/2 x i32>. Native AVX2 is ``vpmaddwd`` by ones."""
    wide = vector(I32, value.type.count // 2)
    if native:
        return call(builder, "llvm.x86.avx2.pmadd.wd", wide, [value, constant(value.type, 1)])
    value, sixteen = builder.bitcast(value, wide), constant(wide, 16)
    return builder.add(builder.ashr(builder.shl(value, sixteen), sixteen), builder.ashr(value, sixteen))


def dot_quads(builder: Builder, total: Value, codes: Value, weights: Value, native: bool) -> Value:
    """``total`` <16 x i32> plus the sums over four of <64 x i8> unsigned times signed.

    Native AVX512-VNNI is ``vpdpbusd``.
    """
    if native:
        return call(builder, "llvm.x86.avx512.vpdpbusd.512", total.type, [total, codes, weights])
    return builder.add(total, add_pairs(builder, multiply_pairs(builder, codes, weights, False), False))


def clear(builder: Builder, address: Value, nbytes: int) -> None:
    """Write ``nbytes`` (a multiple of 32) zeros."""
    for offset in range(0, nbytes, 32):
        store(builder, constant(vector(I8, 32), 0), at(builder, address, offset))


def any_lane(builder: Builder, masks: Sequence[Value]) -> Value:
    """i1: whether any lane of any of the masks <n x i1> is set."""
    merged = masks[0]
    for mask in masks[1:]:
        merged = builder.or_(merged, mask)
    integer = ir.IntType(merged.type.count)
    return builder.icmp_unsigned("!=", builder.bitcast(merged, integer), ir.Constant(integer, 0))


def count_loop(builder: Builder, start: Value, stop: Value, step: Value | int, body: Callable[[Value], None]) -> None:
    """``for i in range(start, stop, step): body(i)`` over i64."""
    step = ir.Constant(I64, step) if isinstance(step, int) else step
    with cgutils.for_range_slice(builder, start, stop, step, I64) as (index, _):
        body(index)


def accumulators(builder: Builder, kind: ir.VectorType, count: int) -> list[Value]:
    """Zeroed local variables, which LLVM turns into registers."""
    slots = [cgutils.alloca_once(builder, kind) for _ in range(count)]
    for slot in slots:
        builder.store(constant(kind, 0), slot)
    return slots


def accumulate(builder: Builder, slot: Value, value: Value) -> None:
    """``slot += value``."""
    builder.store(builder.add(builder.load(slot), value), slot)


def prefetch(builder: Builder, base: Value, offset: Value | int, nbytes: int, level: int = 1) -> None:
    """Ask for the cache lines of ``nbytes`` at ``base + offset``, which may lie beyond the array: a hint, no access.

    The processor's own prefetching stops at pages of 4 KiB, and a block of documents is about as long. ``level`` is
    the cache that they come into: the second where the first is full of what is worked on.
    """
    offset = ir.Constant(I64, offset) if isinstance(offset, int) else offset
    for line in range(0, nbytes, 64):
        address = builder.gep(base, [builder.add(offset, ir.Constant(I64, line))])
        signature = ir.FunctionType(ir.VoidType(), [address.type, I32, I32, I32])
        function = cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0")
        builder.call(function, [address, *(ir.Constant(I32, value) for value in (0, 4 - level, 1))])  # read, keep, data


def barrier(builder: Builder) -> None:
    """Keep LLVM from moving loads and stores across this place; no instruction.

    Else it takes sums that a loop writes to memory into registers, of which there are too few, and spills others.
    """
    builder.asm(ir.FunctionType(ir.VoidType(), []), "", "~{memory}", [], True)
