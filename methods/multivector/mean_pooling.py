"""Mean pooling: a document is the mean of its vectors, the simplest single vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from methods.fitting.outliers import without_outliers
from methods.multivector.ragged import Ragged
from methods.multivector.single_vector import SingleVectorCodec, first_that_fits
from methods.multivector.stretch import Stretch, sample_of
from methods.registry import register

_ALONG = 0.5  # what counts along a direction that vectors share
_ROGUE = 3.0  # times the median dimension's standard deviation
_CHOICES = ("float32", "float16", "int8", "pq")  # the finest that fits


@register("mean_pooling")
class MeanPooling(SingleVectorCodec):
    """The mean of a document's vectors against the sum of a query's: Chamfer with the maximum made a mean.

    Where vectors share a direction (see :mod:`methods.multivector.stretch`), what a document's mean has along it beyond
    the mean of all counts half. A query has so much of that direction that it would decide, and of the vectors that
    Chamfer picks it says little: counted whole, it cost .02 to .05 of recall@10 at average cosines of .5 and .75.

    For the same reason a dimension whose standard deviation is more than three times the median one's, by a factor
    ``s``, counts ``1 / s``: a document of many vectors has some for every value there, and its mean tells none of them.
    (With such dimensions, what is along a shared direction counts nothing.)

    Parameters
    ----------
    dim : int
    codec, codec_params
        The dense method; by default the first of float32, float16, int8 and pq that fits the budget.

    Attributes
    ----------
    mean_ : (dim,) float32
        Of all vectors, where they share a direction; else zeros.
    weights_ : (dim,) float32
        What each dimension counts; ones but for rogue dimensions.
    """

    family = "pooling"
    summary = "one vector a document: the mean of its vectors, compressed by any dense method"
    source = "the usual pooling of sentence encoders: Reimers & Gurevych, Sentence-BERT, EMNLP 2019"
    trains = False
    # 1: vectors of zeros were mapped with the others of a set, and no single vectors were stretched;
    # 2: rogue dimensions counted as much as they are large
    version = "3"
    kind_exceptions: ClassVar[dict[str, str]] = {
        "rogue dimensions": "a document has vectors for every value of these two dimensions, and its mean tells none"
    }

    mean_: np.ndarray
    weights_: np.ndarray

    def __init__(self, dim: int, codec: str = "float32", codec_params: Mapping[str, Any] | None = None) -> None:
        super().__init__(dim, codec, codec_params)

    @classmethod
    def _sized(
        cls,
        dim: int,
        code_bytes: int,
        lengths: np.ndarray,
        *,
        codec: str | None = None,
        codec_params: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        names = _CHOICES if codec is None else (codec,)
        return first_that_fits("mean_pooling", code_bytes, [({}, name, dim) for name in names], codec_params)

    @property
    def _out_dim(self) -> int:
        return self.dim

    def _fit_map(self, documents: Ragged, seed: int) -> None:
        sample = sample_of(documents, seed)
        self.mean_, self.weights_ = Stretch.fit(sample).mean, _weights(sample)

    def parts(self) -> dict[str, np.ndarray]:
        own = {"mean": self.mean_} if self.mean_.any() else {}
        own |= {"weights": self.weights_} if (self.weights_ != 1).any() else {}
        return super().parts() | own

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        super()._load_parts(parts)
        self.mean_ = parts.get("mean", np.zeros(self.dim, np.float32))
        self.weights_ = parts.get("weights", np.ones(self.dim, np.float32))

    def _document_vectors(self, documents: Ragged) -> np.ndarray:
        sums = np.add.reduceat(documents.vectors, documents.offsets[:-1], axis=0, dtype=np.float64)
        means = (sums / documents.lengths[:, None]).astype(np.float32)
        if (self.weights_ == 1).all():
            return Stretch(self.mean_, _ALONG).apply(means)
        # Nothing may go into the shared direction, of which a query has so much, nor come out of it.
        apart = Stretch(self.mean_, 0.0)
        return apart.project(apart.apply(means) * self.weights_)

    def _query_vectors(self, queries: Ragged) -> np.ndarray:
        return np.add.reduceat(queries.vectors, queries.offsets[:-1], axis=0, dtype=np.float64).astype(np.float32)


def _weights(vectors: np.ndarray) -> np.ndarray:
    """What each dimension of (n, dim) float32 vectors is to count: (dim,) float32."""
    spread = without_outliers(vectors).std(axis=0, dtype=np.float64)
    if not spread.any():
        return np.ones(len(spread), np.float32)
    ratios = spread / np.median(spread[spread > 0])
    return np.where(ratios > _ROGUE, 1 / np.maximum(ratios, _ROGUE), 1).astype(np.float32)
