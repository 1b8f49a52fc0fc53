"""One step of the Viterbi algorithm through a bitshift trellis, sixteen states at a time.

The costs of all states need not be written: those after a step are ``paths[s >> bits] + errors[level of s]``, where
``paths`` has a place for each number of bits that stay in a state. The next step makes them in registers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from methods.kernels.simd import ir as simd
from methods.kernels.simd.emitted import Arguments, emitted
from methods.kernels.simd.ir import I8, I32, I64

__all__ = ["BITS_IN_REGISTERS", "ERRORS", "advance", "leave", "reach", "take_errors"]

_LEVELS = 256
_BLOCK = 64  # states, at most, that stand together in one read of the errors
ERRORS = _LEVELS + _BLOCK  # places in an array of errors: the first ones stand at its end again
_MOST_BITS = 6
BITS_IN_REGISTERS = 4  # of steps whose costs need not be written: with more the paths are read too often
_LANES = 16
_HALF = 8
_FLOATS = simd.vector(ir.FloatType(), _LANES)
_INTEGERS = simd.vector(I32, _LANES)
_TWICE = 2  # up to so many bits four paths stand twice, so that a register of them is shuffled within each half
_FOUR = 4

Read = Callable[[Any, int, int], Any]  # of (bits that stay, the first of a block; bits that leave; place in the block)


@emitted("float32 value, levels, errors")
def take_errors(builder: Any, args: Arguments) -> None:
    """``errors[i] = (value - levels[i % 256])^2``, of ``levels`` (256,) float32, into ``errors`` (ERRORS,) float32."""
    value = simd.splat(builder, args["value"], _LANES)

    def block(first: Any) -> None:
        place = _floats(builder, first)
        error = builder.fsub(value, simd.load(builder, _FLOATS, simd.at(builder, args["levels"], place)))
        simd.store(builder, builder.fmul(error, error), simd.at(builder, args["errors"], place))

    simd.count_loop(builder, ir.Constant(I64, 0), ir.Constant(I64, _LEVELS), _LANES, block)
    for place in range(0, 4 * _BLOCK, 4 * _LANES):
        copied = simd.load(builder, _FLOATS, simd.at(builder, args["errors"], place))
        simd.store(builder, copied, simd.at(builder, args["errors"], 4 * _LEVELS + place))


@emitted("int64 bits, costs, paths, choices, int64 row")
def leave(builder: Any, args: Arguments) -> None:
    """``paths[low]``: the least of ``costs[top * rest + low]`` over ``top``, which is written into ``choices``.

    Costs are not negative, so that as integers they are in the same order: the choice is put into their lowest bits,
    and one minimum of integers finds both.

    Parameters
    ----------
    bits : int64
        1..6 that leave a state, its highest, ``top``; ``rest = states >> bits``, and ``low`` are those that stay.
    costs : (states,) float32
        1024 or 4096 of them.
    paths : (2 * states,) float32
        Written.
    choices : (n, >= rest) uint8
        Its ``row`` is written: the smallest of equally good ones.
    row : int64
    """
    rest = builder.lshr(args.length("costs", 0), args["bits"])

    def read(low: Any, top: int, place: int) -> Any:
        state = builder.add(low, builder.mul(rest, ir.Constant(I64, top)))
        address = simd.at(builder, args["costs"], _floats(builder, state))
        return simd.load(builder, _FLOATS, simd.at(builder, address, 4 * place))

    _for_each_width(builder, args, _MOST_BITS, lambda bits: _choose(builder, args, bits, rest, read))


@emitted("int64 bits, int64 states, errors, shifts, float32 ratio, before, paths, choices, int64 row")
def advance(builder: Any, args: Arguments) -> None:
    """:func:`leave` for the ``states`` costs ``ratio * (before[s >> bits] + errors[level of s])``.

    The level of a state is ``(s + shifts[s >> 8]) % 256``: those of states that stand together do too.

    Parameters
    ----------
    bits, paths, choices, row
        As for :func:`leave`; 1..BITS_IN_REGISTERS bits, and those of the step before, too.
    states : int64
        1024 or 4096.
    errors : (ERRORS,) float32
        Of the step before.
    shifts : (>= states / 256,) uint8
    ratio : float32
        Not negative.
    before : (2 * states,) float32
        The paths of the step before; not those that are written.
    """
    rest = builder.lshr(args["states"], args["bits"])
    ratio = simd.splat(builder, args["ratio"], _LANES)

    def of_width(bits: int) -> None:
        addresses: dict[int, tuple[Any, Any]] = {}

        def read(low: Any, top: int, place: int) -> Any:
            if place == 0:
                state = builder.add(low, builder.mul(rest, ir.Constant(I64, top)))
                addresses[top] = _errors_from(builder, args, state), _paths_from(builder, args["before"], bits, state)
            errors, paths = addresses[top]
            return builder.fmul(_cost(builder, bits, errors, paths, place), ratio)

        _choose(builder, args, bits, rest, read)

    _for_each_width(builder, args, BITS_IN_REGISTERS, of_width)


@emitted("int64 bits, errors, shifts, paths, costs")
def reach(builder: Any, args: Arguments) -> None:
    """Write ``costs`` (states,) float32: ``paths[s >> bits] + errors[level of s]``, as for :func:`advance`."""

    def of_width(bits: int) -> None:
        size = _block_size(bits)

        def block(state: Any) -> None:
            errors, paths = _errors_from(builder, args, state), _paths_from(builder, args["paths"], bits, state)
            address = simd.at(builder, args["costs"], _floats(builder, state))
            for place in range(0, size, _LANES):
                cost = _cost(builder, bits, errors, paths, place)
                simd.store(builder, cost, simd.at(builder, address, 4 * place))

        simd.count_loop(builder, ir.Constant(I64, 0), args.length("costs", 0), size, block)

    _for_each_width(builder, args, _MOST_BITS, of_width)


def _for_each_width(builder: Any, args: Arguments, most: int, body: Callable[[int], None]) -> None:
    """Code of its own for each of 1..``most`` bits, of which that of ``bits`` runs."""
    for width in range(1, most + 1):
        with builder.if_then(builder.icmp_signed("==", args["bits"], ir.Constant(I64, width))):
            body(width)


def _choose(builder: Any, args: Arguments, bits: int, rest: Any, read: Read) -> None:
    """The loop of :func:`leave` over costs that ``read`` gives."""
    line = simd.at(builder, args["choices"], builder.mul(args["row"], args.length("choices", 1)))
    cleared = simd.constant(_INTEGERS, -(1 << bits))

    def marked(low: Any, top: int, place: int) -> Any:
        cost = builder.bitcast(read(low, top, place), _INTEGERS)
        return builder.or_(builder.and_(cost, cleared), simd.constant(_INTEGERS, top))

    def block(low: Any) -> None:
        for place in range(0, _block_size(bits), _LANES):
            least = marked(low, 0, place)
            for top in range(1, 1 << bits):
                other = marked(low, top, place)
                least = builder.select(builder.icmp_signed("<", other, least), other, least)
            _store_paths(builder, args["paths"], bits, low, place, builder.and_(least, cleared))
            chosen = builder.and_(least, simd.constant(_INTEGERS, (1 << bits) - 1))
            address = simd.at(builder, simd.at(builder, line, low), place)
            simd.store(builder, builder.trunc(chosen, simd.vector(I8, _LANES)), address)

    simd.count_loop(builder, ir.Constant(I64, 0), rest, _block_size(bits), block)


def _block_size(bits: int) -> int:
    """States that stand together: as many as there are bits that stay, of 1024 states."""
    return min(_BLOCK, 1024 >> bits)


def _floats(builder: Any, number: Any) -> Any:
    return builder.shl(number, ir.Constant(I64, 2))


def _errors_from(builder: Any, args: Arguments, state: Any) -> Any:
    """Address of the error of a state, the first of a block."""
    shift = simd.load(builder, I8, simd.at(builder, args["shifts"], builder.lshr(state, ir.Constant(I64, 8))))
    level = builder.and_(builder.add(state, builder.zext(shift, I64)), ir.Constant(I64, _LEVELS - 1))
    return simd.at(builder, args["errors"], _floats(builder, level))


def _paths_from(builder: Any, paths: Any, bits: int, state: Any) -> Any:
    """Address of the path into a state, the first of a block."""
    low = builder.lshr(state, ir.Constant(I64, bits))
    return simd.at(builder, paths, builder.shl(low, ir.Constant(I64, 3 if bits <= _TWICE else 2)))


def _store_paths(builder: Any, paths: Any, bits: int, low: Any, place: int, path: Any) -> None:
    if bits > _TWICE:
        simd.store(builder, path, simd.at(builder, simd.at(builder, paths, _floats(builder, low)), 4 * place))
        return
    address = simd.at(builder, paths, builder.shl(low, ir.Constant(I64, 3)))
    for first in range(0, _LANES, _HALF):
        order = [first + lane // _HALF * _FOUR + lane % _FOUR for lane in range(_LANES)]
        simd.store(builder, _shuffled(builder, path, order), simd.at(builder, address, 8 * (place + first)))


def _cost(builder: Any, bits: int, errors: Any, paths: Any, place: int) -> Any:
    """Costs of sixteen states, from ``place`` of a block."""
    error, first = simd.load(builder, _FLOATS, simd.at(builder, errors, 4 * place)), place >> bits
    if bits > _TWICE:
        halves = [
            simd.load(builder, ir.FloatType(), simd.at(builder, paths, 4 * (place + at >> bits))) for at in (0, _HALF)
        ]
        spread = [simd.splat(builder, each, _HALF) for each in halves]
        both = ir.Constant(_INTEGERS, list(range(_LANES)))
        return builder.fadd(builder.shuffle_vector(*spread, both), error)
    kind = simd.vector(ir.FloatType(), _LANES if bits == 1 else _HALF)
    loaded = simd.load(builder, kind, simd.at(builder, paths, 8 * first))
    if bits == 1:
        order = [lane // _HALF * _HALF + lane // _FOUR % 2 * _FOUR + lane % _HALF // 2 for lane in range(_LANES)]
    else:
        order = [lane // _FOUR % 2 * _FOUR + lane // _FOUR for lane in range(_LANES)]
    return builder.fadd(_shuffled(builder, loaded, order), error)


def _shuffled(builder: Any, value: Any, order: list[int]) -> Any:
    undefined = ir.Constant(value.type, ir.Undefined)
    return builder.shuffle_vector(value, undefined, ir.Constant(simd.vector(I32, len(order)), order))
