"""Inner tile of the scans by products: 64 documents against four queries (or one) in int8.

Documents are words of four bytes; a word's bytes belong to four units of the packed code (see
:func:`methods.kernels.scanning.layout.quads`), so that shifting and masking whole words takes their symbols out.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from methods.kernels.machine.cpu import NATIVE, WIDEST
from methods.kernels.simd import ir as simd
from methods.kernels.simd.emitted import Arguments, emitted
from methods.kernels.simd.ir import I8, I16, I32, I64
from methods.kernels.simd.planar_tile import BLOCK, first_query

__all__ = ["dot_tile", "packed_dot_tile", "unpack_words"]


def _symbols(builder: Any, words: list[Any], bits: int) -> list[Any]:
    """The symbols of a unit, one a byte, from the unit's words (one, or three for three bits): <n x i32> each."""

    def part(word: Any, shift: int, mask: int) -> Any:
        moved = simd.shift_left(builder, word, -shift) if shift < 0 else simd.shift_right(builder, word, shift)
        return builder.and_(moved, simd.constant(word.type, mask * 0x01010101))

    if bits != 3:
        return [part(words[0], shift, 2**bits - 1) for shift in range(8 - bits, -1, -bits)]
    a, b, c = words
    return [
        part(a, 5, 7),
        part(a, 2, 7),
        builder.or_(part(a, -1, 6), part(b, 7, 1)),
        part(b, 4, 7),
        part(b, 1, 7),
        builder.or_(part(b, -2, 4), part(c, 6, 3)),
        part(c, 3, 7),
        part(c, 0, 7),
    ]


def _shape(path: str, width: int) -> tuple[int, int]:
    """Documents in a register and registers in a tile: eight sums of a query, or two (four) for each of four."""
    if path in WIDEST:
        return 16, 4
    return (8, 8) if width == 1 else (8, 2)


class _Sums:
    """The sums of ``width`` queries with ``parts`` registers of documents.

    AVX-512: in 32 bits. Else in 16 bits, two a document, to be widened before they overflow.
    """

    def __init__(self, builder: Any, path: str, width: int, lanes: int, parts: int) -> None:
        self.builder, self.parts, self.lanes = builder, parts, lanes
        self.native = path in NATIVE
        self.direct = path in WIDEST
        self.bytes = simd.vector(I8, lanes * 4)
        self.kind = simd.vector(I32, lanes) if self.direct else simd.vector(I16, lanes * 2)
        self.slots = simd.accumulators(builder, self.kind, width * parts)

    def add(self, query: int, part: int, codes: Any, weights: Any) -> None:
        """Add the products of four dimensions: codes and weights are <lanes * 4 x i8>."""
        slot, builder = self.slots[query * self.parts + part], self.builder
        if self.direct:
            builder.store(simd.dot_quads(builder, builder.load(slot), codes, weights, self.native), slot)
        else:
            simd.accumulate(builder, slot, simd.multiply_pairs(builder, codes, weights, self.native))

    def weights(self, address: Any) -> Any:
        """Four weights at ``address`` for every document of a register."""
        splat = simd.splat(self.builder, simd.load(self.builder, I32, address), self.lanes)
        return self.builder.bitcast(splat, self.bytes)

    def flush(self, out: Any, add: bool) -> None:
        """Write to the 32-bit sums (query, 64) at ``out``, or ``add`` to them."""
        builder, kind = self.builder, simd.vector(I32, self.lanes)
        simd.barrier(builder)
        for number, slot in enumerate(self.slots):
            query, part = divmod(number, self.parts)
            total = builder.load(slot)
            total = total if self.direct else simd.add_pairs(builder, total, self.native)
            place = simd.at(builder, out, 4 * (query * BLOCK + part * self.lanes))
            simd.store(builder, builder.add(simd.load(builder, kind, place), total) if add else total, place)


