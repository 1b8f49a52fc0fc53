"""Mean pooling: a document is the mean of its vectors, the simplest single vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from methods import registry
from methods.base import Metric
from methods.errors import BudgetError
from methods.multivector.ragged import Ragged
from methods.multivector.single_vector import SingleVectorCodec
from methods.registry import register

_CHOICES = ("float32", "float16", "int8", "pq")  # the finest that fits


@register("mean_pooling")
class MeanPooling(SingleVectorCodec):
    """The mean of a document's vectors against the sum of a query's: Chamfer with the maximum made a mean.

    Parameters
    ----------
    dim : int
    codec, codec_params
        The dense method; by default the first of float32, float16, int8 and pq that fits the budget.
    """

    family = "pooling"
    summary = "one vector a document: the mean of its vectors, compressed by any dense method"
    source = "the usual pooling of sentence encoders: Reimers & Gurevych, Sentence-BERT, EMNLP 2019"
    trains = False

    def __init__(self, dim: int, codec: str = "float32", codec_params: Mapping[str, Any] | None = None) -> None:
        super().__init__(dim, codec, codec_params)

    @classmethod
    def for_budget(
        cls,
        dim: int,
        code_bytes: int,
        lengths: np.ndarray,
        *,
        codec: str | None = None,
        codec_params: Mapping[str, Any] | None = None,
    ) -> MeanPooling:
        *finer, last = _CHOICES if codec is None else (codec,)
        for name in finer:
            try:
                found = registry.for_budget(name, dim, code_bytes, Metric.IP, **(codec_params or {}))
            except BudgetError:
                continue
            return cls(dim, name, found.params())
        try:
            found = registry.for_budget(last, dim, code_bytes, Metric.IP, **(codec_params or {}))
        except BudgetError as error:
            raise BudgetError(f"mean_pooling with {last}", code_bytes, error.smallest) from None
        return cls(dim, last, found.params())

    @property
    def _out_dim(self) -> int:
        return self.dim

    def _document_vectors(self, documents: Ragged) -> np.ndarray:
        sums = np.add.reduceat(documents.vectors, documents.offsets[:-1], axis=0, dtype=np.float64)
        return (sums / documents.lengths[:, None]).astype(np.float32)

    def _query_vectors(self, queries: Ragged) -> np.ndarray:
        return np.add.reduceat(queries.vectors, queries.offsets[:-1], axis=0, dtype=np.float64).astype(np.float32)
