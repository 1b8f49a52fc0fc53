"""Inner tiles of the scans over levels: words of four bytes, or two numbers of 16 bits, against four queries or one.

Unlike :func:`methods.kernels.simd.dot_tile.dot_tile`, bytes hold levels up to 127, so that sums of 16 bits would
overflow after a row: they are widened as late as the present queries allow
(:func:`segment_ends`).
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
from methods.kernels.simd.planar_tile import BLOCK, first_query

__all__ = ["level_tile", "multiply_words", "segment_ends", "wide_tile"]


@njit(cache=True, nogil=True)
def segment_ends(weights: np.ndarray, tops: np.ndarray, first: int, width: int, ends: np.ndarray) -> int:
    """Rows after which sums of 16 bits have to be widened, for the ``width`` queries from ``first`` on.

    Parameters
    ----------
    weights : (nq, rows * 4) int8
    tops : (rows,) int32
        The largest level in a row, at most 127: two products fit 16 bits.
    ends : (rows + 1,) int64
        Filled with 0 and the ends of the segments, whose number is returned.
    """
    rows, count = len(tops), 0
    ends[0] = 0
    room = np.full((width, 2, 2), 32767, np.int64)  # above and below zero, of each pair of a word
    needed = np.empty((width, 2, 2), np.int64)
    for row in range(rows):
        fits = True
        for query in range(width):
            for pair in range(2):
                needed[query, pair] = 0
                for j in range(2):
                    product = np.int64(weights[first + query, 4 * row + 2 * pair + j]) * tops[row]
                    needed[query, pair, 0] += max(product, 0)
                    needed[query, pair, 1] += max(-product, 0)
                for sign in range(2):
                    fits = fits and needed[query, pair, sign] <= room[query, pair, sign]
        if not fits:
            count += 1
            ends[count] = row
            room[:] = 32767
        room -= needed
    if rows:
        count += 1
        ends[count] = rows
    return count


def _emit(builder: Any, path: str, width: int, args: dict[str, Any]) -> None:
    direct, native = path in WIDEST, path in NATIVE
    lanes, parts = (16, 4) if direct else ((8, 8) if width == 1 else (8, 2))
    codes_kind, words_kind = simd.vector(I8, lanes * 4), simd.vector(I32, lanes)
    kind = words_kind if direct else simd.vector(I16, lanes * 2)

    def chunk(first_doc: int) -> None:
        slots = simd.accumulators(builder, kind, width * parts)

        def row(index: Any) -> None:
            line = simd.at(builder, args["docs"], builder.mul(index, ir.Constant(I64, BLOCK * 4)))
            place = simd.at(builder, args["queries"], builder.mul(index, ir.Constant(I64, 4)))
            starts = [4 * (first_doc + part * lanes) for part in range(parts)]
            codes = [simd.load(builder, codes_kind, simd.at(builder, line, start)) for start in starts]
            for query in range(width):
                where = simd.at(builder, place, builder.mul(args["stride"], ir.Constant(I64, query)))
                splat = simd.splat(builder, simd.load(builder, I32, where), lanes)
                weights = builder.bitcast(splat, codes_kind)
                for part in range(parts):
                    slot = slots[query * parts + part]
                    if direct:
                        builder.store(simd.dot_quads(builder, builder.load(slot), codes[part], weights, native), slot)
                    else:
                        simd.accumulate(builder, slot, simd.multiply_pairs(builder, codes[part], weights, native))

        def segment(number: Any) -> None:
            for slot in slots:
                builder.store(simd.constant(kind, 0), slot)
            ends = simd.at(builder, args["ends"], builder.mul(number, ir.Constant(I64, 8)))
            first, last = (simd.load(builder, I64, simd.at(builder, ends, at)) for at in (0, 8))
            simd.count_loop(builder, first, last, 1, row)
            for place_of, slot in enumerate(slots):
                query, part = divmod(place_of, parts)
                total = builder.load(slot)
                total = total if direct else simd.add_pairs(builder, total, native)
                place = simd.at(builder, args["out"], 4 * (query * BLOCK + first_doc + part * lanes))
                simd.store(builder, builder.add(simd.load(builder, words_kind, place), total), place)

        simd.count_loop(builder, ir.Constant(I64, 0), args["segments"], 1, segment)

    for first_doc in range(0, BLOCK, lanes * parts):
        chunk(first_doc)


@emitted(
    "path, width, docs, int64 first_row, queries, int64 query_offset, int64 stride, ends, int64 ends_offset, "
    "int64 segments, out"
)
def level_tile(builder: Any, args: Arguments) -> None:
    """``out[q, doc] += sum over rows of four weights times levels``, int32, for ``width`` queries and 64 documents.

    Parameters
    ----------
    path : Path
    width : literal int
        1 or 4.
    docs : uint32 array
        Rows of 64 words (:func:`methods.kernels.simd.unpack_symbols.expand`).
    first_row : int64
    queries : int8 array
        Four weights a row.
    query_offset, stride : int64
        First byte of the first query; bytes from one query to the next.
    ends : int64 array
    ends_offset, segments : int64
        Where these queries' :func:`segment_ends` begin in it, and the number of their segments.
    out : (>= width * 64,) int32
    """
    args["queries"] = first_query(builder, args)
    args["docs"] = simd.at(builder, args["docs"], builder.mul(args["first_row"], ir.Constant(I64, BLOCK * 4)))
    args["ends"] = simd.at(builder, args["ends"], builder.mul(args["ends_offset"], ir.Constant(I64, 8)))
    _emit(builder, args["path"], args["width"], args)


def multiply_words(builder: Any, a: Any, b: Any, native: bool) -> Any:
    """<n x i16> signed products, neighbors added: <n/2 x i32>. Native is ``vpmaddwd``."""
    wide = simd.vector(I32, a.type.count // 2)
    if native:
        name = "llvm.x86.avx2.pmadd.wd" if a.type.count == 16 else "llvm.x86.avx512.pmaddw.d.512"
        return simd.call(builder, name, wide, [a, b])
    a, b, sixteen = builder.bitcast(a, wide), builder.bitcast(b, wide), simd.constant(wide, 16)
    low = [builder.ashr(builder.shl(value, sixteen), sixteen) for value in (a, b)]
    high = [builder.ashr(value, sixteen) for value in (a, b)]
    return builder.add(builder.mul(*low), builder.mul(*high))


@emitted("path, width, shifts, int64 first_shift, docs, queries, int64 query_offset, int64 stride, int64 rows, out")
def wide_tile(builder: Any, args: Arguments) -> None:
    """``out[q, doc] = (sum over rows of two weights times levels of 16 bits) >> shifts[q]``, int32.

    Parameters
    ----------
    path, width, query_offset, stride, out
        As for :func:`level_tile`; here ``out`` is overwritten even if there are no rows.
    shifts : (nq, 1) int32
        Those of these queries from ``first_shift`` on.
    docs : uint32 array
        Rows of 64 words, two dimensions each.
    queries : int16 array
        Two weights a row; the caller rules out overflow of the sums.
    rows : int64
    """
    args["queries"] = first_query(builder, args)
    path, width = args["path"], args["width"]
    native = path in NATIVE
    lanes, parts = (16, 4) if path in WIDEST else ((8, 8) if width == 1 else (8, 2))
    first = simd.at(builder, args["shifts"], builder.mul(args["first_shift"], ir.Constant(I64, 4)))
    shifts = [simd.splat(builder, simd.load(builder, I32, simd.at(builder, first, 4 * q)), lanes) for q in range(width)]
    kind, words = simd.vector(I32, lanes), simd.vector(I16, 2 * lanes)
    for first_doc in range(0, BLOCK, lanes * parts):
        slots = simd.accumulators(builder, kind, width * parts)
        for slot in slots:
            builder.store(simd.constant(kind, 0), slot)

        def row(index: Any, first_doc: int = first_doc, slots: list[Any] = slots) -> None:
            line = simd.at(builder, args["docs"], builder.mul(index, ir.Constant(I64, BLOCK * 4)))
            place = simd.at(builder, args["queries"], builder.mul(index, ir.Constant(I64, 4)))
            starts = [4 * (first_doc + part * lanes) for part in range(parts)]
            codes = [simd.load(builder, words, simd.at(builder, line, start)) for start in starts]
            for query in range(width):
                where = simd.at(builder, place, builder.mul(args["stride"], ir.Constant(I64, query)))
                weights = builder.bitcast(simd.splat(builder, simd.load(builder, I32, where), lanes), words)
                for part in range(parts):
                    products = multiply_words(builder, codes[part], weights, native)
                    simd.accumulate(builder, slots[query * parts + part], products)

        simd.count_loop(builder, ir.Constant(I64, 0), args["rows"], 1, row)
        for number, slot in enumerate(slots):
            query, part = divmod(number, parts)
            place = simd.at(builder, args["out"], 4 * (query * BLOCK + first_doc + part * lanes))
            simd.store(builder, builder.ashr(builder.load(slot), shifts[query]), place)
