"""Powers of two by which vectors of unordinary length are scaled, for formats that have a range.

Scaling by a power of two rounds nothing, and vectors of ordinary length are not scaled at all.
"""

from __future__ import annotations

import numpy as np

from methods.base import Metric, Searcher

__all__ = [
    "FOR_FOURTH_POWERS",
    "NEAR_ONE",
    "RescaledSearcher",
    "length_of_parts",
    "length_parts",
    "lengths_of",
    "one_or_length",
    "over",
    "power_of_two",
    "typical_length",
    "unit_of",
]

NEAR_ONE = 1e-3  # from 1 at most: the lengths of normalized vectors, as they are rounded

_ORDINARY = (2.0**-6, 2.0**13)  # lengths of vectors that are left as they are
FOR_FOURTH_POWERS = (2.0**-16, 2.0**16)  # the same, where float32 has to hold products of squares
_MOST_EXPONENT = 100  # of a power of two, so that float32 holds it and its inverse


def typical_length(vectors: np.ndarray) -> float:
    """Median length of those of the vectors (n, dim) float32 that are not zero; 1 where all are."""
    lengths = lengths_of(vectors)
    positive = lengths[lengths > 0]
    return float(np.median(positive)) if len(positive) else 1.0


def one_or_length(length: float) -> float:
    """``length``, rounded to float32; 1 where it is nearly that, as lengths of normalized vectors are."""
    return 1.0 if abs(length - 1) < NEAR_ONE else float(np.float32(length))


def length_parts(length: float) -> dict[str, np.ndarray]:
    """A codec's part ``length`` (1,) float32; none where it is 1."""
    return {} if length == 1 else {"length": np.array([length], np.float32)}


def length_of_parts(parts: dict[str, np.ndarray]) -> float:
    """The length again, from :func:`length_parts` among others."""
    return float(parts["length"][0]) if "length" in parts else 1.0


def power_of_two(sizes: np.ndarray | float) -> np.ndarray:
    """The nearest powers of two, float32 within 2^-100..2^100; 1 for zero. Same shape as ``sizes``."""
    sizes = np.asarray(sizes, np.float64)
    exponents = np.rint(np.log2(np.where(sizes > 0, sizes, 1.0)))
    return np.exp2(np.clip(exponents, -_MOST_EXPONENT, _MOST_EXPONENT)).astype(np.float32)


def unit_of(length: float, ordinary: tuple[float, float] = _ORDINARY) -> float:
    """What vectors of typical ``length`` are divided by: the nearest power of two, or 1 within ``ordinary``."""
    low, high = ordinary
    return 1.0 if low <= length <= high or length <= 0 else float(power_of_two(length))


def over(unit: float, array: np.ndarray) -> np.ndarray:
    """``array`` (float32, any shape) divided by ``unit``; itself where that is 1."""
    return array if unit == 1 else array / np.float32(unit)


class RescaledSearcher(Searcher):
    """Searches codes of vectors over a unit, with queries brought to their size.

    A distance needs queries over the same unit. An order by products depends on no query's length, so that queries
    are scaled to about 1 by powers of two, which round nothing.

    Parameters
    ----------
    inner : Searcher
        Of codes that stand for vectors divided by ``unit``.
    unit : float
        A power of two.
    length : float
        The length that queries are brought to for products, where it is not 1.
    """

    scanned_by = "inner"

    def __init__(self, inner: Searcher, unit: float, length: float = 1.0) -> None:
        super().__init__(inner.dim, inner.metric, inner.size)
        self.inner, self.unit, self.length = inner, np.float32(unit), length
        self.descending, self.estimates_metric, self.padding = inner.descending, inner.estimates_metric, inner.padding

    @property
    def nbytes(self) -> int:
        return self.inner.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        own = np.full((len(queries), 1), self.unit) if self.metric is Metric.L2 else self._units(queries)
        scores, ids = self.inner._search(queries / own, k)
        return scores * own * self.unit, ids

    def _units(self, queries: np.ndarray) -> np.ndarray:
        """What queries (nq, dim) are divided by where products are estimated: (nq, 1) float32."""
        return power_of_two(lengths_of(queries) / self.length)


def lengths_of(vectors: np.ndarray) -> np.ndarray:
    """(n, 1) float64, of any scale."""
    return np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))[:, None]
