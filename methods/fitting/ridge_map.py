"""An affine map from one kind of vectors to another of the same items, by ridge regression in closed form."""

from __future__ import annotations

import numpy as np

from methods.errors import MethodError
from methods.vectors import as_vectors, normalized

__all__ = ["RidgeMap"]

_RIDGES = tuple(10.0**power for power in range(-6, 2))  # of the mean variance of a source dimension
_HELD_OUT = 0.2  # of the pairs, to choose the ridge on
_BLOCK = 16_384  # pairs centered at a time


class RidgeMap:
    """Maps vectors of one encoder (or layer of it) to where those of another lie: ``normalize(x W + b)``.

    ``W = (C + r m I)^-1 D``: C the covariance of the sources, D that of sources with targets, m the mean of C's
    diagonal. The ridge r is the one whose map, fitted on four fifths of the pairs, has the highest mean cosine with the
    targets of the rest; the map is then fitted on all.

    Attributes
    ----------
    matrix_ : (source_dim, target_dim) float32
    bias_ : (target_dim,) float32
    ridge_ : float
        r, chosen from 1e-6 to 10.
    cosine_ : float
        Mean cosine with the held-out targets at that ridge.
    """

    matrix_: np.ndarray
    bias_: np.ndarray
    ridge_: float
    cosine_: float

    def fit(self, sources: np.ndarray, targets: np.ndarray, seed: int = 0) -> RidgeMap:
        """Fit on pairs of rows; ``seed`` chooses the held-out ones.

        Parameters
        ----------
        sources : (n, source_dim) float32
        targets : (n, target_dim) float32

        Raises
        ------
        MethodError
            If there are not as many sources as targets, or fewer than ten.
        """
        if len(sources) != len(targets) or len(sources) < 10:
            raise MethodError(f"a map needs ten pairs or more, not {len(sources)} sources and {len(targets)} targets")
        sources, targets = (as_vectors(each, each.shape[1]) for each in (sources, targets))
        order = np.random.default_rng(seed).permutation(len(sources))
        held_out, rest = np.split(order, [round(_HELD_OUT * len(order))])
        moments = _Moments(sources[np.sort(rest)], targets[np.sort(rest)])
        cosines = [self._set(*moments.solved(ridge))._cosine(sources[held_out], targets[held_out]) for ridge in _RIDGES]
        best = int(np.argmax(cosines))
        self.ridge_, self.cosine_ = _RIDGES[best], cosines[best]
        return self._set(*_Moments(sources, targets).solved(self.ridge_))

    def transform(self, vectors: np.ndarray) -> np.ndarray:
        """Mapped vectors (n, target_dim) float32 of unit norm."""
        return normalized(as_vectors(vectors, len(self.matrix_)) @ self.matrix_ + self.bias_)

    def _set(self, matrix: np.ndarray, bias: np.ndarray) -> RidgeMap:
        self.matrix_, self.bias_ = matrix.astype(np.float32), bias.astype(np.float32)
        return self

    def _cosine(self, sources: np.ndarray, targets: np.ndarray) -> float:
        return float(np.einsum("ij,ij->i", self.transform(sources), normalized(targets)).mean())


class _Moments:
    """First and second moments of pairs, with the sources' principal axes: each ridge is then one multiplication."""

    def __init__(self, sources: np.ndarray, targets: np.ndarray) -> None:
        self._source, self._target = (each.mean(axis=0, dtype=np.float64) for each in (sources, targets))
        shape = sources.shape[1], targets.shape[1]
        covariance, cross = np.zeros((shape[0], shape[0])), np.zeros(shape)
        for start in range(0, len(sources), _BLOCK):
            block = sources[start : start + _BLOCK] - self._source.astype(np.float32)
            covariance += block.T @ block
            cross += block.T @ (targets[start : start + _BLOCK] - self._target.astype(np.float32))
        self._variances, self._axes = np.linalg.eigh(covariance / len(sources))
        self._cross = self._axes.T @ (cross / len(sources))

    def solved(self, ridge: float) -> tuple[np.ndarray, np.ndarray]:
        """Matrix and bias at a ridge."""
        variances = np.maximum(self._variances, 0) + max(ridge * self._variances.mean(), 1e-30)
        matrix = self._axes @ (self._cross / variances[:, None])
        return matrix, self._target - self._source @ matrix
