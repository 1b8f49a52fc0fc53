"""Token pooling: the vectors of a document, clustered, and each cluster's mean in their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from methods.errors import MethodError
from methods.multivector.ragged import Ragged
from methods.multivector.token_store import PrunedStoreCodec
from methods.registry import register

_STEPS = 64  # pool factors are multiples of 1 / 64


@register("token_pooling")
class TokenPooling(PrunedStoreCodec):
    """Ward clustering of a document's vectors; what is stored is the first vector and the means of clusters.

    A document of n vectors keeps ``max(1, floor(n / factor))``: the first vector as it is (a sentence's own token) and
    the rest pooled. A mean keeps its length: a cluster of unlike vectors scores less. Vectors of zeros are in
    no cluster.

    Parameters
    ----------
    dim : int
    factor : float
        Vectors for each that is kept.
    codec, codec_params
        The dense method for what is kept. Binary codes are compared as those of ``token_codec`` are.
    """

    family = "token pruning"
    summary = "vectors of a document pooled by hierarchical clustering, each mean in a dense method's code"
    source = "Clavié, Chaffin & Adams, Reducing the footprint of multi-vector retrieval, 2024, arXiv 2409.14683"
    requires = ("scipy",)
    trains = False
    _scans_binary = True
    kind_exceptions: ClassVar[dict[str, str]] = {
        "rogue dimensions": "a mean is long where its vectors agree in these two dimensions, and says little of others"
    }

    def __init__(
        self, dim: int, factor: float = 2.0, codec: str = "int8", codec_params: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(dim, codec, codec_params)
        if not factor >= 1:
            raise MethodError(f"factor={factor} is out of range; use a number of at least 1")
        self.factor = float(factor)

    @classmethod
    def _parts_of(cls, lengths: np.ndarray) -> tuple[str, Sequence[float]]:
        return "factor", [step / _STEPS for step in range(_STEPS * int(np.max(lengths)), _STEPS - 1, -1)]

    @staticmethod
    def _kept_at(lengths: np.ndarray, value: float) -> np.ndarray:
        return np.maximum(1, np.floor(np.asarray(lengths) / value)).astype(np.int64)

    def _kept(self, lengths: np.ndarray) -> np.ndarray:
        return self._kept_at(lengths, self.factor)

    def _reduce(self, documents: Ragged) -> Ragged:
        kept = self._kept(documents.lengths)
        zeros = documents.zeros()
        marks = [zeros[start:stop] for start, stop in pairwise(documents.offsets)]
        pooled = [_pool_others(documents.set(i), marks[i], int(kept[i])) for i in range(len(documents))]
        return Ragged.from_list(pooled) if pooled else documents


def _pool_others(vectors: np.ndarray, zeros: np.ndarray, kept: int) -> np.ndarray:
    """As :func:`_pool` of the vectors that are not ``zeros`` (n,) bool; zeros make up the number."""
    if not zeros.any():
        return _pool(vectors, kept)
    others = vectors[~zeros]
    pooled = _pool(others, min(kept, len(others))) if len(others) else others
    return np.concatenate([pooled, np.zeros((kept - len(pooled), vectors.shape[1]), np.float32)])


def _pool(vectors: np.ndarray, kept: int) -> np.ndarray:
    """``kept`` vectors of (n, dim): the first and the means of clusters of the rest; the mean of all where it is 1."""
    if kept >= len(vectors):
        return vectors
    if kept == 1:
        return vectors.mean(axis=0, keepdims=True)
    if kept == 2:
        return np.stack([vectors[0], vectors[1:].mean(axis=0)])
    from scipy.cluster.hierarchy import linkage

    # Ward's distances between unit vectors order pairs as 1 - cosine does, and are what its update formula is made for.
    label = _cut(linkage(vectors[1:], "ward"), kept - 1)
    sums = np.zeros((kept - 1, vectors.shape[1]))
    np.add.at(sums, label, vectors[1:])
    means = sums / np.bincount(label, minlength=kept - 1)[:, None]
    return np.concatenate([vectors[:1], means.astype(np.float32)])


def _cut(merges: np.ndarray, clusters: int) -> np.ndarray:
    """Labels (n,) of n leaves after the first ``n - clusters`` of ``merges``, numbered by their first leaf.

    What scipy's ``cut_tree`` gives, which takes ten times as long as the clustering itself.
    """
    n = len(merges) + 1
    top = list(range(2 * n - 1))  # of each node, the node that it is part of in the end
    pairs = merges[: n - clusters, :2].astype(int).tolist()
    for node in range(len(pairs) - 1, -1, -1):
        for child in pairs[node]:
            top[child] = top[n + node]
    _, first, label = np.unique(top[:n], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[label]
