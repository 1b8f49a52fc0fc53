"""Outliers among training vectors: means, scales and axes learned from all vectors may not follow them.

One vector a thousand times too long moves the mean of ten thousand by a tenth of a vector's length and takes the first
principal axis for itself (qdrant #9902 shows what it does to ranges). Principal axes have a rule of their own,
:func:`methods.fitting.principal_axes.robust_mean`, which counts outliers as if they lay at 8 median distances from the
mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

__all__ = ["Spread", "main_mass", "without_outliers"]

_OUTLIER = 16.0  # so many times as far from the median vector as the median distance; lognormal lengths of 0.7 reach 16
_APART = 4.0  # typical distances beyond which vectors are no part of the main mass; those of real encoders reach 2.7
_SAMPLE = 4096  # vectors of which the median is taken
_ROWS = 4096  # vectors looked at together


@dataclass(frozen=True)
class Spread:
    """Where vectors lie, and how far from there: measures that no outlier moves.

    Attributes
    ----------
    center : (dim,) float32
        Median of each dimension over 4,096 of the vectors, evenly picked.
    typical : float
        Median distance of vectors from the center, of those that are not on it; 0 where all are.
    ratios : (n,) float64
        Distance of each vector from the center over the typical one.
    """

    center: np.ndarray
    typical: float
    ratios: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray) -> Self:
        """The spread of vectors (n >= 1, dim) float32 of any scale."""
        picked = np.linspace(0, len(vectors) - 1, min(len(vectors), _SAMPLE)).astype(np.int64)
        center = np.median(vectors[picked], axis=0).astype(np.float32)
        distances = np.empty(len(vectors))
        for at in range(0, len(vectors), _ROWS):
            away = vectors[at : at + _ROWS].astype(np.float64) - center
            distances[at : at + _ROWS] = np.sqrt(np.einsum("ij,ij->i", away, away))
        apart = distances[distances > 0]
        typical = float(np.median(apart)) if len(apart) else 0.0
        return cls(center, typical, distances / typical if typical > 0 else distances)

    def only(self, rows: np.ndarray) -> Spread:
        """The same of some of the vectors (indices)."""
        return Spread(self.center, self.typical, self.ratios[rows])

    def pulled(self, vectors: np.ndarray, farthest: float = _OUTLIER, to: float = 1.0) -> np.ndarray:
        """``vectors`` (n, dim), those beyond ``farthest`` times the typical distance moved to ``to`` times it.

        By default outliers, to the typical distance. The array itself where there are none.
        """
        far = np.flatnonzero(self.ratios > farthest)
        if not len(far):
            return vectors
        pulled = vectors.copy()
        away = vectors[far].astype(np.float64) - self.center
        pulled[far] = self.center + away * (to / self.ratios[far, None])
        return pulled


def without_outliers(vectors: np.ndarray) -> np.ndarray:
    """``vectors`` (n, dim) float32, outliers moved towards the others to the typical distance; no copy without any."""
    return Spread.of(vectors).pulled(vectors)


def main_mass(vectors: np.ndarray) -> np.ndarray:
    """Those of ``vectors`` (n, dim) float32 that are no more than four typical distances from the median vector.

    The array itself where all are.
    """
    near = Spread.of(vectors).ratios <= _APART
    return vectors if near.all() else vectors[near]
