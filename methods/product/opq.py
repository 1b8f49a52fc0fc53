"""OPQ: a learned rotation in front of product quantization. Ge, He, Ke, Sun 2013, CVPR."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from methods.base import Metric
from methods.faiss_tools import training_sample
from methods.fitting.kmeans import learn_codebooks
from methods.fitting.procrustes import nearest_rotation
from methods.parameters import check_integer
from methods.product._base import ProductCodec
from methods.registry import register

_FLOOR = 1e-9  # least variance of an axis, relative to the largest, when subspaces are balanced
_FIRST_ITERATIONS, _NEXT_ITERATIONS = 10, 2  # k-means iterations before the first rotation and between rotations


@register("opq")
class OPQ(ProductCodec):
    """Product quantization of vectors rotated so that its error is small (as ``faiss.OPQMatrix``, then ``IndexPQ``).

    The rotation starts from principal axes dealt out to the subspaces so that each gets the same product of variances
    (section 4.2, the parametric solution). Codebooks and rotation are then learned in turn (section 4.1), and at last
    the codebooks alone, with all iterations. faiss's ``OPQMatrix`` starts from a random rotation and needs 50 turns of
    k-means to come as far as this start.

    Parameters
    ----------
    dim, metric, subquantizers, bits, renormalize, iterations, max_points_per_centroid
        See :class:`~methods.product._base.ProductCodec`.
    rotation_iterations : int
        Times that the rotation is solved for.
    rotation_points : int
        Training vectors from which the rotation is learned; more are sampled.
    """

    summary = "product quantization after a learned rotation"
    source = "Ge et al. 2013 (over faiss ProductQuantizer)"
    check_params: ClassVar[dict[str, Any]] = {"iterations": 8}

    rotation_: np.ndarray

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        subquantizers: int = 1,
        *,
        rotation_iterations: int = 5,
        rotation_points: int = 16_384,
        **product: Any,
    ) -> None:
        super().__init__(dim, metric, subquantizers, **product)
        self.rotation_iterations = check_integer("rotation_iterations", rotation_iterations, 0, 10_000)
        self.rotation_points = check_integer("rotation_points", rotation_points, 1, 2**31)

    def _learn(self, vectors: np.ndarray, seed: int) -> None:
        at_most = max(self.rotation_points, 2**self.bits)
        self.rotation_ = self._balanced_axes(vectors)
        start = self._learn_rotation(training_sample(vectors, 2**self.bits, at_most, seed), seed)
        self._train(self._to_product(vectors), seed, start)

    def _balanced_axes(self, vectors: np.ndarray) -> np.ndarray:
        """Principal axes (dim, dim) as columns, each in the run of the subspace that it is dealt to."""
        centered = vectors - vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        variances, axes = np.linalg.eigh((centered.T @ centered).astype(np.float64))
        logs = np.log(np.maximum(variances, _FLOOR * variances[-1] + np.finfo(np.float64).tiny))
        lengths = self._subspaces.lengths
        sums, dealt = np.zeros(self.subquantizers), [[] for _ in lengths]  # type: tuple[np.ndarray, list[list[int]]]
        for axis in np.argsort(-logs, kind="stable"):
            room = np.array([len(own) < length for own, length in zip(dealt, lengths)])
            subspace = int(np.where(room, sums, np.inf).argmin())
            dealt[subspace].append(int(axis))
            sums[subspace] += logs[axis] - logs.min()
        return axes[:, np.concatenate([np.array(own) for own in dealt])].astype(np.float32)

    def _learn_rotation(self, vectors: np.ndarray, seed: int) -> np.ndarray | None:
        """Codebooks given the rotation, then the rotation given the decoded vectors: Procrustes."""
        codebooks = None
        for turn in range(self.rotation_iterations):
            rotated = self._to_product(vectors)
            iterations = _NEXT_ITERATIONS if turn else _FIRST_ITERATIONS
            codebooks = learn_codebooks(rotated, self.subquantizers, self.bits, iterations, seed, codebooks)
            codes = self._codes_by(codebooks, rotated)
            decoded = self._subspaces.gather(self._index_of(codebooks).sa_decode(codes))
            self.rotation_ = nearest_rotation(vectors.T @ decoded)
        return codebooks

    def _to_product(self, vectors: np.ndarray) -> np.ndarray:
        return self._subspaces.spread(vectors @ self.rotation_)

    def _from_product(self, decoded: np.ndarray) -> np.ndarray:
        return self._subspaces.gather(decoded) @ self.rotation_.T

    def parts(self) -> dict[str, np.ndarray]:
        """``codebooks`` (subquantizers, 2^bits, width) and ``rotation`` (dim, dim), applied as x @ R; float32."""
        return {**super().parts(), "rotation": self.rotation_}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        super()._load_parts(parts)
        self.rotation_ = np.asarray(parts["rotation"], np.float32)
