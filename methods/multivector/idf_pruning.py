"""Pruning by inverse document frequency: vectors that many documents have are dropped first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from methods.errors import MethodError
from methods.kind_losses import PRUNED
from methods.multivector.centroids import learn_centroids, nearest_centroids, usual_count
from methods.multivector.ragged import Ragged
from methods.multivector.token_store import PrunedStoreCodec
from methods.registry import register

_STEPS = 1024  # shares are multiples of 1 / 1024


@register("idf_pruning")
class IdfPruning(PrunedStoreCodec):
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

    def __init__(
        self, dim: int, share: float = 0.5, codec: str = "int8", codec_params: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(dim, codec, codec_params)
        if not 0 < share <= 1:
            raise MethodError(f"share={share} is out of range; use a number above 0 and at most 1")
        self.share = float(share)

    @classmethod
    def _parts_of(cls, lengths: np.ndarray) -> tuple[str, Sequence[float]]:
        return "share", [step / _STEPS for step in range(1, _STEPS + 1)]

    @staticmethod
    def _kept_at(lengths: np.ndarray, value: float) -> np.ndarray:
        return np.maximum(1, np.floor(np.asarray(lengths) * value + 0.5)).astype(np.int64)

    def _kept(self, lengths: np.ndarray) -> np.ndarray:
        return self._kept_at(lengths, self.share)

    def _fit_reduction(self, documents: Ragged, seed: int) -> None:
        self.centroids_ = learn_centroids(documents, usual_count(documents.total), seed)
        owner = np.repeat(np.arange(len(documents)), documents.lengths)
        word = nearest_centroids(documents.floats(), self.centroids_)
        pairs = np.unique(owner * len(self.centroids_) + word)
        frequency = np.bincount(pairs % len(self.centroids_), minlength=len(self.centroids_))
        self.idf_ = np.log(len(documents) / np.maximum(frequency, 1)).astype(np.float32)

    def _reduce(self, documents: Ragged) -> Ragged:
        cost = np.where(documents.zeros(), np.inf, -self.idf_[nearest_centroids(documents.vectors, self.centroids_)])
        return documents.first(cost, self._kept(documents.lengths))

    def parts(self) -> dict[str, np.ndarray]:
        return {"centroids": self.centroids_, "idf": self.idf_, **super().parts()}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        super()._load_parts(parts)
        self.centroids_, self.idf_ = parts["centroids"], parts["idf"]
