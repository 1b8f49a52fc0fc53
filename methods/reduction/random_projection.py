"""Random projection in front of a codec: dimension reduction that learns nothing.

Johnson and Lindenstrauss 1984; Dasgupta and Gupta 2003 for the projection on a random subspace that is used here.
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from methods.base import Metric
from methods.compose.transformed import AffineTransform, TransformedCodec
from methods.kind_losses import OFFSET_KEEPS_IT, along_mean
from methods.registry import register


class RandomSubspace(AffineTransform):
    """Projection on a uniformly drawn subspace, times ``sqrt(dim / out_dim)``.

    With this factor inner products and squared distances of the projected vectors have the true ones as their mean.
    Orthonormal directions have less variance than independent Gaussian ones.
    """

    summary = "scaled projection on a uniformly drawn subspace"
    source = "Dasgupta and Gupta 2003"
    trains = False

    def fit(self, vectors: np.ndarray, seed: int = 0) -> Self:
        gaussian = np.random.default_rng(seed).standard_normal((self.dim, self.out_dim))
        basis = np.linalg.qr(gaussian)[0] * np.sqrt(self.dim / self.out_dim)
        return self.load_parts({"matrix": basis})

    def parts(self) -> dict[str, np.ndarray]:
        return {"matrix": self.matrix_}

    def query_offsets(self, queries: np.ndarray, mapped: np.ndarray, metric: Metric) -> np.ndarray:
        return np.zeros(len(queries), np.float32)  # the scale makes up for what lies outside the subspace

    def inverse(self, vectors: np.ndarray) -> np.ndarray:
        return vectors @ self.matrix_.T * np.float32(self.out_dim / self.dim)


@register("random_projection")
class RandomProjection(TransformedCodec):
    """Coordinates in a random subspace, stored by another codec.

    Scores are unbiased over the draw of the subspace, and hence not those of the decoded vectors, which lie in it.
    """

    summary = "scaled projection on a random subspace, stored by any codec"
    source = "Johnson and Lindenstrauss 1984; Dasgupta and Gupta 2003"
    trains = False
    offers_center = True
    kind_exceptions: ClassVar[dict[str, str]] = {
        **along_mean(OFFSET_KEEPS_IT),
        "low rank": "a subspace drawn by chance may miss the few directions that hold the variance; pca keeps them",
    }
    estimator = True

    def _new_transform(self) -> RandomSubspace:
        return RandomSubspace(self.dim, self.out_dim)
