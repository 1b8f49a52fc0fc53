"""Vectors that all have one length: what codes decode to gets that length back, at no byte.

Late-interaction models make unit vectors. A code's error along its vector is then no part of what has to be stored, and
it is the part that costs most: among the vectors nearest to a query vector all products are near the largest there is,
and what they differ in is less than such an error, above all where few dimensions hold most of every vector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import numpy as np

from methods.encoding.units import lengths_of
from methods.kernels.sets.lengths import at_length

__all__ = ["FAR", "CommonLength"]

_TOLERANCE = 0.01  # of the median length
_EXCEPTIONS = 1e-3  # of the vectors may have another length
FAR = 2.0  # times as long or as short: a vector that decodes so has another length
_PAYS = 0.95  # the length is kept where it brings the error of order to at most this share
_PAYS_ESTIMATES = 0.6  # the same for estimators: their products are unbiased only at the length that was decoded
_QUERIES, _BASE, _NEAREST = 256, 4096, 16


class CommonLength:
    """The length that vectors have.

    Parameters
    ----------
    length : float
        0 where they have none in common, or where decoded vectors are better as they are.
    """

    def __init__(self, length: float = 0.0) -> None:
        self.length = float(np.float32(length))

    @classmethod
    def fit(
        cls, vectors: np.ndarray, decoded: Callable[[np.ndarray], np.ndarray], seed: int, estimator: bool = False
    ) -> Self:
        """The length of (n, dim) float32 vectors, kept only if decoded vectors are ordered better with it.

        ``decoded`` maps (m, dim) vectors to what their codes stand for; products with those of an ``estimator`` are
        unbiased. 256 vectors are queries for 4,096 others: :func:`order_error` is compared with and without the length.
        """
        lengths = lengths_of(vectors)[:, 0]
        middle = float(np.median(lengths[lengths > 0])) if lengths.any() else 0.0
        at_length = np.abs(lengths - middle) <= _TOLERANCE * middle
        if not middle or np.sum(~at_length & (lengths > 0)) > _EXCEPTIONS * np.sum(lengths > 0):
            return cls()
        common = cls(1.0 if abs(middle - 1) <= _TOLERANCE else middle)
        rows = np.random.default_rng(seed).permutation(np.flatnonzero(at_length))
        queries, others = vectors[rows[:_QUERIES]], vectors[rows[_QUERIES:][:_BASE]]
        if len(others) <= _NEAREST:
            return cls()
        plain = decoded(others)
        as_is, with_length = (order_error(queries, others, each) for each in (plain, common.apply(plain)))
        return common if with_length < (_PAYS_ESTIMATES if estimator else _PAYS) * as_is else cls()

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        """Decoded (n, dim) float32 vectors at that length, but for those of more than twice it or less than half."""
        if not self.length:
            return vectors
        scaled = np.empty(vectors.shape, np.float32)
        at_length(vectors, self.length, FAR, scaled)
        return scaled

    def parts(self) -> dict[str, np.ndarray]:
        """What must be stored, by name; nothing where there is no length."""
        return {"common_length": np.array([self.length], np.float32)} if self.length else {}

    @classmethod
    def from_parts(cls, parts: dict[str, np.ndarray]) -> Self:
        """The length again, from :meth:`parts` among others."""
        return cls(float(parts["common_length"][0])) if "common_length" in parts else cls()


def order_error(queries: np.ndarray, others: np.ndarray, decoded: np.ndarray) -> float:
    """Variance of the errors of products with ``decoded``, among the 16 nearest of ``others`` (n, dim) to a query.

    Averaged over ``queries`` (nq, dim). An error that all of the nearest share changes no order.
    """
    products = queries.astype(np.float64) @ others.T.astype(np.float64)
    nearest = np.argpartition(-products, _NEAREST, axis=1)[:, :_NEAREST]
    errors = queries.astype(np.float64) @ decoded.T.astype(np.float64) - products
    return float(np.take_along_axis(errors, nearest, axis=1).var(axis=1).mean())
