"""At most so much do tables add to each document of a block: bytes looked up, for all 64 documents at once."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from methods.kernels.machine.cpu import NATIVE, WIDEST
from methods.kernels.simd import ir as simd
from methods.kernels.simd.emitted import Arguments, emitted
from methods.kernels.simd.ir import I8, I16, I32, I64
from methods.kernels.simd.planar_tile import BLOCK
from methods.kernels.simd.unpack_trellis import has_differences, looked_up

__all__ = ["has_look_ups", "raise_sums", "reads_differences"]


@emitted("path -> boolean")
def has_look_ups(builder: Any, args: Arguments) -> Any:
    """Whether a path looks bytes up in 256 by instructions; elsewhere that takes longer than it saves."""
    return ir.Constant(ir.IntType(1), int(args["path"] in NATIVE))


@emitted("path -> boolean")
def reads_differences(builder: Any, args: Arguments) -> Any:
    """Whether a path looks bytes up in :func:`~methods.kernels.simd.unpack_trellis.take_differences`."""
    return ir.Constant(ir.IntType(1), int(has_differences(args["path"])))


@emitted("path, stages, int64 first, int64 count, tables, int64 own, int32 base, int32 step, sums, int64 row, raised")
def raise_sums(builder: Any, args: Arguments) -> None:
    """``raised[doc] = sums[row, doc] + base + step * sum over stages of tables[own + stage, stages[stage, doc]]``.

    Parameters
    ----------
    path : Path
        One of ``NATIVE``; the others take longer to look a byte up than it saves.
    stages : uint8 array
        A block's begin at byte ``first``, 64 documents of a stage side by side.
    count : int64
        Stages, at most 256: their sums have 16 bits.
    tables : (tables, 256) uint8
        Those of the query are ``count`` from ``own`` on; differences of rows where the path :func:`reads_differences`.
    base, step : int32
    sums : (4, 64) int32
    raised : (64,) int32
    """
    path = args["path"]
    lanes = BLOCK if path in WIDEST else BLOCK // 2
    shorts, words = simd.vector(I16, lanes), simd.vector(I32, lanes)
    line = simd.at(builder, args["stages"], args["first"])
    own = simd.at(builder, args["tables"], builder.mul(args["own"], ir.Constant(I64, 256)))
    for doc in range(0, BLOCK, lanes):
        slot = simd.accumulators(builder, shorts, 1)[0]

        def stage(number: Any, doc: int = doc, slot: Any = slot) -> None:
            place = simd.at(builder, line, builder.mul(number, ir.Constant(I64, BLOCK)))
            index = simd.load(builder, simd.vector(I8, lanes), simd.at(builder, place, doc))
            table = simd.at(builder, own, builder.mul(number, ir.Constant(I64, 256)))
            simd.accumulate(builder, slot, builder.zext(looked_up(builder, path, [index], [table])[0][0], shorts))

        builder.store(simd.constant(shorts, 0), slot)
        simd.count_loop(builder, ir.Constant(I64, 0), args["count"], 1, stage)
        added = builder.mul(builder.zext(builder.load(slot), words), simd.splat(builder, args["step"], lanes))
        start = builder.mul(args["row"], ir.Constant(I64, 4 * BLOCK))
        total = simd.load(builder, words, simd.at(builder, simd.at(builder, args["sums"], start), 4 * doc))
        total = builder.add(builder.add(total, simd.splat(builder, args["base"], lanes)), added)
        simd.store(builder, total, simd.at(builder, args["raised"], 4 * doc))
