"""Inner tile of matrix products: some rows against a panel of columns, all sums in vector registers.

A product of many rows with few columns is what a set of vectors costs: token against token in Chamfer scores, vector
against hyperplane in fixed dimensional encodings. A library's product writes its result to memory, and a second pass
reads it; here what follows (a maximum over rows) happens in registers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types

from methods.kernels.machine.cpu import WIDEST
from methods.kernels.machine.path import Path
from methods.kernels.simd import ir as simd
from methods.kernels.simd.emitted import Arguments, emitted
from methods.kernels.simd.ir import I64

__all__ = ["as_panels", "maximum_tile", "multiply_tile", "panel_width", "tile_rows"]

_TILE = "path, full, panel, int64 panel_at, rows, int64 rows_at, int64 stride, int64 depth, out, int64 out_at"
_FLOATS = {types.float32: (ir.FloatType(), 4, "f32"), types.float64: (ir.DoubleType(), 8, "f64")}


def _lanes(path: str, size: int) -> int:
    """Numbers of ``size`` bytes in a register."""
    return (64 if path in WIDEST else 32) // size


def tile_rows(path: Path) -> int:
    """Rows of a full tile: with two registers of columns they fill the register file but for what streams through."""
    return 12 if path.name in WIDEST else 6


def panel_width(path: Path, dtype: np.typing.DTypeLike = np.float32) -> int:
    """Columns of a panel: two registers."""
    return 2 * _lanes(path.name, np.dtype(dtype).itemsize)


def as_panels(columns: np.ndarray, path: Path) -> np.ndarray:
    """Columns given as rows (m, dim) float32 or float64 -> panels (ceil(m / width), dim, width), zeros filled up."""
    m, dim = columns.shape
    width = panel_width(path, columns.dtype)
    full = np.zeros((-(-m // width) * width, dim), columns.dtype)
    full[:m] = columns
    return np.ascontiguousarray(full.reshape(-1, width, dim).transpose(0, 2, 1))


class _Tile:
    """The sums of a tile, from the arguments of either intrinsic."""

    def __init__(self, builder: Any, args: Arguments) -> None:
        self.builder, self.args = builder, args
        self.element, self.size, self.suffix = _FLOATS[args.dtype("panel")]
        self.lanes = _lanes(args["path"], self.size)
        self.vector = simd.vector(self.element, self.lanes)
        self.rows = tile_rows(Path(args["path"])) if args["full"] else 1
        self.sums = simd.accumulators(builder, self.vector, 2 * self.rows)

    def place(self, array: str, index: Any, size: int) -> Any:
        """Address of element ``index`` of an argument."""
        return simd.at(self.builder, self.args[array], self.builder.mul(index, ir.Constant(I64, size)))

    def multiply(self) -> None:
        """Add up the products over the depth."""
        builder, args = self.builder, self.args
        panel = self.place("panel", args["panel_at"], self.size)
        starts = [
            self.place("rows", builder.add(args["rows_at"], builder.mul(args["stride"], ir.Constant(I64, row))), 4)
            for row in range(self.rows)
        ]
        name = f"llvm.fmuladd.v{self.lanes}{self.suffix}"

        def step(index: Any) -> None:
            line = simd.at(builder, panel, builder.mul(index, ir.Constant(I64, 2 * self.lanes * self.size)))
            columns = [simd.load(builder, self.vector, simd.at(builder, line, half)) for half in self.halves()]
            for row, start in enumerate(starts):
                place = simd.at(builder, start, builder.mul(index, ir.Constant(I64, 4)))
                value = simd.load(builder, ir.FloatType(), place, 4)
                value = value if self.size == 4 else builder.fpext(value, self.element)
                value = simd.splat(builder, value, self.lanes)
                for half, column in enumerate(columns):
                    slot = self.sums[2 * row + half]
                    total = simd.call(builder, name, self.vector, [value, column, builder.load(slot)])
                    builder.store(total, slot)

        simd.count_loop(builder, ir.Constant(I64, 0), args["depth"], 1, step)

    def halves(self) -> tuple[int, int]:
        """Byte offsets of a row's two registers."""
        return 0, self.lanes * self.size

    def store(self) -> None:
        """Write the sums, ``out_stride`` elements from row to row."""
        builder, args = self.builder, self.args
        for row in range(self.rows):
            start = builder.add(args["out_at"], builder.mul(args["out_stride"], ir.Constant(I64, row)))
            line = self.place("out", start, self.size)
            for half, offset in enumerate(self.halves()):
                simd.store(builder, builder.load(self.sums[2 * row + half]), simd.at(builder, line, offset))

    def maximum(self) -> None:
        """Raise ``out`` to the largest sum over the rows."""
        builder = self.builder
        line = self.place("out", self.args["out_at"], self.size)
        for half, offset in enumerate(self.halves()):
            place = simd.at(builder, line, offset)
            best = simd.load(builder, self.vector, place)
            for row in range(self.rows):
                loaded = builder.load(self.sums[2 * row + half])
                best = builder.select(builder.fcmp_ordered(">", loaded, best), loaded, best)
            simd.store(builder, best, place)


@emitted(f"{_TILE}, int64 out_stride")
def multiply_tile(builder: Any, args: Arguments) -> None:
    """``out[i, j] = sum over d of rows[i, d] * panel[d, j]`` for a tile's rows and a panel's columns.

    Parameters
    ----------
    path : Path
    full : literal bool
        :func:`tile_rows` rows, or one.
    panel : float32 or float64 array
        Read from element ``panel_at`` on, ``depth`` lines of a panel's width.
    rows : float32 array
        Read from element ``rows_at`` on, ``stride`` elements from row to row.
    out : array of the panel's dtype
        Written from element ``out_at`` on, ``out_stride`` elements from row to row.
    """
    tile = _Tile(builder, args)
    tile.multiply()
    tile.store()


@emitted(_TILE)
def maximum_tile(builder: Any, args: Arguments) -> None:
    """``out[j] = max(out[j], max over rows i of sum over d of rows[i, d] * panel[d, j])``; else as multiply_tile."""
    tile = _Tile(builder, args)
    tile.multiply()
    tile.maximum()
