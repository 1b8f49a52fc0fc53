"""A block's scores and the largest of some of them, many lanes at once: numba's own loops take them one by one."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from methods.kernels.simd import ir as simd
from methods.kernels.simd.emitted import Arguments, emitted
from methods.kernels.simd.ir import I32, I64
from methods.kernels.simd.planar_tile import BLOCK

__all__ = ["block_largest", "block_scores"]

_LANES = 16


@emitted("scores, int32 begin, int32 end -> float32")
def block_largest(builder: Any, args: Arguments) -> Any:
    """The largest of ``scores[begin:end]``, of (64,) float32 without NaN; -inf where there are none."""
    floats, integers = simd.vector(ir.FloatType(), _LANES), simd.vector(I32, _LANES)
    begin, size = args["begin"], builder.sub(args["end"], args["begin"])
    begin, size = (simd.splat(builder, value, _LANES) for value in (begin, size))
    least = ir.Constant(floats, [float("-inf")] * _LANES)
    largest = least
    for first in range(0, BLOCK, _LANES):
        places = ir.Constant(integers, list(range(first, first + _LANES)))
        inside = builder.icmp_unsigned("<", builder.sub(places, begin), size)
        some = simd.load(builder, floats, simd.at(builder, args["scores"], 4 * first))
        some = builder.select(inside, some, least)
        largest = builder.select(builder.fcmp_ordered(">", some, largest), some, largest)
    lanes = _LANES
    while lanes > 1:  # halves against each other
        lanes //= 2
        mask = [ir.Constant(simd.vector(I32, lanes), list(range(at, at + lanes))) for at in (0, lanes)]
        low, high = (builder.shuffle_vector(largest, ir.Constant(largest.type, ir.Undefined), each) for each in mask)
        largest = builder.select(builder.fcmp_ordered(">", low, high), low, high)
    return builder.extract_element(largest, ir.Constant(I32, 0))


@emitted("sums, int64 row, int32 offset, float32 unit, terms, scale, float32 weight, added, out")
def block_scores(builder: Any, args: Arguments) -> None:
    """``out = (float32(2 * sums[row] + offset) * unit + terms) * scale + weight * added``, each (64,) float32.

    ``sums`` (rows, 64) are int32.
    """
    floats, integers = simd.vector(ir.FloatType(), _LANES), simd.vector(I32, _LANES)
    line = simd.at(builder, args["sums"], builder.mul(args["row"], ir.Constant(I64, 4 * BLOCK)))
    offset, unit, weight = (simd.splat(builder, args[name], _LANES) for name in ("offset", "unit", "weight"))
    for first in range(0, BLOCK, _LANES):
        total = simd.load(builder, integers, simd.at(builder, line, 4 * first))
        terms, scale, added = (
            simd.load(builder, floats, simd.at(builder, args[name], 4 * first)) for name in ("terms", "scale", "added")
        )
        total = builder.sitofp(builder.add(builder.add(total, total), offset), floats)
        product = builder.fmul(builder.fadd(builder.fmul(total, unit), terms), scale)
        score = builder.fadd(product, builder.fmul(weight, added))
        simd.store(builder, score, simd.at(builder, args["out"], 4 * first))
