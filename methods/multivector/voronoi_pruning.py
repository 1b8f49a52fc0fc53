"""Pruning by Voronoi mass: vectors that are seldom a document's best are dropped first."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import numpy as np

from methods.kernels.sets.voronoi import drop_order
from methods.kind_losses import PRUNED
from methods.multivector._share_pruning import SharePruning
from methods.multivector.ragged import Ragged
from methods.multivector.stretch import Stretch, sample_of
from methods.registry import register
from methods.vectors import normalized

_QUERIES = 2048  # sampled vectors
_STRENGTH = 0.5  # of shrinking a shared direction: best over queries that have it and queries that do not


@register("voronoi_pruning")
class VoronoiPruning(SharePruning):
    """Keeps the vectors of a document that win most often against its others.

    Vectors of the corpus, 2,048 of them, stand for vectors of queries. The mass of a document's vector is the share of
    these to which it has the largest product of all in the document. The vector of least mass is dropped, what it won
    passes to the others, and so on until as many are left as are kept: of near copies one stays. Of equal ones the
    later is dropped, and vectors of zeros before all others. A direction that all vectors share (see
    :mod:`methods.multivector.stretch`) is shrunk in the sampled ones.

    Parameters
    ----------
    dim : int
    share : float
        Part of a document's vectors that is kept, rounded, at least one.
    codec, codec_params
        The dense method for what is kept.

    Attributes
    ----------
    sampled_ : (m, dim) float16
        Of unit length.
    """

    family = "token pruning"
    summary = "the vectors of a document that are most often its best, each in a dense method's code"
    source = "pruning by dominance and Voronoi cells in late interaction; vectors of the corpus are sampled as queries"
    kind_exceptions: ClassVar[dict[str, str]] = {"rogue dimensions": PRUNED}

    sampled_: np.ndarray

    def _fit_reduction(self, documents: Ragged, seed: int) -> None:
        sample = sample_of(documents, seed)
        rows = np.random.default_rng(seed).permutation(len(sample))[:_QUERIES]
        shared = Stretch.fit(sample)
        shared = Stretch(shared.mean, max(1.0, shared.factor * _STRENGTH))
        self.sampled_ = normalized(shared.queries(np.ascontiguousarray(sample[np.sort(rows)]))).astype(np.float16)

    def _costs(self, documents: Ragged) -> np.ndarray:
        costs = np.empty(documents.total, np.float32)
        queries = self.sampled_.astype(np.float32)
        zeros = documents.zeros()
        for start, stop in pairwise(documents.offsets):
            products = queries @ documents.vectors[start:stop].T
            products[:, zeros[start:stop]] = -np.inf
            costs[start:stop] = -drop_order(products)
        return costs

    def parts(self) -> dict[str, np.ndarray]:
        """The dense codec's, and the sampled vectors, which only encoding needs."""
        return {"sampled": self.sampled_, **super().parts()}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        super()._load_parts(parts)
        self.sampled_ = parts["sampled"]
