"""The inner tiles of the scans: a block of 64 documents against four queries (or one), sums left in a small array.

Each tile is one numba intrinsic, specialised at compile time by the path and the number of queries.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from methods.kernels import simd
from methods.kernels.cpu import EMULATED
from methods.kernels.simd import I8, I16, I32, I64

__all__ = ["BLOCK", "WIDE", "dot_tile", "planar_tile"]

BLOCK = 64  # documents a block
WIDE = 4  # queries that share a document read from memory

_AVX2, _AVX512 = "avx2", ("avx512", EMULATED)


def _zero(builder: Any, out: Any, nbytes: int) -> None:
    empty = simd.constant(simd.vector(I8, 32), 0)
    for offset in range(0, nbytes, 32):
        simd.store(builder, empty, simd.at(builder, out, offset))


def _emit_planar(builder: Any, path: str, width: int, args: dict[str, Any]) -> None:
    """Sums of byte-sized terms, document by document: registers of bytes, widened every ``segment`` rows.

    AVX2: a row is one nibble of 64 documents; its term is looked up in the 16 entries that the query's nibble
    selects. Else: a row is one byte of 64 documents; its term is the bits that differ from the query's byte.
    """
    lookup = path == _AVX2
    lanes = 64 if path in _AVX512 else 32
    parts = BLOCK // lanes
    bytes_type, words_type = simd.vector(I8, lanes), simd.vector(I16, lanes)
    query_bytes = 1 if lookup else 4
    docs, queries, table, out = (args[name] for name in ("docs", "queries", "table", "out"))
    _zero(builder, out, width * BLOCK * 2)

    def segment(first: Any) -> None:
        last = builder.add(first, args["segment"])
        last = builder.select(builder.icmp_signed("<", last, args["rows"]), last, args["rows"])
        sums = simd.accumulators(builder, bytes_type, width * parts)

        def row(index: Any) -> None:
            line = simd.at(builder, docs, builder.mul(index, ir.Constant(I64, BLOCK)))
            codes = [simd.load(builder, bytes_type, simd.at(builder, line, part * lanes)) for part in range(parts)]
            place = simd.at(builder, queries, builder.mul(index, ir.Constant(I64, query_bytes)))
            for query in range(width):
                where = simd.at(builder, place, builder.mul(args["stride"], ir.Constant(I64, query * query_bytes)))
                if lookup:
                    entry = simd.at(builder, table, builder.zext(simd.load(builder, I8, where), I64))
                    terms = simd.repeat(builder, simd.load(builder, simd.vector(I8, 16), entry), 2)
                else:
                    splat = simd.splat(builder, simd.load(builder, I32, where), lanes // 4)
                    terms = builder.bitcast(splat, bytes_type)
                for part in range(parts):
                    if lookup:
                        term = simd.lookup(builder, terms, codes[part])
                    else:
                        term = simd.popcount(builder, builder.xor(codes[part], terms))
                    simd.accumulate(builder, sums[query * parts + part], term)

        simd.count_loop(builder, first, last, 1, row)
        for slot in range(width * parts):
            place = simd.at(builder, out, slot * lanes * 2)
            wide = builder.zext(builder.load(sums[slot]), words_type)
            simd.store(builder, builder.add(simd.load(builder, words_type, place), wide), place)

    simd.count_loop(builder, ir.Constant(I64, 0), args["rows"], args["segment"], segment)


def _emit_dot(builder: Any, path: str, width: int, args: dict[str, Any]) -> None:
    """Sums of unsigned code times signed weight, four dimensions in a 32-bit lane of each document.

    AVX2 and portable: sums in 16 bits, widened every ``segment`` groups. AVX-512: straight into 32 bits.
    """
    if path in _AVX512:
        lanes, parts = 16, 4
    else:
        lanes, parts = 8, 8 // width if width > 1 else 8
    bytes_type, words_type, sums_type = (simd.vector(t, lanes * 4 // s) for t, s in ((I8, 1), (I16, 2), (I32, 4)))
    native = path in ("avx2", "avx512")
    direct = lanes == 16
    docs, queries, out = args["docs"], args["queries"], args["out"]
    _zero(builder, out, width * BLOCK * 4)
    for first_doc in range(0, BLOCK, lanes * parts):

        def segment(first: Any, first_doc: int = first_doc) -> None:
            last = builder.add(first, args["segment"])
            last = builder.select(builder.icmp_signed("<", last, args["rows"]), last, args["rows"])
            sums = simd.accumulators(builder, sums_type if direct else words_type, width * parts)

            def group(index: Any) -> None:
                line = simd.at(builder, docs, builder.mul(index, ir.Constant(I64, BLOCK * 4)))
                codes = [
                    simd.load(builder, bytes_type, simd.at(builder, line, 4 * (first_doc + part * lanes)))
                    for part in range(parts)
                ]
                place = simd.at(builder, queries, builder.mul(index, ir.Constant(I64, 4)))
                for query in range(width):
                    where = simd.at(builder, place, builder.mul(args["stride"], ir.Constant(I64, query * 4)))
                    splat = simd.splat(builder, simd.load(builder, I32, where), lanes)
                    weights = builder.bitcast(splat, bytes_type)
                    for part in range(parts):
                        slot = sums[query * parts + part]
                        if direct:
                            total = builder.load(slot)
                            builder.store(simd.dot_quads(builder, total, codes[part], weights, native), slot)
                        else:
                            term = simd.multiply_pairs(builder, codes[part], weights, native)
                            simd.accumulate(builder, slot, term)

            simd.count_loop(builder, first, last, 1, group)
            for query in range(width):
                for part in range(parts):
                    total = builder.load(sums[query * parts + part])
                    total = total if direct else simd.add_pairs(builder, total, native)
                    place = simd.at(builder, out, 4 * (query * BLOCK + first_doc + part * lanes))
                    simd.store(builder, builder.add(simd.load(builder, sums_type, place), total), place)

        simd.count_loop(builder, ir.Constant(I64, 0), args["rows"], args["segment"], segment)


def _tile(emit: Any, names: tuple[str, ...], signature: Any) -> Any:
    """Code generator of an intrinsic: names its arguments, turns arrays plus offsets into addresses."""

    def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        args: dict[str, Any] = {}
        for name, kind, value in zip(names, sig.args, values):
            is_array = isinstance(kind, types.Array)
            args[name] = simd.data_pointer(context, builder, kind, value) if is_array else value
        args["queries"] = simd.at(builder, args["queries"], args["query_offset"])
        emit(builder, sig.args[0].path, sig.args[1].literal_value, args)
        return context.get_dummy_value()

    return signature, codegen


def _planar_tile(
    typingctx: Any,
    path: Any,
    width: Any,
    docs: Any,
    queries: Any,
    query_offset: Any,
    stride: Any,
    table: Any,
    rows: Any,
    segment: Any,
    out: Any,
) -> Any:
    """``out[q, doc] = sum over rows of term(query q, doc)``, int16, for ``width`` queries and 64 documents.

    Parameters
    ----------
    path : Path
    width : literal int
    docs : uint8 array
        Rows of 64 bytes: nibbles (AVX2) or bytes (else) of the block's documents.
    queries : uint8 array
        AVX2: 16 times the query's nibble, a byte a row. Else: the query's byte four times, 4 bytes a row.
    query_offset, stride : int64
        First byte of the first query; rows of ``queries`` from one query to the next.
    table : (256,) uint8
        AVX2: term of (query nibble, document nibble).
    rows, segment : int64
        Rows in all, and rows whose terms sum to at most 255.
    out : (>= width * 64,) int16
    """
    sig = types.void(path, width, docs, queries, types.int64, types.int64, table, types.int64, types.int64, out)
    names = ("path", "width", "docs", "queries", "query_offset", "stride", "table", "rows", "segment", "out")
    return _tile(_emit_planar, names, sig)


def _dot_tile(
    typingctx: Any,
    path: Any,
    width: Any,
    docs: Any,
    queries: Any,
    query_offset: Any,
    stride: Any,
    rows: Any,
    segment: Any,
    out: Any,
) -> Any:
    """``out[q, doc] = sum over dimensions of weight * code``, int32, for ``width`` queries and 64 documents.

    Parameters
    ----------
    path : Path
    width : literal int
    docs : uint8 array
        Rows of 64 x 4 bytes: four dimensions of each of the block's documents, unsigned codes.
    queries : int8 array
        The queries' weights, four dimensions (4 bytes) a row.
    query_offset, stride : int64
        First byte of the first query; rows of ``queries`` from one query to the next.
    rows, segment : int64
        Rows (of four dimensions) in all, and rows whose pairs of products sum to at most 32767 in magnitude.
    out : (>= width * 64,) int32
    """
    sig = types.void(path, width, docs, queries, types.int64, types.int64, types.int64, types.int64, out)
    names = ("path", "width", "docs", "queries", "query_offset", "stride", "rows", "segment", "out")
    return _tile(_emit_dot, names, sig)


planar_tile: Any = intrinsic(prefer_literal=True)(_planar_tile)
dot_tile: Any = intrinsic(prefer_literal=True)(_dot_tile)
