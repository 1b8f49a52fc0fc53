"""Intrinsics made of functions that write vector IR: what these get, and what types a caller's arguments become."""

import numpy as np
import pytest
from numba import njit

from methods.kernels.machine.path import choose
from methods.kernels.simd import ir as simd
from methods.kernels.simd.emitted import emitted

RECEIVED = {}


@emitted("path, number, values, int64 index, values.dtype limit -> boolean")
def above(builder, args):
    RECEIVED.update(path=args["path"], number=args["number"], dtype=str(args.dtype("values")), raw=args.value("path"))
    element = args["limit"].type
    offset = builder.mul(args["index"], args["index"].type(element.width // 8))
    return builder.icmp_signed(
        ">", simd.load(builder, element, simd.at(builder, args["values"], offset)), args["limit"]
    )


@emitted("values, out")
def write_shape(builder, args):
    for axis in range(2):
        simd.store(builder, args.length("values", axis), simd.at(builder, args["out"], 8 * axis))


@njit
def is_above(path, values, index, limit):
    return above(path, 3, values, index, limit)


@njit
def shape_of(values, out):
    write_shape(values, out)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64])
def test_arguments_become_what_the_declaration_says(dtype):
    values = np.array([5, -7, 9], dtype)
    assert [is_above(choose("portable"), values, np.uint8(i), 5) for i in range(3)] == [False, False, True]
    assert RECEIVED["path"] == "portable"
    assert RECEIVED["number"] == 3
    assert RECEIVED["dtype"] == np.dtype(dtype).name
    assert not isinstance(RECEIVED["raw"], str)


def test_an_intrinsic_without_a_result_writes_and_knows_shapes():
    out = np.zeros(2, np.int64)
    assert shape_of(np.zeros((3, 5), np.float32), out) is None
    assert out.tolist() == [3, 5]


def test_an_intrinsic_keeps_name_and_documentation():
    from methods.kernels.simd.dot_tile import dot_tile

    assert "dot_tile" in repr(dot_tile)
    assert dot_tile.__doc__.startswith("``out[q, doc] = sum over dimensions")
