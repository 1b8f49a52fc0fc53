"""One step of the Viterbi algorithm through a bitshift trellis, sixteen states at a time."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from methods.kernels.simd import ir as simd
from methods.kernels.simd.emitted import Arguments, emitted
from methods.kernels.simd.ir import I8, I32, I64

__all__ = ["advance"]

_LANES = 16
_FLOATS = simd.vector(ir.FloatType(), _LANES)
_INTEGERS = simd.vector(I32, _LANES)


@emitted("bits, float32 value, codebook, before, after, choices, int64 row")
def advance(builder: Any, args: Arguments) -> None:
    """``after[s] = min over top of before[top * rest + (s >> bits)] + (value - codebook[s])^2``, for all states s.

    Costs are not negative, so that as integers they are in the same order: the choice is put into their lowest bits,
    and one minimum of integers finds both.

    Parameters
    ----------
    bits : literal int
        1..6 that leave the state, its highest, and that enter it, its lowest; ``rest = states >> bits``.
    value : float32
    codebook, before, after : (states,) float32
        ``states`` is a multiple of 1024. ``after`` is written and is another array than ``before``.
    choices : (n, >= rest) uint8
        Its ``row`` is written: the bits that leave, by those that stay; the smallest of equally good ones.
    row : int64
    """
    bits = args["bits"]
    rest = builder.lshr(args.length("before", 0), ir.Constant(I64, bits))
    stride = args.length("choices", 1)
    line = simd.at(builder, args["choices"], builder.mul(args["row"], stride))
    value = simd.splat(builder, args["value"], _LANES)
    cleared = simd.constant(_INTEGERS, -(1 << bits))

    def cost(low: Any, top: int) -> Any:
        place = builder.add(low, builder.mul(rest, ir.Constant(I64, top)))
        address = simd.at(builder, args["before"], builder.mul(place, ir.Constant(I64, 4)))
        bits = builder.and_(simd.load(builder, _INTEGERS, address), cleared)
        return builder.or_(bits, simd.constant(_INTEGERS, top))

    def block(low: Any) -> None:
        least = cost(low, 0)
        for top in range(1, 1 << bits):
            other = cost(low, top)
            least = builder.select(builder.icmp_signed("<", other, least), other, least)
        chosen = builder.and_(least, simd.constant(_INTEGERS, (1 << bits) - 1))
        simd.store(builder, builder.trunc(chosen, simd.vector(I8, _LANES)), simd.at(builder, line, low))
        path = builder.bitcast(builder.and_(least, cleared), _FLOATS)
        first = builder.mul(low, ir.Constant(I64, 4 << bits))
        for part in range(1 << bits):
            order = [(part * _LANES + lane) >> bits for lane in range(_LANES)]
            spread = builder.shuffle_vector(path, ir.Constant(_FLOATS, ir.Undefined), ir.Constant(_INTEGERS, order))
            place = builder.add(first, ir.Constant(I64, 4 * _LANES * part))
            error = builder.fsub(value, simd.load(builder, _FLOATS, simd.at(builder, args["codebook"], place)))
            total = builder.fadd(spread, builder.fmul(error, error))
            simd.store(builder, total, simd.at(builder, args["after"], place))

    simd.count_loop(builder, ir.Constant(I64, 0), rest, _LANES, block)