def _emit(builder: Any, path: str, width: int, bits: int, args: dict[str, Any]) -> None:
    """The tile; ``bits`` = 0 where documents are unpacked already (a row: four symbols a word)."""
    lanes, parts = _shape(path, width)
    unit = 3 if bits == 3 else 1
    symbols = {0: 1, 3: 8}.get(bits) or 8 // bits
    count, limit, zero = args["rows"], args["segment"], ir.Constant(I64, 0)

    def some_documents(first_doc: Any) -> None:
        place_of_first = builder.mul(first_doc, ir.Constant(I64, 4))
        docs, out = (simd.at(builder, args[name], place_of_first) for name in ("docs", "out"))

        def segment(first: Any, add: bool = True) -> None:
            last = builder.add(first, limit)
            last = builder.select(builder.icmp_signed("<", last, count), last, count)
            sums = _Sums(builder, path, width, lanes, parts)

            def group(index: Any) -> None:
                line = simd.at(builder, docs, builder.mul(index, ir.Constant(I64, BLOCK * 4 * unit)))
                place = simd.at(builder, args["queries"], builder.mul(index, ir.Constant(I64, 4 * symbols)))
                if width == 1:
                    simd.prefetch(builder, line, simd.AHEAD, 4 * BLOCK * unit)
                words_type = simd.vector(I32, lanes)

                def codes(part: int) -> list[Any]:
                    start = 4 * part * lanes
                    words = [
                        simd.load(builder, words_type, simd.at(builder, line, start + 4 * BLOCK * t))
                        for t in range(unit)
                    ]
                    return _symbols(builder, words, bits) if bits else words

                def weights(query: int, symbol: int) -> Any:
                    where = simd.at(builder, place, builder.mul(args["stride"], ir.Constant(I64, query * 4)))
                    return sums.weights(simd.at(builder, where, 4 * symbol))

                if width == 1:  # one register of documents after the other: there are too few for all
                    shared = [weights(0, symbol) for symbol in range(symbols)]
                    for part in range(parts):
                        for code, weight in zip(codes(part), shared):
                            sums.add(0, part, builder.bitcast(code, sums.bytes), weight)
                else:
                    unpacked = [codes(part)[0] for part in range(parts)]
                    for query in range(width):
                        weight = weights(query, 0)
                        for part in range(parts):
                            sums.add(query, part, builder.bitcast(unpacked[part], sums.bytes), weight)

            simd.count_loop(builder, first, last, 1, group)
            sums.flush(out, add)

        segment(zero, add=False)
        simd.count_loop(builder, limit, count, limit, segment)

    simd.count_loop(builder, zero, ir.Constant(I64, BLOCK), lanes * parts, some_documents)


@emitted("path, width, docs, queries, int64 query_offset, int64 stride, int64 rows, int64 segment, out")
def dot_tile(builder: Any, args: Arguments) -> None:
    """``out[q, doc] = sum over dimensions of weight * symbol``, int32, for ``width`` queries and 64 documents.

    Parameters
    ----------
    path : Path
    width : literal int
        1 or 4.
    docs : uint32 array
        Rows of 64 words: four dimensions of each of the block's documents, a byte each.
    queries : int8 array
        The queries' weights, four dimensions (4 bytes) a row.
    query_offset, stride : int64
        First byte of the first query; rows of ``queries`` from one query to the next.
    rows, segment : int64
        Rows (of four dimensions) in all, and rows whose pairs of products sum to at most 32767 in magnitude.
    out : (>= width * 64,) int32
    """
    args["queries"] = first_query(builder, args)
    _emit(builder, args["path"], args["width"], 0, args)


@emitted("path, bits, docs, queries, int64 rows, int64 segment, out")
def packed_dot_tile(builder: Any, args: Arguments) -> None:
    """As :func:`dot_tile` for one query and documents still packed: a row is one unit's words, literal ``bits``."""
    args["stride"] = ir.Constant(I64, 0)
    _emit(builder, args["path"], 1, args["bits"], args)


@emitted("bits, words, int64 rows, out")
def unpack_words(builder: Any, args: Arguments) -> None:
    """Symbols of packed documents: ``rows`` units of 64 documents into a row of ``out`` (uint32) a symbol."""
    width = args["bits"]
    unit, symbols = (3, 8) if width == 3 else (1, 8 // width)
    kind = simd.vector(I32, 8)
    following = builder.mul(args["rows"], ir.Constant(I64, BLOCK * 4 * unit))

    def row(index: Any) -> None:
        source = simd.at(builder, args["words"], builder.mul(index, ir.Constant(I64, BLOCK * 4 * unit)))
        target = simd.at(builder, args["out"], builder.mul(index, ir.Constant(I64, BLOCK * 4 * symbols)))
        simd.prefetch(builder, source, following, BLOCK * 4 * unit)  # the next block's
        for doc in range(0, BLOCK, 8):
            packed = [simd.load(builder, kind, simd.at(builder, source, 4 * (t * BLOCK + doc))) for t in range(unit)]
            for symbol, value in enumerate(_symbols(builder, packed, width)):
                simd.store(builder, value, simd.at(builder, target, 4 * (symbol * BLOCK + doc)))

    simd.count_loop(builder, ir.Constant(I64, 0), args["rows"], 1, row)
