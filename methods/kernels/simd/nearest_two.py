"""The least of a few hundred losses, kept in registers: of centroids in few dimensions, with the second one's."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils

from methods.kernels.simd import ir as simd
from methods.kernels.simd.emitted import Arguments, emitted
from methods.kernels.simd.ir import I32, I64

__all__ = ["LANES", "least_loss", "nearest_two"]

LANES = 16
_FLOAT = ir.FloatType()
_FLOATS, _INTEGERS = simd.vector(_FLOAT, LANES), simd.vector(I32, LANES)
_FUSED = ("contract",)  # a multiplication and an addition may round once
_MOST = 3.4028234663852886e38


@emitted("vectors, int64 row, centroids, half, scores -> int64")
def nearest_two(builder: Any, args: Arguments) -> Any:
    """Column of the least ``half[c] - <x, centroids[:, c]>``, the first of equal ones; ``scores`` take the two least.

    Minima, their columns and the second ones stay in registers, sixteen columns side by side.

    Parameters
    ----------
    vectors : (n, d) float32
        x is the ``row``-th.
    centroids : (d, K) float32
        K is a multiple of 16.
    half : (K,) float32
    scores : (2,) float32
        Written.
    """
    d, count = args.length("centroids", 0), args.length("centroids", 1)
    fours = builder.and_(d, ir.Constant(I64, -4))
    x = simd.at(builder, args["vectors"], _words(builder, builder.mul(args["row"], d)))
    best, second = (_slot(builder, ir.Constant(_FLOATS, [_MOST] * LANES)) for _ in range(2))
    place = _slot(builder, simd.constant(_INTEGERS, 0))
    total = cgutils.alloca_once(builder, _FLOATS)
    order = ir.Constant(_INTEGERS, list(range(LANES)))

    def block(start: Any) -> None:
        builder.store(simd.load(builder, _FLOATS, simd.at(builder, args["half"], _words(builder, start))), total)

        def product(j: Any) -> Any:
            value = simd.load(builder, _FLOAT, simd.at(builder, x, _words(builder, j)))
            column = builder.add(builder.mul(j, count), start)
            centroid = simd.load(builder, _FLOATS, simd.at(builder, args["centroids"], _words(builder, column)))
            return builder.fmul(simd.splat(builder, value, LANES), centroid, flags=_FUSED)

        def add_four(j: Any) -> None:
            products = product(j)
            for more in range(1, 4):
                products = builder.fadd(products, product(builder.add(j, ir.Constant(I64, more))), flags=_FUSED)
            builder.store(builder.fsub(builder.load(total), products, flags=_FUSED), total)

        def add(j: Any) -> None:
            builder.store(builder.fsub(builder.load(total), product(j), flags=_FUSED), total)

        simd.count_loop(builder, ir.Constant(I64, 0), fours, 4, add_four)
        simd.count_loop(builder, fours, d, 1, add)
        score, least = builder.load(total), builder.load(best)
        nearer = builder.fcmp_ordered("<", score, least)
        other = builder.select(nearer, least, score)
        builder.store(_smaller(builder, other, builder.load(second)), second)
        builder.store(builder.select(nearer, score, least), best)
        here = builder.add(simd.splat(builder, builder.trunc(start, I32), LANES), order)
        builder.store(builder.select(nearer, here, builder.load(place)), place)

    simd.count_loop(builder, ir.Constant(I64, 0), count, LANES, block)
    scores, columns = builder.load(best), builder.load(place)
    least, column = _winner(builder, scores, columns)
    winner = builder.icmp_signed("==", columns, column)
    runner_up = _least(builder, builder.select(winner, builder.load(second), scores))
    for number, value in enumerate((least, runner_up)):
        simd.store(builder, _first(builder, value), simd.at(builder, args["scores"], 4 * number))
    return builder.sext(_first(builder, column), I64)


@emitted("products, int64 row, squares, float32 rest, float32 weight, scores -> int64")
def least_loss(builder: Any, args: Arguments) -> Any:
    """Column c of the least ``squares[row, c] - 2 p + weight * (rest - p)^2`` for ``p = products[row, c]``.

    The first of equal ones; ``scores[0]`` takes it.

    Parameters
    ----------
    products, squares : (n, K) float32
        K is a multiple of 16.
    rest, weight : float32
    scores : (>= 1,) float32
        Written.
    """
    count = args.length("products", 1)
    start_of_row = builder.mul(args["row"], count)
    rest, weight = (simd.splat(builder, args[name], LANES) for name in ("rest", "weight"))
    best, place = _slot(builder, ir.Constant(_FLOATS, [_MOST] * LANES)), _slot(builder, simd.constant(_INTEGERS, 0))
    order = ir.Constant(_INTEGERS, list(range(LANES)))

    def block(start: Any) -> None:
        offset = _words(builder, builder.add(start_of_row, start))
        product, square = (
            simd.load(builder, _FLOATS, simd.at(builder, args[name], offset)) for name in ("products", "squares")
        )
        beside = builder.fsub(rest, product)
        plain = builder.fsub(square, builder.fadd(product, product))
        loss = builder.fadd(plain, builder.fmul(builder.fmul(beside, beside), weight))
        least = builder.load(best)
        nearer = builder.fcmp_ordered("<", loss, least)
        builder.store(builder.select(nearer, loss, least), best)
        here = builder.add(simd.splat(builder, builder.trunc(start, I32), LANES), order)
        builder.store(builder.select(nearer, here, builder.load(place)), place)

    simd.count_loop(builder, ir.Constant(I64, 0), count, LANES, block)
    least, column = _winner(builder, builder.load(best), builder.load(place))
    simd.store(builder, _first(builder, least), args["scores"])
    return builder.sext(_first(builder, column), I64)


def _winner(builder: Any, scores: Any, columns: Any) -> tuple[Any, Any]:
    """The least score and its column, the smallest of equal ones, in every lane."""
    least = _least(builder, scores)
    first = builder.fcmp_ordered("==", scores, least)
    return least, _least(builder, builder.select(first, columns, simd.constant(_INTEGERS, 2**31 - 1)))


def _words(builder: Any, count: Any) -> Any:
    """``count`` floats, in bytes."""
    return builder.mul(count, ir.Constant(I64, 4))


def _slot(builder: Any, start: Any) -> Any:
    slot = cgutils.alloca_once(builder, start.type)
    builder.store(start, slot)
    return slot


def _first(builder: Any, value: Any) -> Any:
    return builder.extract_element(value, ir.Constant(I32, 0))


def _smaller(builder: Any, one: Any, other: Any) -> Any:
    floats = one.type.element == _FLOAT
    less = builder.fcmp_ordered("<", one, other) if floats else builder.icmp_signed("<", one, other)
    return builder.select(less, one, other)


def _least(builder: Any, value: Any) -> Any:
    """The least of the lanes, in every lane."""
    for apart in (8, 4, 2, 1):
        order = ir.Constant(_INTEGERS, [lane ^ apart for lane in range(LANES)])
        value = _smaller(builder, value, builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), order))
    return value
