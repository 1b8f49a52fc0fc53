"""Principal component analysis in front of a codec.

Pearson 1901; Jégou and Chum, "Negative evidences and co-occurrences in image retrieval: the benefit of PCA and
whitening", ECCV 2012, for its use on descriptors (here without whitening, which would change the metric).
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from methods.compose.transformed import AffineTransform, TransformedCodec
from methods.fitting.outliers import without_outliers
from methods.kind_losses import LEFT_OUT, along_mean
from methods.registry import register

_ROWS = 8192  # training vectors multiplied at a time in float64


class PrincipalComponents(AffineTransform):
    """The ``out_dim`` directions of greatest variance around the mean, in falling order; no outlier decides them."""

    summary = "projection on the directions of greatest variance"
    source = "Pearson 1901"

    def fit(self, vectors: np.ndarray, seed: int = 0) -> Self:
        vectors = without_outliers(vectors)
        mean = vectors.mean(axis=0, dtype=np.float64)
        scatter = np.zeros((self.dim, self.dim))
        for at in range(0, len(vectors), _ROWS):
            centered = vectors[at : at + _ROWS] - mean
            scatter += centered.T @ centered
        matrix = np.linalg.eigh(scatter)[1][:, ::-1][:, : self.out_dim]
        # An eigenvector's sign is arbitrary: the largest entry is made positive.
        largest = np.take_along_axis(matrix, np.abs(matrix).argmax(axis=0)[None], axis=0)
        self.mean_ = mean.astype(np.float32)
        self.matrix_ = np.ascontiguousarray(np.where(largest < 0, -matrix, matrix), np.float32)
        return self


@register("pca")
class PCA(TransformedCodec):
    """Leading principal components of the centered vectors, stored by another codec.

    Scores are those of the decoded vectors: what centering takes from an inner product, and what lies outside the
    components in a distance, is added back for each query.
    """

    summary = "leading principal components, stored by any codec"
    source = "Pearson 1901; Jégou and Chum, ECCV 2012"
    kind_exceptions: ClassVar[dict[str, str]] = {
        **along_mean(LEFT_OUT),
        "low rank": "4-bit integers hold as little of the few components that matter as of the others; codec=int8",
    }
    choices = (("int8", {}, 0.75), ("int6", {}, 0.6), ("int4", {}, 0.0))  # the last components carry little

    def _new_transform(self) -> PrincipalComponents:
        return PrincipalComponents(self.dim, self.out_dim)
