"""Anisotropic product quantization: the loss and the codes of ScaNN.

Guo, Sun, Lindgren, Geng, Simcha, Chern, Kumar, "Accelerating large-scale inference with anisotropic vector
quantization", ICML 2020.
"""

from __future__ import annotations

from typing import Any, ClassVar

import faiss
import numpy as np

from methods.base import Metric
from methods.errors import MethodError
from methods.faiss_tools import training_sample
from methods.kernels.fitting.anisotropic import anisotropic_codes, normal_equations
from methods.parameters import check_integer
from methods.product._base import ProductCodec
from methods.registry import register

_SAMPLE = 10_000  # training vectors for the rounds after k-means
_ROUNDS = 4  # of coordinate descent over a code


@register("anisotropic_pq")
class AnisotropicPQ(ProductCodec):
    """Product quantization in which an error along the vector weighs more than one across it.

    Queries with a large product with the vector suffer most from the first. For products above ``threshold`` times the
    norms, the ratio of weights is ``eta = (d - 1) T^2 / (1 - T^2)``. Training starts from the codebooks of k-means and
    alternates between codes, by coordinate descent, and codebooks, one subspace at a time (the paper solves for all at
    once).

    This is ScaNN's quantizer and not the library: ``scann`` builds an index and has no call that encodes vectors. It
    takes 4 bits for an index, which its scan in registers wants; 8 find more at equal bytes. The paper's figures are
    of its own data and are not reproduced here.

    Parameters
    ----------
    dim, metric, subquantizers, iterations, max_points_per_centroid
        See :class:`~methods.product._base.ProductCodec`.
    bits : {4, 8}
        Of an index.
    threshold : float
        T, from 0 up to 1. The parallel error never weighs less than the orthogonal one, so that 0 is product
        quantization.
    refinements : int
        Rounds of codes and codebooks after k-means.
    """

    summary = "product quantization with more weight on errors along the vector (ScaNN's loss)"
    source = "Guo et al., ICML 2020"
    metrics = frozenset({Metric.IP, Metric.COSINE})
    max_bits = 8
    check_params: ClassVar[dict[str, Any]] = {"iterations": 8}

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        subquantizers: int = 1,
        *,
        bits: int = 8,
        threshold: float = 0.2,
        refinements: int = 4,
        iterations: int = 25,
        max_points_per_centroid: int = 256,
    ) -> None:
        super().__init__(
            dim,
            metric,
            subquantizers,
            bits=bits,
            iterations=iterations,
            max_points_per_centroid=max_points_per_centroid,
        )
        self.threshold, self.refinements = threshold, check_integer("refinements", refinements, 0, 1000)
        if bits not in (4, 8):
            raise MethodError(f"bits={bits} is not offered; use 4 or 8")
        if not 0 <= threshold < 1:
            raise MethodError(f"threshold={threshold} is out of range; use a number from 0 to below 1")

    @property
    def eta(self) -> float:
        """Weight of the error along the vector against that across it, at least 1."""
        return max(1.0, (self.dim - 1) * self.threshold**2 / (1 - self.threshold**2))

    def _train(self, vectors: np.ndarray, seed: int, start: np.ndarray | None = None) -> None:
        super()._train(vectors, seed, start)
        codebooks = self._codebooks().copy()
        sample = training_sample(vectors, 1, _SAMPLE, seed)
        for _ in range(self.refinements):
            codes, along = self._indices(codebooks, sample)
            _refine(codebooks, sample, codes, along, self.eta)
        self.index_ = self._index_of(codebooks)

    def _indices(self, codebooks: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Centroids (n, subquantizers) uint8, and <r, x> (n,) float32."""
        codes, along = np.empty((len(vectors), self.subquantizers), np.uint8), np.empty(len(vectors), np.float32)
        anisotropic_codes(np.ascontiguousarray(vectors), codebooks, self.eta, _ROUNDS, codes, along)
        return codes, along

    def _codes_by(self, codebooks: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        indices = self._indices(codebooks, vectors)[0]
        if self.bits == 8:
            return indices
        return faiss.pack_bitstrings(indices.astype(np.int32), 4)


def _refine(codebooks: np.ndarray, vectors: np.ndarray, codes: np.ndarray, along: np.ndarray, eta: float) -> None:
    """Centroids of least loss for given codes, subspace after subspace, in place; ``along`` is kept up to date.

    A centroid c of vectors with subvectors x and ``others`` = <r, x> of the other subspaces solves
    ``(n + sum w x x') c = sum x + sum w x (others + <x, x>)`` with ``w = (eta - 1) / |x|^2`` of the whole vectors.
    """
    subspaces, centroids, width = codebooks.shape
    squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    weights = np.divide(eta - 1, squares, out=np.zeros_like(squares), where=squares > 0)
    along = along.astype(np.float64)
    left, right = np.empty((centroids, width, width)), np.empty((centroids, width))
    for m in range(subspaces):
        own = vectors[:, m * width : (m + 1) * width].astype(np.float64)
        index = np.ascontiguousarray(codes[:, m])
        others = along - np.einsum("ij,ij->i", own - codebooks[m, index], own)
        pulls = 1 + weights * (others + np.einsum("ij,ij->i", own, own))
        normal_equations(own, index, weights, pulls, left, right)
        used = np.bincount(index, minlength=centroids) > 0
        codebooks[m, used] = np.linalg.solve(left[used], right[used][:, :, None])[:, :, 0]
        along = others + np.einsum("ij,ij->i", own - codebooks[m, index], own)
