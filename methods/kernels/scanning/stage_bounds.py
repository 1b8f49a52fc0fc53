"""Tables of stages as bytes, rounded up: a bound of each document's score that costs a look-up a stage."""

from __future__ import annotations

import numpy as np
from numba import njit

from methods.kernels.machine.path import Path
from methods.kernels.simd.planar_tile import BLOCK
from methods.kernels.simd.stage_bound import has_look_ups, reads_differences
from methods.kernels.simd.unpack_trellis import take_differences

__all__ = ["bound_tables"]

_STEPS = 254  # of a byte; one is kept for rounding up
_MOST = 2.0**27  # beyond, sums of 32 bits could overflow
_ROUNDING = 4e-6  # relative; of a few sums in float32


@njit(cache=True, nogil=True)
def bound_tables(path: Path, tables: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tables (nq, stages, 256) float32 in whole steps above the least value of each, rounded up.

    Returns
    -------
    steps : (nq * stages, 256) uint8
        As the path looks them up.
    lines : (nq, 2) int32
        Of a query, base and step: what its tables add to a document is at most ``2 * unit * (base + step * sum of its
        entries of steps)``. A step of 0: no such bound, because units are too small or the path has no look-ups.
    margins : (nq,) float32
        What a score may lose by rounding, before its factor.
    """
    nq, count = tables.shape[0], tables.shape[1]
    lines, margins = np.zeros((nq, 2), np.int32), np.zeros(nq, np.float32)
    if not has_look_ups(path) or not 0 < count <= BLOCK:
        return np.empty((0, 256), np.uint8), lines, margins
    steps = np.empty((nq * count, 256), np.uint8)
    for query in range(nq):
        unit, base, most, spread = 2 * np.float64(units[query]), 0.0, 0.0, 0.0
        for stage in range(count):
            low, high = np.float64(tables[query, stage].min()), np.float64(tables[query, stage].max())
            base, most, spread = base + low, most + max(high, -low), max(spread, high - low)
        if not most < _MOST * unit:
            continue
        step = max(np.ceil(spread / (unit * _STEPS)), 1.0)
        for stage in range(count):
            table, own = tables[query, stage], steps[query * count + stage]
            low = np.float64(table.min())
            for value in range(256):
                own[value] = np.uint8(np.ceil((table[value] - low) / (unit * step)))
        lines[query, 0], lines[query, 1] = np.int32(np.ceil(base / unit)), np.int32(step)
        margins[query] = _ROUNDING * most
    if reads_differences(path):
        take_differences(steps)
    return steps, lines, margins
