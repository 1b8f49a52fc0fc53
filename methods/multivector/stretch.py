"""Vectors that share a direction, coded so that errors along it count no more than others.

Vectors of many encoders have a long mean. A query's component along it is many times its other components, so that an
error of a code along that one direction decides an order, though the vectors differ little there. Centered vectors are
stretched along it before they are coded and queries are shrunk, which keeps inner products but for a term that is
equal for all vectors.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from methods.base import Codec
from methods.fitting.outliers import without_outliers
from methods.multivector.ragged import Ragged

__all__ = ["LEAST_COSINE", "Stretch", "sample_of"]

LEAST_COSINE = 0.1  # average cosine of two vectors from which on there is a direction to speak of
_MOST = 16.0
_FINE = 2  # bytes a dimension
_FIT_VECTORS = 1 << 17
_ROWS = 16_384  # of float64 at a time


class Stretch:
    """``x -> T (x - mean)`` for vectors and ``q -> T^-1 q`` for queries; T multiplies by ``factor`` along the mean.

    With errors as large in all directions of what is coded, those of inner products are proportional on average to
    E|T (x - mean)|^2 E|T^-1 q|^2, which is least at ``factor = (E<q, u>^2 / Var<x, u>)^(1/4)`` along the mean's
    direction u where x and q differ in nothing else. Queries are taken to be as vectors are.

    Parameters
    ----------
    mean : (dim,) float32
        Zeros for no map at all.
    factor : float
    """

    def __init__(self, mean: np.ndarray, factor: float = 1.0) -> None:
        self.mean, self.factor = mean, float(np.float32(factor))
        norm = np.linalg.norm(mean.astype(np.float64))
        self._direction = mean.astype(np.float64) / (norm or 1)

    @classmethod
    def fit(cls, vectors: np.ndarray, least_cosine: float = LEAST_COSINE) -> Self:
        """Of (n, dim) float32 vectors; none where two of them have an average cosine below ``least_cosine``.

        Lengths count as well: what is called cosine is the mean product of two vectors over the mean square of one.
        """
        vectors = without_outliers(vectors)
        n, dim = vectors.shape
        total, squares = np.zeros(dim), 0.0
        for start in range(0, n, _ROWS):
            block = vectors[start : start + _ROWS].astype(np.float64)
            total += block.sum(axis=0)
            squares += np.einsum("ij,ij->", block, block)
        mean = (total / n).astype(np.float32)
        pairs = float(total @ total) - squares  # sum of the products of all vectors with each other one
        if n < 2 or not mean.any() or pairs < least_cosine * (n - 1) * squares:
            return cls.none(dim)
        along = cls(mean)._along(vectors)
        second, variance = float(np.mean(along**2)), float(np.var(along))
        return cls(mean, min(_MOST, (second / max(variance, second / _MOST**4)) ** 0.25))

    @classmethod
    def fit_for(cls, codec: Codec, vectors: np.ndarray) -> Self:
        """As :meth:`fit`, for vectors that ``codec`` is to code.

        None for binary codes, which are made for one space of vectors and queries, nor where a code has two bytes a
        dimension or more, whose errors are nothing in any direction.
        """
        if codec.family == "binary" or codec.code_size >= _FINE * codec.dim:
            return cls.none(codec.dim)
        return cls.fit(vectors)

    @classmethod
    def none(cls, dim: int) -> Self:
        """The map that changes nothing."""
        return cls(np.zeros(dim, np.float32))

    @property
    def is_identity(self) -> bool:
        return not self.mean.any()

    def apply(self, vectors: np.ndarray) -> np.ndarray:
        """(n, dim) float32 -> (n, dim) float32, in float64 a row at a time: a row's result depends on it alone."""
        if self.is_identity:
            return vectors
        stretched = np.empty_like(vectors)
        for start in range(0, len(vectors), _ROWS):
            block = vectors[start : start + _ROWS].astype(np.float64) - self.mean
            along = np.einsum("ij,j->i", block, self._direction)
            stretched[start : start + _ROWS] = block + ((self.factor - 1) * along)[:, None] * self._direction
        return stretched

    def project(self, vectors: np.ndarray) -> np.ndarray:
        """(n, dim) float32 vectors without what they have along the mean's direction; a row's depends on it alone."""
        along = np.einsum("ij,j->i", vectors.astype(np.float64), self._direction)
        return (vectors - along[:, None] * self._direction).astype(np.float32)

    def restore(self, vectors: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`apply`."""
        return vectors if self.is_identity else self.queries(vectors) + self.mean

    def queries(self, queries: np.ndarray) -> np.ndarray:
        """(n, dim) float32 -> (n, dim) float32."""
        if self.is_identity:
            return queries
        along = queries @ self._direction.astype(np.float32)
        return queries + ((1 / self.factor - 1) * along).astype(np.float32)[:, None] * self._direction.astype(
            np.float32
        )

    def parts(self) -> dict[str, np.ndarray]:
        """What must be stored, by name; nothing where there is no map."""
        if self.is_identity:
            return {}
        return {"stretch.mean": self.mean, "stretch.factor": np.array([self.factor], np.float32)}

    @classmethod
    def from_parts(cls, dim: int, parts: dict[str, np.ndarray]) -> Self:
        """The map again, from :meth:`parts` among others."""
        if "stretch.mean" not in parts:
            return cls.none(dim)
        return cls(parts["stretch.mean"], float(parts["stretch.factor"][0]))

    def _along(self, vectors: np.ndarray) -> np.ndarray:
        """(n,) float64: the components of (n, dim) vectors along the mean."""
        blocks = range(0, len(vectors), _ROWS)
        return np.concatenate([vectors[at : at + _ROWS].astype(np.float64) @ self._direction for at in blocks])


def sample_of(documents: Ragged, seed: int) -> np.ndarray:
    """At most 131,072 of the vectors of all ``documents``, in their order: (n, dim) float32."""
    rows = np.random.default_rng(seed).permutation(documents.total)[:_FIT_VECTORS]
    return np.asarray(documents.vectors[np.sort(rows)], np.float32)
