"""Pruning by inverse document frequency: vectors that many documents have are dropped first."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from methods.kind_losses import PRUNED
from methods.multivector._share_pruning import SharePruning
from methods.multivector.centroids import learn_centroids, nearest_centroids, usual_count
from methods.multivector.ragged import Ragged
from methods.registry import register


@register("idf_pruning")
class IdfPruning(SharePruning):
    """Keeps the vectors of a document that fewest documents share.

    Vectors have no words; a vector's nearest of all centroids stands for its word, as in Sivic & Zisserman, Video
    Google, ICCV 2003, and idf(c) = log(n / documents with a vector of c). The vectors of largest idf are kept, in
    their order; equal ones go to the earlier, and vectors of zeros after all others.

    Parameters
    ----------
    dim : int
    share : float
        Part of a document's vectors that is kept, rounded, at least one.
    codec, codec_params
        The dense method for what is kept.

    Attributes
    ----------
    centroids_ : (K, dim) float32
    idf_ : (K,) float32
    """

    family = "token pruning"
    summary = "the vectors of a document that fewest documents share, each in a dense method's code"
    source = "Acquavia, Macdonald & Tonellotto, Static pruning for multi-representation dense retrieval, DocEng 2023"
    kind_exceptions: ClassVar[dict[str, str]] = {"rogue dimensions": PRUNED}

    centroids_: np.ndarray
    idf_: np.ndarray

    def _fit_reduction(self, documents: Ragged, seed: int) -> None:
        self.centroids_ = learn_centroids(documents, usual_count(documents.total), seed)
        owner = np.repeat(np.arange(len(documents)), documents.lengths)
        word = nearest_centroids(documents.floats(), self.centroids_)
        pairs = np.unique(owner * len(self.centroids_) + word)
        frequency = np.bincount(pairs % len(self.centroids_), minlength=len(self.centroids_))
        self.idf_ = np.log(len(documents) / np.maximum(frequency, 1)).astype(np.float32)

    def _costs(self, documents: Ragged) -> np.ndarray:
        return -self.idf_[nearest_centroids(documents.vectors, self.centroids_)]

    def parts(self) -> dict[str, np.ndarray]:
        return {"centroids": self.centroids_, "idf": self.idf_, **super().parts()}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        super()._load_parts(parts)
        self.centroids_, self.idf_ = parts["centroids"], parts["idf"]
