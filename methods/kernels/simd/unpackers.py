"""Unpackers, one per alphabet, compiled separately and called through function pointers.

There are twenty, all long straight lines of vector instructions, and a code uses a few. Compiled into a scan they
would be optimized together, again in every function that calls them, before the first query is answered.
"""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import ir
from numba import cfunc
from numba.core import types

from methods.kernels.machine.path import Path, PathType
from methods.kernels.simd.emitted import Arguments, emitted
from methods.kernels.simd.ir import I8
from methods.kernels.simd.symbol_products import add_products
from methods.kernels.simd.unpack_symbols import expand
from methods.kernels.simd.unpack_trellis import expand_windows

__all__ = ["TRELLIS", "call_expansion", "call_products", "expansion", "products"]

TRELLIS = 8  # alphabets beyond are trellises

_BYTES = types.CPointer(types.uint8)
_SUMMED = ("path", "docs", "first", "groups", "tables", "weights", "row", "sums", "ahead")
_PASSED = ("path", "docs", "first", "groups", "begin", "last", "tables", "out", "row", "ahead")


@functools.cache
def expansion(path: str, alphabet: int, wide: bool) -> Any:
    """The compiled expansion of groups of one alphabet, a C function with an ``address``; kept on disk by numba.

    It does what :data:`~methods.kernels.simd.unpack_symbols.expand` does or, for a trellis,
    :data:`~methods.kernels.simd.unpack_trellis.expand_windows`; takes what the latter takes.
    """
    trellis, bits, half = alphabet > TRELLIS, alphabet - TRELLIS * (alphabet > TRELLIS), int(wide)

    def symbols(
        path: Path,
        docs: Any,
        first: int,
        groups: int,
        begin: int,
        last: int,
        tables: Any,
        out: Any,
        row: int,
        ahead: int,
    ) -> None:
        expand(path, bits, half, docs, first, groups, tables, out, row, ahead)

    def windows(
        path: Path,
        docs: Any,
        first: int,
        groups: int,
        begin: int,
        last: int,
        tables: Any,
        out: Any,
        row: int,
        ahead: int,
    ) -> None:
        expand_windows(path, bits, half, docs, first, groups, begin, last, tables, out, row, ahead)

    i64 = types.int64
    signature = types.void(PathType(path), _BYTES, i64, i64, i64, i64, _BYTES, _BYTES, i64, i64)
    return cfunc(signature, cache=True)(windows if trellis else symbols)


@functools.cache
def products(path: str, alphabet: int, wide: bool) -> Any:
    """As :func:`expansion`, of :data:`~methods.kernels.simd.symbol_products.add_products`; not of trellises."""
    bits, half = alphabet, int(wide)

    def summed(
        path: Path, docs: Any, first: int, groups: int, tables: Any, weights: Any, row: int, sums: Any, ahead: int
    ) -> None:
        add_products(path, bits, half, docs, first, groups, tables, weights, row, sums, ahead)

    i64 = types.int64
    return cfunc(types.void(PathType(path), _BYTES, i64, i64, _BYTES, _BYTES, i64, _BYTES, i64), cache=True)(summed)


@emitted(
    "int64 address, path, docs, int64 first, int64 groups, int64 begin, int64 last, tables, out, int64 row, int64 ahead"
)
def call_expansion(builder: Any, args: Arguments) -> None:
    """Calls the :func:`expansion` at ``address`` (int64) on arrays, of which it gets where their data begin."""
    _call(builder, args, _PASSED)


@emitted("int64 address, path, docs, int64 first, int64 groups, tables, weights, int64 row, sums, int64 ahead")
def call_products(builder: Any, args: Arguments) -> None:
    """As :data:`call_expansion`, for :func:`products`."""
    _call(builder, args, _SUMMED)


def _call(builder: Any, args: Arguments, names: tuple[str, ...]) -> None:
    passed = [args.value("path") if name == "path" else args[name] for name in names]
    kind = ir.FunctionType(I8.as_pointer(), [value.type for value in passed])  # numba's void is a null pointer
    builder.call(builder.inttoptr(args["address"], kind.as_pointer()), passed)
