"""Whether a block of 64 documents holds a candidate, and pushing those that it holds."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types

from methods.kernels import topk
from methods.kernels.simd import ir as simd
from methods.kernels.simd.emitted import Arguments, emitted
from methods.kernels.simd.ir import I16, I32, I64
from methods.kernels.simd.planar_tile import BLOCK

__all__ = ["NO_DISTANCE", "any_below", "may_exceed", "push_above", "push_below"]

NO_DISTANCE = np.int16(32767)  # above every distance that a scan can find


def _any(builder: Any, args: Arguments, comparison: str) -> Any:
    """Does one of ``sums[row]`` (64 integers) compare so with ``limit``?"""
    element = args["limit"].type
    size, lanes = element.width // 8, 256 // element.width
    line = simd.at(builder, args["sums"], builder.mul(args["row"], ir.Constant(I64, BLOCK * size)))
    limit, kind = simd.splat(builder, args["limit"], lanes), simd.vector(element, lanes)
    sums = [simd.load(builder, kind, simd.at(builder, line, 32 * part)) for part in range(BLOCK // lanes)]
    return simd.any_lane(builder, [builder.icmp_signed(comparison, part, limit) for part in sums])


@emitted("sums, int64 row, sums.dtype limit -> boolean")
def any_below(builder: Any, args: Arguments) -> Any:
    """Whether one of ``sums[row]`` (64 integers) is below ``limit``."""
    return _any(builder, args, "<")


@emitted("sums, int64 row, sums.dtype limit -> boolean")
def any_over(builder: Any, args: Arguments) -> Any:
    """Whether one of ``sums[row]`` (64 integers) is above ``limit``."""
    return _any(builder, args, ">")


@emitted("sums, int64 row, int32 offset, float32 unit, scale, float32 limit -> boolean")
def any_above(builder: Any, args: Arguments) -> Any:
    """Whether one of ``float32(2 * sums[row] + offset) * unit * scale`` (64,) is above ``limit``."""
    element = I16 if args.dtype("sums") == types.int16 else I32
    wide, floats = simd.vector(I32, 8), simd.vector(ir.FloatType(), 8)
    size = element.width // 8
    line = simd.at(builder, args["sums"], builder.mul(args["row"], ir.Constant(I64, BLOCK * size)))
    offset, unit, limit = (simd.splat(builder, args[name], 8) for name in ("offset", "unit", "limit"))
    masks = []
    for doc in range(0, BLOCK, 8):
        total = simd.load(builder, simd.vector(element, 8), simd.at(builder, line, doc * size))
        total = builder.sext(total, wide) if element == I16 else total
        total = builder.add(builder.add(total, total), offset)
        factor = simd.load(builder, floats, simd.at(builder, args["scale"], doc * 4))
        score = builder.fmul(builder.fmul(builder.sitofp(total, floats), unit), factor)
        masks.append(builder.fcmp_ordered(">", score, limit))
    return simd.any_lane(builder, masks)


@njit(cache=True, nogil=True)
def push_below(
    sums: np.ndarray, row: int, first: int, begin: int, end: int, query: int, limits: np.ndarray, heaps: np.ndarray
) -> None:
    """Push those of a block's documents ``begin`` to ``end`` whose distance in ``sums[row]`` is below the k-th best.

    That is ``limits[query]``, of (nq,) int16, which is kept here. For blocks that :data:`any_below` lets through.
    """
    heap = heaps[query]
    for doc in range(begin, end):
        if sums[row, doc] < limits[query]:
            topk.push(heap, topk.distance_key(sums[row, doc], first + doc))
            limits[query] = min(heap[0] >> 32, np.int64(NO_DISTANCE))


@njit(cache=True, nogil=True)
def may_exceed(
    sums: np.ndarray, row: int, offset: int, unit: float, scale: np.ndarray, largest: np.float32, limit: float
) -> bool:
    """Whether a document of the block scores above ``limit``; the score is ``float32(2 s + offset) * unit * scale``.

    ``largest`` is the block's largest scale. Most blocks are rejected by one integer comparison with
    the smallest sum that could pass ``limit`` at that scale, less a margin for rounding; only the others are scored.
    """
    if limit > 0 and largest >= 0:
        if largest == 0:
            return False
        needed = (np.float64(limit) / (np.float64(unit) * largest) * (1 - 1e-6) - offset) * 0.5
        if needed >= np.iinfo(sums.dtype).max:
            return False
        if needed >= 0 and not any_over(sums, row, np.int64(needed)):
            return False
    return any_above(sums, row, np.int32(offset), np.float32(unit), scale, limit)


@njit(cache=True, nogil=True)
def push_above(
    sums: np.ndarray,
    row: int,
    line: tuple,
    scale: np.ndarray,
    first: int,
    begin: int,
    end: int,
    query: int,
    limits: np.ndarray,
    heaps: np.ndarray,
) -> None:
    """Push those of a block's documents ``begin`` to ``end`` whose score is above the k-th best.

    That is ``limits[query]``, of (nq,) float32, which is kept here. ``line`` is (offset, unit). For blocks that
    :func:`may_exceed` lets through.
    """
    offset, unit = np.int32(line[0]), np.float32(line[1])
    heap = heaps[query]
    for doc in range(begin, end):
        score = np.float32(np.int32(np.int32(2) * np.int32(sums[row, doc]) + offset)) * unit * scale[doc]
        if score > limits[query]:
            topk.push(heap, topk.score_key(score, first + doc))
            limits[query] = topk.key_score(heap[0])
