"""One step of the Viterbi algorithm over 256 states of a bitshift trellis, eight states a register."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from methods.kernels import simd
from methods.kernels.simd import I32, I64
from methods.kernels.tiles import arguments

__all__ = ["cheapest", "enter"]

_LANES, _STATES = 8, 256
_FLOATS = simd.vector(ir.FloatType(), _LANES)
_INTEGERS = simd.vector(I32, _LANES)


def _cheapest(typingctx: Any, bits: Any, cost: Any, best: Any, choices: Any, row: Any) -> Any:
    """Of the 2^bits states that keep the same bits, the cheapest.

    Parameters
    ----------
    bits : literal int
        1..4 that leave the state, its highest.
    cost : (256,) float32
    best : (256 >> bits,) float32
        Written: the least cost by the bits that stay.
    choices : (n, 256 >> bits) int32
        Its ``row`` is written: which bits leave; the smallest of equal ones.
    """
    sig = types.void(bits, cost, best, choices, types.int64)

    def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        args = arguments(context, builder, ("bits", "cost", "best", "choices", "row"), sig.args, values)
        rest = _STATES >> sig.args[0].literal_value
        line = simd.at(builder, args["choices"], builder.mul(args["row"], ir.Constant(I64, 4 * rest)))
        for low in range(0, rest, _LANES):
            least = simd.load(builder, _FLOATS, simd.at(builder, args["cost"], 4 * low))
            chosen: Any = simd.constant(_INTEGERS, 0)
            for top in range(1, _STATES // rest):
                other = simd.load(builder, _FLOATS, simd.at(builder, args["cost"], 4 * (top * rest + low)))
                better = builder.fcmp_ordered("<", other, least)
                least = builder.select(better, other, least)
                chosen = builder.select(better, simd.constant(_INTEGERS, top), chosen)
            simd.store(builder, least, simd.at(builder, args["best"], 4 * low))
            simd.store(builder, chosen, simd.at(builder, line, 4 * low))
        return context.get_dummy_value()

    return sig, codegen


def _enter(typingctx: Any, bits: Any, value: Any, codebook: Any, best: Any, cost: Any) -> Any:
    """``cost[s] = best[s >> bits] + (value - codebook[s])^2`` for all 256 states; arrays as for :func:`cheapest`."""
    sig = types.void(bits, types.float32, codebook, best, cost)

    def codegen(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        args = arguments(context, builder, ("bits", "value", "codebook", "best", "cost"), sig.args, values)
        bits = sig.args[0].literal_value
        value = simd.splat(builder, args["value"], _LANES)
        for state in range(0, _STATES, _LANES):
            first = (state >> bits) // _LANES * _LANES
            before = simd.load(builder, _FLOATS, simd.at(builder, args["best"], 4 * first))
            order = [((state + lane) >> bits) - first for lane in range(_LANES)]
            before = builder.shuffle_vector(before, ir.Constant(_FLOATS, ir.Undefined), ir.Constant(_INTEGERS, order))
            level = simd.load(builder, _FLOATS, simd.at(builder, args["codebook"], 4 * state))
            error = builder.fsub(value, level)
            total = builder.fadd(before, builder.fmul(error, error))
            simd.store(builder, total, simd.at(builder, args["cost"], 4 * state))
        return context.get_dummy_value()

    return sig, codegen


cheapest: Any = intrinsic(prefer_literal=True)(_cheapest)
enter: Any = intrinsic(prefer_literal=True)(_enter)
