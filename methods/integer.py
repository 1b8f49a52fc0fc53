"""Integers over fixed ranges: 8, 6 and 4 bits a dimension, through faiss's scalar quantizer."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import faiss
import numpy as np

from methods.base import Codec, Metric, Searcher, largest_fit
from methods.faiss_index import FlatCodesSearcher, faiss_metric
from methods.registry import register


class _Ranged(Codec):
    """Base: level ``floor(levels * (x - low) / width)`` in a trained range; a level decodes to its middle.

    Values beyond the range of training saturate.

    Attributes
    ----------
    low_, width_ : (dim,) float32, or (1,) for a range shared by all dimensions
        Least value of training, and greatest less least.
    """

    family = "scalar"
    source = "faiss ScalarQuantizer"
    trains = False
    bits: ClassVar[int]
    _quantizer: ClassVar[int]

    low_: np.ndarray
    width_: np.ndarray

    @classmethod
    def for_budget(cls, dim: int, code_bytes: int, metric: Metric, **params: Any) -> Self:
        """The one configuration: ``bits`` a dimension, rounded up to a byte."""
        codec = cls(dim, metric)
        largest_fit(cls.name, code_bytes, {cls.name: codec.code_size})
        return codec

    @property
    def code_size(self) -> int:
        return (self.dim * self.bits + 7) // 8

    def parts(self) -> dict[str, np.ndarray]:
        return {"low": self.low_, "width": self.width_}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.low_, self.width_ = parts["low"], parts["width"]
        self._quantize = self._build()

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        index = faiss.IndexScalarQuantizer(self.dim, self._quantizer, faiss_metric(self.metric))
        index.train(vectors)
        low, width = np.split(faiss.vector_to_array(index.sq.trained), 2)
        self._load_parts({"low": low, "width": width})

    def _build(self) -> faiss.IndexScalarQuantizer:
        """A trained and empty index."""
        index = faiss.IndexScalarQuantizer(self.dim, self._quantizer, faiss_metric(self.metric))
        faiss.copy_array_to_vector(np.concatenate([self.low_, self.width_]), index.sq.trained)
        index.is_trained = True
        return index

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        return self._quantize.sa_encode(vectors)

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        return self._quantize.sa_decode(codes)

    def _searcher(self, codes: np.ndarray) -> Searcher:
        return FlatCodesSearcher(self, self._build(), codes)


@register("int8")
class Int8(_Ranged):
    """8 bits a dimension over each dimension's own range."""

    summary = "8 bits a dimension, a range for each dimension"
    bits = 8
    _quantizer = faiss.ScalarQuantizer.QT_8bit


@register("int6")
class Int6(_Ranged):
    """6 bits a dimension over each dimension's own range."""

    summary = "6 bits a dimension, a range for each dimension"
    bits = 6
    _quantizer = faiss.ScalarQuantizer.QT_6bit


@register("int4")
class Int4(_Ranged):
    """4 bits a dimension over each dimension's own range."""

    summary = "4 bits a dimension, a range for each dimension"
    bits = 4
    _quantizer = faiss.ScalarQuantizer.QT_4bit


@register("int8_global")
class Int8Global(_Ranged):
    """8 bits a dimension over one range for all dimensions."""

    summary = "8 bits a dimension, one range for all dimensions"
    bits = 8
    _quantizer = faiss.ScalarQuantizer.QT_8bit_uniform
