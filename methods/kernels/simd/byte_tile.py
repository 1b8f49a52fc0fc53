"""Inner tile of the scan of codes of one byte a dimension as they lie: some codes against a query, in float32."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from methods.kernels.simd import ir as simd
from methods.kernels.simd.emitted import Arguments, emitted
from methods.kernels.simd.ir import I8, I64

__all__ = ["LANES", "byte_tile"]

LANES = 16  # dimensions at a time; a processor with shorter registers takes two or four for them

_FLOAT = ir.FloatType()


def _total(builder: Any, value: Any) -> Any:
    """The sum of a vector's lanes, halves added to halves."""
    while (lanes := value.type.count) > 1:
        halves = [list(range(first, first + lanes // 2)) for first in (0, lanes // 2)]
        undefined = ir.Constant(value.type, ir.Undefined)
        low, high = (
            builder.shuffle_vector(value, undefined, ir.Constant(simd.vector(simd.I32, lanes // 2), half))
            for half in halves
        )
        value = builder.fadd(low, high)
    return builder.extract_element(value, ir.Constant(simd.I32, 0))


@emitted("rows, distances, codes, int64 first, weights, steps, int64 dims, out")
def byte_tile(builder: Any, args: Arguments) -> None:
    """Sums over dimensions, for ``rows`` codes: of weight times byte, or of squares of weight less step times byte.

    Parameters
    ----------
    rows : literal int
        Codes, whose sums do not wait for each other.
    distances : literal bool
        Squares.
    codes : uint8 array
        From byte ``first`` on, ``dims`` bytes a code.
    weights : (dims,) float32
    steps : (dims,) float32
        The negative of each; read for squares.
    dims : int64
        Sums leave out those beyond the last multiple of :data:`LANES`.
    out : (rows,) float32
    """
    floats = simd.vector(_FLOAT, LANES)
    fused = f"llvm.fmuladd.v{LANES}f32"
    four = ir.Constant(I64, 4)
    lines = [
        simd.at(builder, args["codes"], builder.add(args["first"], builder.mul(args["dims"], ir.Constant(I64, row))))
        for row in range(args["rows"])
    ]
    sums = simd.accumulators(builder, floats, args["rows"])

    def chunk(index: Any) -> None:
        place = builder.mul(index, four)
        weight = simd.load(builder, floats, simd.at(builder, args["weights"], place), 4)
        step = simd.load(builder, floats, simd.at(builder, args["steps"], place), 4) if args["distances"] else None
        for line, slot in zip(lines, sums):
            code = simd.load(builder, simd.vector(I8, LANES), simd.at(builder, line, index))
            value, factor = builder.uitofp(code, floats), weight
            if step is not None:
                value = factor = simd.call(builder, fused, floats, [value, step, weight])
            builder.store(simd.call(builder, fused, floats, [value, factor, builder.load(slot)]), slot)

    in_lanes = builder.and_(args["dims"], ir.Constant(I64, -LANES))
    simd.count_loop(builder, ir.Constant(I64, 0), in_lanes, LANES, chunk)
    for row, slot in enumerate(sums):
        simd.store(builder, _total(builder, builder.load(slot)), simd.at(builder, args["out"], 4 * row), 4)
