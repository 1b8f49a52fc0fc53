"""How SAQ cuts principal axes into segments, and how many bits each segment's dimensions get."""

from __future__ import annotations

import numpy as np

from methods.kernels.simd.unpack_symbols import GROUP
from methods.transform._grid.quantizer import MOST_BITS

__all__ = ["segment"]


def segment(variances: np.ndarray, unit: int, code_bytes: int, factor_bytes: int = 1) -> list[tuple[int, int]]:
    """Segments ``(end, bits)`` of least expected error, by dynamic programming as in SAQ.

    A segment is a run of units with equal bits b, 1 to 8; its error is ``2^-b`` times its variance, and it costs its
    symbols and a factor. What is left out at the end costs nothing, and its error is its variance.

    Parameters
    ----------
    variances : (dims,) float
        Along principal axes, falling; dims is a multiple of ``unit``.
    unit : int
        Dimensions, a multiple of 8.
    code_bytes : int
        To be spent on symbols and factors; at least those of one unit with one bit.
    factor_bytes : int
        What a segment takes beside its symbols.
    """
    sums = np.concatenate([[0.0], np.cumsum(variances.reshape(-1, unit).sum(axis=1, dtype=np.float64))])
    units, step = len(sums) - 1, unit // GROUP
    error = np.full((units + 1, code_bytes + 1), np.inf)  # of the first units at this many bytes
    start, bits = np.zeros(error.shape, np.int32), np.zeros(error.shape, np.int8)
    error[0, 0] = 0
    for begin in range(units):
        for end in range(begin + 1, units + 1):
            for width in range(1, MOST_BITS + 1):
                cost = (end - begin) * step * width + factor_bytes
                if cost > code_bytes:
                    break
                totals = error[begin, : code_bytes + 1 - cost] + (sums[end] - sums[begin]) / 2**width
                better = np.flatnonzero(totals < error[end, cost:])
                error[end, cost + better] = totals[better]
                start[end, cost + better], bits[end, cost + better] = begin, width
    total = error + (sums[-1] - sums)[:, None]
    total[0] = np.inf  # something is stored even where nothing varies
    end, spent = (int(place) for place in np.unravel_index(int(np.argmin(total)), total.shape))
    plan: list[tuple[int, int]] = []
    while end > 0:
        width, begin = int(bits[end, spent]), int(start[end, spent])
        plan.append((end * unit, width))
        end, spent = begin, spent - (end - begin) * step * width - factor_bytes
    return plan[::-1]
