"""OPQ: a learned rotation in front of product quantization. Ge, He, Ke, Sun 2013, CVPR."""

from __future__ import annotations

import faiss
import numpy as np

from methods.base import Metric
from methods.faiss_index import quiet_clustering, set_vector, training_sample
from methods.product import ProductCodec, check_integer
from methods.registry import register
from methods.vectors import random_rotation

_FIRST_ITERATIONS, _NEXT_ITERATIONS = 10, 4  # k-means iterations before the first rotation and between rotations


@register("opq")
class OPQ(ProductCodec):
    """Product quantization of vectors rotated so that its error is small (``faiss.OPQMatrix``, then ``IndexPQ``).

    Codebooks and rotation are learned in turn (section 4.1, the non-parametric solution), from a random rotation
    drawn under ``seed``; then the codebooks once more, with all iterations.

    Parameters
    ----------
    dim, metric, subquantizers, bits, renormalize, iterations, max_points_per_centroid
        See :class:`~methods.product.ProductCodec`.
    rotation_iterations : int
        Times that the rotation is solved for.
    rotation_points : int
        Training vectors from which the rotation is learned; more are sampled.
    """

    summary = "product quantization after a learned rotation"
    source = "Ge et al. 2013 (faiss OPQMatrix, IndexPQ)"

    rotation_: np.ndarray

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        subquantizers: int = 1,
        bits: int = 8,
        renormalize: bool = False,
        iterations: int = 25,
        max_points_per_centroid: int = 256,
        rotation_iterations: int = 20,
        rotation_points: int = 16_384,
    ) -> None:
        super().__init__(dim, metric, subquantizers, bits, renormalize, iterations, max_points_per_centroid)
        self.rotation_iterations = check_integer("rotation_iterations", rotation_iterations, 0, 10_000)
        self.rotation_points = check_integer("rotation_points", rotation_points, 1, 2**31)

    @classmethod
    def for_budget(
        cls,
        dim: int,
        code_bytes: int,
        metric: Metric,
        *,
        bits: int = 8,
        renormalize: bool = False,
        iterations: int = 25,
        max_points_per_centroid: int = 256,
        rotation_iterations: int = 20,
        rotation_points: int = 16_384,
    ) -> OPQ:
        """As many ``bits``-bit subquantizers as ``code_bytes`` hold, at most one a dimension."""
        return cls(
            dim,
            metric,
            cls.subquantizers_for(dim, code_bytes, bits),
            bits,
            renormalize,
            iterations,
            max_points_per_centroid,
            rotation_iterations,
            rotation_points,
        )

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        padded = self._subspaces.spread(vectors)
        at_most = max(self.rotation_points, 2**self.bits)
        self.rotation_ = self._learn_rotation(training_sample(padded, 2**self.bits, at_most, seed), seed)
        self._train(padded @ self.rotation_.T, seed)

    def _learn_rotation(self, vectors: np.ndarray, seed: int) -> np.ndarray:
        """(padded dim, padded dim) float32, applied as ``x @ rotation.T``."""
        d = self._subspaces.padded_dim
        start = random_rotation(d, seed)
        if not self.rotation_iterations:
            return start
        opq, pq = faiss.OPQMatrix(d, self.subquantizers), faiss.ProductQuantizer(d, self.subquantizers, self.bits)
        quiet_clustering(pq.cp, 1, seed)  # OPQMatrix sets the iterations itself
        opq.pq = pq
        opq.niter, opq.max_train_points = self.rotation_iterations, len(vectors)
        opq.niter_pq_0, opq.niter_pq = _FIRST_ITERATIONS, _NEXT_ITERATIONS
        set_vector(opq.A, start)
        opq.is_trained = True  # go on from A
        opq.train(vectors)
        return faiss.vector_to_array(opq.A).reshape(d, d)

    def _to_product(self, vectors: np.ndarray) -> np.ndarray:
        return self._subspaces.spread(vectors) @ self.rotation_.T

    def _from_product(self, decoded: np.ndarray) -> np.ndarray:
        return self._subspaces.gather(decoded @ self.rotation_)

    def parts(self) -> dict[str, np.ndarray]:
        """``codebooks`` (subquantizers, 2^bits, width) and ``rotation`` (padded dim, padded dim), float32."""
        return {**super().parts(), "rotation": self.rotation_}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        super()._load_parts(parts)
        self.rotation_ = np.asarray(parts["rotation"], np.float32)
