"""The factor of a code: what the decoded levels h are multiplied with, to stand for the centered vector y.

- ``unbiased``: |y|^2 / <y, h>; inner products with queries near y are right on average (EDEN, section 3).
- ``least_squares``: <y, h> / <h, h>; the decoded vector is nearest to y.
- ``renormalized``: |y| / |h|; the decoded vector is as long as y, which is what ranks unit vectors.
"""

from __future__ import annotations

import numpy as np

from methods.errors import MethodError

RULES = ("least_squares", "renormalized", "unbiased")


def products(given: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """(n, 3) float64: <y, h>, <h, h> and <y, y> of vectors y (n, dim) and what codes say of them, h (n, dim)."""
    pairs = ((given, decoded), (decoded, decoded), (given, given))
    return np.stack([np.einsum("ij,ij->i", a, b, dtype=np.float64) for a, b in pairs], axis=1)


def factors(rule: str, products: np.ndarray) -> np.ndarray:
    """Factors (n,) float32, not negative, for ``products`` = (<y, h>, <h, h>, <y, y>) (n, 3)."""
    cross, own, squares = np.maximum(products[:, 0], 0), products[:, 1], products[:, 2]
    if rule == "unbiased":
        over, under = squares * (cross > 1e-3 * np.sqrt(squares * own)), cross
    elif rule == "least_squares":
        over, under = cross, own
    else:
        over, under = np.sqrt(squares), np.sqrt(own)
    return np.divide(over, under, out=np.zeros(len(over)), where=under > 0).astype(np.float32)


def check(rule: str | None, gamma: float | None) -> None:
    """:class:`MethodError` for a rule or an exponent that is none."""
    if rule not in (None, *RULES):
        raise MethodError(f"scale={rule!r} is unknown; use one of {', '.join(RULES)}, or null")
    if gamma is not None and not 0 < gamma <= 4:
        raise MethodError(f"gamma={gamma} is out of range; use a number above 0 and up to 4, or null")
