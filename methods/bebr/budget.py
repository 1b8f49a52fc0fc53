"""From bytes to (m, u): how many symbols of how many bits.

The rule: u = 1, two bits a symbol, as in the paper's configuration; m = 4 (B - 1) symbols in a code of B bytes, one
byte being the factor. A dimension that needs more bits than two gets several symbols (:mod:`methods.bebr.grid`), so
finer symbols bring nothing, and one bit a symbol costs a scan twice as long without more recall. At most 8 bits go
to one dimension, hence m <= 4 dim: beyond about 8 bits a dimension a code stays smaller than its budget.

``scoring="hamming"`` is u = 0 without a factor: m = 8 B signs, at most one a dimension.
"""

from __future__ import annotations

from methods.bebr import grid, layout
from methods.errors import BudgetError, MethodError

LOOPS = 1
MOST_LOOPS = 3  # the kernels read 1 to 4 bits a symbol


def choose(
    dim: int, code_bytes: int, scoring: str, dim_code: int | None, loops: int | None, digits: int | None
) -> tuple[int, int]:
    """``(m, u)`` for a budget; what is given is kept, the other follows from the bytes.

    Raises
    ------
    BudgetError
        If the given values, or one symbol, do not fit.
    """
    hamming = scoring == "hamming"
    factor = 0 if hamming else layout.FACTOR_BYTES
    room = 8 * (code_bytes - factor)
    if loops is None:
        loops = 0 if hamming else LOOPS
        if dim_code is not None and not hamming:
            loops = min(max(room // max(dim_code, 1) - 1, 0), MOST_LOOPS)
    if not 0 <= loops <= MOST_LOOPS:
        raise MethodError(f"loops={loops} is out of range; bebr takes 0 to {MOST_LOOPS}")
    bits = loops + 1
    smallest = layout.symbol_bytes(dim_code or 1, bits) + factor
    if smallest > code_bytes:
        raise BudgetError("bebr", code_bytes, smallest)
    most = dim * (1 if hamming else digits or grid.axis_limit(bits))
    return dim_code or min(room // bits, most), loops
