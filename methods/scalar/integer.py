"""Integers over fixed ranges: 8, 6 and 4 bits a dimension, through faiss's scalar quantizer."""

from __future__ import annotations

from typing import Any, ClassVar

import faiss
import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.errors import MethodError
from methods.faiss_tools import faiss_metric, taking_queries, with_codes
from methods.fitting.ranges import learned_ranges
from methods.kind_losses import OFFSET_KEEPS_IT, along_mean
from methods.registry import register
from methods.scalar._faiss_scan import scalar_searcher

RANGES = ("minmax", "clipped")


class _Ranged(Codec):
    """Base: level ``floor(levels * (x - low) / width)`` in a trained range; a level decodes to its middle.

    Values beyond the range saturate. Where lengths vary much, ranges are what a search of training vectors finds most
    with (:func:`~methods.fitting.ranges.learned_ranges`): one vector a hundred times too long costs the others nothing.
    It may itself be missed by queries that it has a small product with, as no level stands for its values.

    Parameters
    ----------
    dim : int
        Dimension of the vectors.
    metric : Metric
        What a search approximates.
    ranges : {"minmax", "clipped"}
        From the least to the greatest value of training, or without the share of values at both ends (chosen for
        each dimension, possibly none) that leaves the least squared error on the training vectors.

    Attributes
    ----------
    low_, width_ : (dim,) float32, or (1,) for a range shared by all dimensions
        Start and width of the range.
    """

    family = "scalar"
    source = "faiss ScalarQuantizer"
    trains = False
    version = "2"  # 1: ranges of all values, however much lengths vary
    offers_center = True
    kind_exceptions: ClassVar[dict[str, str]] = along_mean(OFFSET_KEEPS_IT)
    bits: ClassVar[int]
    _quantizer: ClassVar[int]

    low_: np.ndarray
    width_: np.ndarray

    def __init__(self, dim: int, metric: Metric = Metric.IP, *, ranges: str = "minmax") -> None:
        super().__init__(dim, metric)
        if ranges not in RANGES:
            raise MethodError(f"{self._label()} has no ranges={ranges!r}; use one of {', '.join(RANGES)}")
        self.ranges = ranges

    @property
    def code_size(self) -> int:
        return (self.dim * self.bits + 7) // 8

    def parts(self) -> dict[str, np.ndarray]:
        return {"low": self.low_, "width": self.width_}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.low_, self.width_ = parts["low"], parts["width"]
        self._quantize = self._build()

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        over = "shared" if self._quantizer == faiss.ScalarQuantizer.QT_8bit_uniform else "own"
        low, width = learned_ranges(vectors, self.metric.inner, self.bits, seed, over, self.ranges == "clipped")
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
        return scalar_searcher(self, self._quantizer, self.low_, self.width_, codes)

    def _to_faiss(self, codes: np.ndarray) -> Any:
        return taking_queries(self, with_codes(self._build(), codes))


@register("int8")
class Int8(_Ranged):
    """8 bits a dimension over each dimension's own range."""

    summary = "8 bits a dimension, a range for each dimension"
    kind_exceptions: ClassVar[dict[str, str]] = along_mean(OFFSET_KEEPS_IT, "average cosine .9", "integers, cosine")
    bits = 8
    _quantizer = faiss.ScalarQuantizer.QT_8bit


@register("int6")
class Int6(_Ranged):
    """6 bits a dimension over each dimension's own range."""

    summary = "6 bits a dimension, a range for each dimension"
    bits = 6
    _quantizer = faiss.ScalarQuantizer.QT_6bit

    def __init__(self, dim: int, metric: Metric = Metric.IP, *, ranges: str = "clipped") -> None:
        super().__init__(dim, metric, ranges=ranges)


@register("int4")
class Int4(_Ranged):
    """4 bits a dimension over each dimension's own range."""

    summary = "4 bits a dimension, a range for each dimension"
    kind_exceptions: ClassVar[dict[str, str]] = {
        **along_mean(OFFSET_KEEPS_IT),
        **dict.fromkeys(
            ("rogue dimensions", "heavy tails, l2"),
            "16 even levels reach to the largest values, and most are small; random_rotation makes values even first",
        ),
    }
    bits = 4
    _quantizer = faiss.ScalarQuantizer.QT_4bit

    def __init__(self, dim: int, metric: Metric = Metric.IP, *, ranges: str = "clipped") -> None:
        super().__init__(dim, metric, ranges=ranges)


@register("int8_global")
class Int8Global(_Ranged):
    """8 bits a dimension over one range for all dimensions."""

    summary = "8 bits a dimension, one range for all dimensions"
    kind_exceptions: ClassVar[dict[str, str]] = {
        **along_mean(OFFSET_KEEPS_IT, "average cosine .75", "average cosine .9", "integers, cosine"),
        "constant dimension": "the largest dimension decides the one range of all; int8 has a range for each",
    }
    bits = 8
    _quantizer = faiss.ScalarQuantizer.QT_8bit_uniform

    def __init__(self, dim: int, metric: Metric = Metric.IP) -> None:
        super().__init__(dim, metric)
