"""k-means of each document's vectors: the same number of means, whatever the document's size."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from methods.multivector._fixed_count import FixedCount
from methods.multivector.ragged import Ragged
from methods.registry import register

_ITERATIONS = 8


@register("kmeans_pooling")
class KMeansPooling(FixedCount):
    """The means of k clusters of a document's vectors; a document of fewer vectors keeps them all.

    Lloyd's iterations from vectors that are evenly spaced in the document, so that a document's means depend on it
    alone. A mean keeps its length: a cluster of unlike vectors scores less. Vectors of zeros are in no cluster.

    Parameters
    ----------
    dim : int
    kept : int
        Means of a document that has as many vectors.
    codec, codec_params
        The dense method for what is kept. Binary codes are compared as those of ``token_codec`` are.
    """

    family = "token pruning"
    summary = "as many means of each document by k-means, each in a dense method's code"
    source = (
        "a fixed number of vectors a document: MacAvaney, Mallia & Tonellotto, ConstBERT, ECIR 2025; here by k-means"
    )
    trains = False
    _scans_binary = True
    kind_exceptions: ClassVar[dict[str, str]] = {
        "rogue dimensions": "a mean is long where its vectors agree in these two dimensions, and says little of others"
    }

    def __init__(
        self, dim: int, kept: int = 16, codec: str = "int8", codec_params: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(dim, kept, codec, codec_params)

    def _reduce(self, documents: Ragged) -> Ragged:
        kept, zeros = self._kept(documents.lengths), documents.zeros()
        pooled = np.zeros((int(kept.sum()), self.dim), np.float32)
        ends = np.cumsum(kept)
        for end, count, (start, stop) in zip(ends, kept, pairwise(documents.offsets)):
            means = _k_means(documents.vectors[start:stop][~zeros[start:stop]], int(count))
            pooled[end - count : end - count + len(means)] = means
        return Ragged(pooled, np.concatenate([[0], ends])) if len(documents) else documents


def _k_means(vectors: np.ndarray, count: int) -> np.ndarray:
    """``count`` means of (n, dim) float32 vectors; the vectors themselves where there are no more."""
    n = len(vectors)
    if n <= count:
        return vectors
    means = vectors[np.linspace(0, n - 1, count).round().astype(np.int64)]
    labels = np.full(n, -1)
    for _ in range(_ITERATIONS):
        distances = np.square(means).sum(axis=1) - 2 * (vectors @ means.T)
        nearest = distances.argmin(axis=1)
        sizes = np.bincount(nearest, minlength=count)
        far = iter(np.argsort(-(distances[np.arange(n), nearest] + np.square(vectors).sum(axis=1)), kind="stable"))
        for empty in np.flatnonzero(sizes == 0):  # takes the vector farthest from its mean that is not alone there
            row = next(row for row in far if sizes[nearest[row]] > 1)
            sizes[nearest[row]] -= 1
            nearest[row], sizes[empty] = empty, 1
        if np.array_equal(nearest, labels):
            break
        labels = nearest
        sums = np.zeros((count, vectors.shape[1]))
        np.add.at(sums, labels, vectors)
        means = (sums / sizes[:, None]).astype(np.float32)
    return means
