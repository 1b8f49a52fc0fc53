"""From bytes to (m, u): how many symbols of how many bits.

A code of B bytes holds r = 8 (B - 1) / dim bits a dimension, one byte being the factor; under l2, where two more are
for the length, r = 8 (B - 3) / dim. The rule, from the ablation:

    r < 0.3 (adc: 0.7)   u = 0      one bit a symbol
    r < 1.6              u = 1
    r < 5                u = 2
    beyond               u = 3

and as many symbols as fit: m = 8 (B - 1) // (u + 1), under l2 8 (B - 3) // (u + 1). A dimension that needs more bits
than a symbol has gets several symbols (:mod:`methods.binary.bebr.grid`), so larger budgets would not need larger
symbols, but an int8 query loses less on few and large ones; smaller budgets want small symbols, since they cannot
afford one for every dimension. At most 8 bits go to one dimension: beyond, a code stays smaller than its budget.

``scoring="hamming"`` is u = 0 without a factor: m = 8 B signs, at most one a dimension.
"""

from __future__ import annotations

from methods.base import Metric
from methods.binary.bebr import grid, layout
from methods.encoding.offset import offset_size
from methods.errors import BudgetError, MethodError

LOOPS = 1  # where no budget is given
MOST_LOOPS = 3  # the kernels read 1 to 4 bits a symbol


def choose(
    dim: int,
    code_bytes: int,
    metric: Metric,
    scoring: str,
    dim_code: int | None,
    loops: int | None,
    digits: int | None,
    offset: bool = False,
) -> tuple[int, int]:
    """``(m, u)`` for a budget; what is given is kept, the other follows from the bytes.

    m counts the symbols that fit where a code has no offset; a required ``offset`` makes the smallest code larger.

    Raises
    ------
    BudgetError
        If the given values, or one symbol, do not fit.
    """
    hamming = scoring == "hamming"
    extra = layout.extra_bytes(metric, scoring)
    room = 8 * (code_bytes - extra)
    if loops is None:
        loops = 0 if hamming else _loops(room, dim, scoring)
        if dim_code is not None and not hamming:
            loops = min(max(room // max(dim_code, 1) - 1, 0), MOST_LOOPS)
    if not 0 <= loops <= MOST_LOOPS:
        raise MethodError(f"loops={loops} is out of range; bebr takes 0 to {MOST_LOOPS}")
    bits = loops + 1
    smallest = layout.symbol_bytes(dim_code or 1, bits) + extra
    if offset and not hamming and metric is not Metric.L2:
        smallest = max(smallest, offset_size(1) + 1 + extra)
    if smallest > code_bytes:
        raise BudgetError("bebr", code_bytes, smallest)
    most = dim * (1 if hamming else digits or grid.axis_limit(bits))
    return dim_code or min(room // bits, most), loops


def _loops(room: int, dim: int, scoring: str) -> int:
    """u for ``room`` bits of symbols: the fewest bits a symbol that the rule allows."""
    rate = room / dim
    for loops, limit in enumerate((0.7 if scoring == "adc" else 0.3, 1.6, 5.0)):
        if rate < limit:
            return loops
    return MOST_LOOPS
