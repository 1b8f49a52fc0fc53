"""Products of one query with symbols as they are unpacked: nothing is written between.

Several queries share what :func:`methods.kernels.simd.unpack_symbols.expand` writes to the cache; for one query the
writing and reading again takes as long as the products do.
"""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import ir

from methods.kernels.machine.cpu import NATIVE, WIDEST
from methods.kernels.simd import ir as simd
from methods.kernels.simd.emitted import Arguments, emitted
from methods.kernels.simd.ir import I8, I16, I32, I64
from methods.kernels.simd.level_tile import multiply_words
from methods.kernels.simd.planar_tile import BLOCK
from methods.kernels.simd.unpack_symbols import group_words, level_tables

__all__ = ["add_products"]


def _added(builder: Any, path: str, wide: int, total: Any, words: Any, weights: Any) -> Any:
    """``total`` <n x i32> plus the products of words, of four bytes or of two numbers, with weights <n x i32>."""
    native = path in NATIVE
    if wide:
        numbers = simd.vector(I16, 2 * total.type.count)
        words, weights = (builder.bitcast(value, numbers) for value in (words, weights))
        return builder.add(total, multiply_words(builder, words, weights, native))
    weights = builder.bitcast(weights, simd.vector(I8, 4 * total.type.count))
    if path in WIDEST:
        return simd.dot_quads(builder, total, words, weights, native)
    pairs = simd.multiply_pairs(builder, words, weights, native)
    return builder.add(total, simd.add_pairs(builder, pairs, native))


@emitted("path, bits, wide, docs, int64 first, int64 groups, tables, weights, int64 row, sums, int64 ahead")
def add_products(builder: Any, args: Arguments) -> None:
    """``sums[doc] += sum over the dimensions of groups of weight * level``, for 64 documents and one query.

    Parameters
    ----------
    path, bits, wide, docs, first, groups, tables, ahead
        As for :func:`methods.kernels.simd.unpack_symbols.expand`.
    weights : int8 or int16 array
        Of bytes four dimensions a row, of numbers two; the caller rules out overflow of the sums.
    row : int64
        The first row of these groups.
    sums : (64,) int32
    """
    path, width, wide = args["path"], args["bits"], args["wide"]
    docs = 16 if path in WIDEST else 8
    kind = simd.vector(I32, docs)
    tables = level_tables(builder, path, width, wide, 4 * docs, args["tables"])
    rows = 4 if wide else 2
    start = simd.at(builder, args["docs"], builder.mul(args["first"], ir.Constant(I64, BLOCK)))
    row_size = ir.Constant(I64, 4)
    lines = simd.at(builder, args["weights"], builder.mul(args["row"], row_size))

    # Registers of documents, each of which repeats a look-up, and registers of sums of each: in one alone, the four
    # products of a wide group would wait for each other.
    together = 4 if width <= 4 and path in NATIVE else 1
    chains = rows if wide and path in WIDEST else 1

    def some_documents(first_doc: Any) -> None:
        docs_from = [builder.add(first_doc, ir.Constant(I64, docs * number)) for number in range(together)]
        outs = [simd.at(builder, args["sums"], builder.mul(doc, row_size)) for doc in docs_from]
        sums = [simd.accumulators(builder, kind, chains) for _ in docs_from]
        for out, chain in zip(outs, sums):
            builder.store(simd.load(builder, kind, out), chain[0])

        def group(index: Any) -> None:
            source = simd.at(builder, start, builder.mul(index, ir.Constant(I64, BLOCK * width)))
            line = simd.at(builder, lines, builder.mul(index, ir.Constant(I64, 4 * rows)))
            ahead = builder.add(args["ahead"], builder.mul(first_doc, ir.Constant(I64, width)))
            simd.prefetch(builder, source, ahead, docs * together * width, level=2)
            loaded = [simd.load(builder, I32, simd.at(builder, line, 4 * row)) for row in range(rows)]
            weights = [simd.splat(builder, each, docs) for each in loaded]
            for doc, chain in zip(docs_from, sums):
                words = group_words(builder, width, 4 * docs, tables, source, doc)
                for row, (each, weight) in enumerate(zip(words, weights)):
                    slot = chain[row % chains]
                    builder.store(_added(builder, path, wide, builder.load(slot), each, weight), slot)

        simd.count_loop(builder, ir.Constant(I64, 0), args["groups"], 1, group)
        for out, chain in zip(outs, sums):
            simd.store(builder, functools.reduce(builder.add, map(builder.load, chain)), out)

    simd.count_loop(builder, ir.Constant(I64, 0), ir.Constant(I64, BLOCK), docs * together, some_documents)
