"""Inner tile of the scans over bytes: 64 documents against four queries (or one), sums left in a small array.

Each tile is a numba intrinsic, specialized at compile time by the path and the number of queries.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from methods.kernels.machine.cpu import WIDEST
from methods.kernels.simd import ir as simd
from methods.kernels.simd.emitted import Arguments, emitted
from methods.kernels.simd.ir import I8, I16, I32, I64

__all__ = ["BLOCK", "TABLE", "TRIPLE", "WIDE", "first_query", "planar_tile"]

BLOCK = 64  # documents a block
WIDE = 4  # queries that share a document read from memory
TRIPLE = 3  # nibbles whose distances (0..4 each) sum to a half byte
TABLE = "avx2_table"  # the AVX2 tile for terms that do not fit half a byte


def _segments(builder: Any, args: dict[str, Any], body: Any) -> None:
    """``body(first, last)`` for every ``segment`` rows."""

    def segment(first: Any) -> None:
        last = builder.add(first, args["segment"])
        body(first, builder.select(builder.icmp_signed("<", last, args["rows"]), last, args["rows"]))

    simd.count_loop(builder, ir.Constant(I64, 0), args["rows"], args["segment"], segment)


def _flush(builder: Any, out: Any, slots: list[Any]) -> None:
    """Add registers of bytes to the 16-bit sums at ``out``, one after the other."""
    lanes = slots[0].type.pointee.count
    simd.barrier(builder)
    words = simd.vector(I16, lanes)
    for number, slot in enumerate(slots):
        place = simd.at(builder, out, number * lanes * 2)
        wide = builder.zext(builder.load(slot), words)
        simd.store(builder, builder.add(simd.load(builder, words, place), wide), place)


def _row(builder: Any, base: Any, index: Any, nbytes: int) -> Any:
    return simd.at(builder, base, builder.mul(index, ir.Constant(I64, nbytes)))


def _query(builder: Any, args: dict[str, Any], index: Any, query: int, nbytes: int) -> Any:
    """Address of row ``index`` of a query whose rows take ``nbytes``."""
    place = _row(builder, args["queries"], index, nbytes)
    return simd.at(builder, place, builder.mul(args["stride"], ir.Constant(I64, query * nbytes)))


def _entry(builder: Any, table: Any, offset: Any) -> Any:
    """The 16 bytes of ``table`` at a small unsigned ``offset``, in both halves of a register."""
    address = simd.at(builder, table, builder.zext(offset, I64))
    return simd.repeat(builder, simd.load(builder, simd.vector(I8, 16), address), 2)


def _bits(builder: Any, path: str, width: int, args: dict[str, Any]) -> None:
    """Generic: a row is a byte of 64 documents; its term is the bits that differ from the query's byte."""
    lanes = 64 if path in WIDEST else 32
    kind = simd.vector(I8, lanes)
    parts = range(BLOCK // lanes)

    def segment(first: Any, last: Any) -> None:
        sums = simd.accumulators(builder, kind, width * len(parts))

        def row(index: Any) -> None:
            line = _row(builder, args["docs"], index, BLOCK)
            if width == 1:
                simd.prefetch(builder, line, simd.AHEAD, BLOCK)
            codes = [simd.load(builder, kind, simd.at(builder, line, part * lanes)) for part in parts]
            for query in range(width):
                four = simd.load(builder, I32, _query(builder, args, index, query, 4))
                splat = builder.bitcast(simd.splat(builder, four, lanes // 4), kind)
                for part in parts:
                    differing = simd.popcount(builder, builder.xor(codes[part], splat))
                    simd.accumulate(builder, sums[query * len(parts) + part], differing)

        simd.count_loop(builder, first, last, 1, row)
        _flush(builder, args["out"], sums)

    _segments(builder, args, segment)


def _pairs(builder: Any, width: int, args: dict[str, Any]) -> None:
    """AVX2: a row is a nibble of 64 documents; one look-up gives its distance to two queries, half a byte each.

    Three rows are summed before the halves part: at most 12 in each.
    """
    kind = simd.vector(I8, 32)
    low = simd.constant(kind, 15)

    def segment(first: Any, last: Any) -> None:
        sums = simd.accumulators(builder, kind, width * 2)

        def triple(index: Any) -> None:
            for part in range(2):
                codes = []
                for step in range(TRIPLE):
                    line = _row(builder, args["docs"], index, BLOCK)
                    codes.append(simd.load(builder, kind, simd.at(builder, line, step * BLOCK + part * 32)))
                for pair in range(width // 2):
                    total = None
                    place = _query(builder, args, index, pair, 2)
                    for step in range(TRIPLE):
                        offset = simd.load(builder, I16, simd.at(builder, place, step * 2))
                        term = simd.lookup(builder, _entry(builder, args["table"], offset), codes[step])
                        total = term if total is None else builder.add(total, term)
                    simd.accumulate(builder, sums[pair * 4 + part], builder.and_(total, low))
                    high = builder.and_(simd.shift_right(builder, total, 4), low)
                    simd.accumulate(builder, sums[pair * 4 + 2 + part], high)

        simd.count_loop(builder, first, last, TRIPLE, triple)
        _flush(builder, args["out"], sums)

    _segments(builder, args, segment)


def _table(builder: Any, width: int, args: dict[str, Any]) -> None:
    """AVX2: the term of (query nibble, document nibble) is looked up in the 16 entries of the query's nibble.

    Four queries read nibbles that were unpacked before, a row each; for one query a byte's nibbles are split here.
    """
    kind = simd.vector(I8, 32)
    low = simd.constant(kind, 15)
    nibbles = 1 if width > 1 else 2

    def segment(first: Any, last: Any) -> None:
        sums = simd.accumulators(builder, kind, width * 2)

        def row(index: Any) -> None:
            line = _row(builder, args["docs"], index, BLOCK // nibbles)  # index counts nibbles
            if width == 1:
                simd.prefetch(builder, line, simd.AHEAD, BLOCK)
            for query in range(width):
                where = _query(builder, args, index, query, 1)
                entries = [
                    _entry(builder, args["table"], simd.load(builder, I8, simd.at(builder, where, half)))
                    for half in range(nibbles)
                ]
                for part in range(2):
                    codes = simd.load(builder, kind, simd.at(builder, line, part * 32))
                    halves = [codes]
                    if nibbles == 2:
                        halves = [builder.and_(simd.shift_right(builder, codes, 4), low), builder.and_(codes, low)]
                    for entry, half in zip(entries, halves):
                        simd.accumulate(builder, sums[query * 2 + part], simd.lookup(builder, entry, half))

        simd.count_loop(builder, first, last, nibbles, row)
        _flush(builder, args["out"], sums)

    _segments(builder, args, segment)


def first_query(builder: Any, args: Arguments) -> Any:
    """Where the first query begins, ``query_offset`` bytes into ``queries``."""
    return simd.at(builder, args["queries"], args["query_offset"])


@emitted("path, width, docs, queries, int64 query_offset, int64 stride, table, int64 rows, int64 segment, out")
def planar_tile(builder: Any, args: Arguments) -> None:
    """``out[q, doc] = sum over rows of term(query q, doc)``, int16, for ``width`` queries and 64 documents.

    Parameters
    ----------
    path : Path
    width : literal int
        1 or 4.
    docs : uint8 array
        Rows of 64 bytes: a nibble of each document (AVX2 with four queries) or a byte (else).
    queries : array
        AVX2, four queries, by pairs: uint16, 16 times the entry of the pair. AVX2 with :data:`TABLE`: uint8, 16
        times the nibble. Else: uint8, the byte four times.
    query_offset, stride : int64
        First byte of the first query; rows of ``queries`` from one query (pair) to the next.
    table : uint8 array
        AVX2: 16 terms an entry.
    rows, segment : int64
        Rows in all, and rows whose terms sum to at most 255.
    out : (>= width * 64,) int16
    """
    args["queries"] = first_query(builder, args)
    path, count = args["path"], args["width"]
    simd.clear(builder, args["out"], count * BLOCK * 2)
    if path == TABLE:
        _table(builder, count, args)
    elif path == "avx2" and count > 1:
        _pairs(builder, count, args)
    else:
        _bits(builder, path, count, args)
