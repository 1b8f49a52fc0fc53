"""Integers over fixed ranges: 8, 6 and 4 bits a dimension, through faiss's scalar quantizer."""

from __future__ import annotations

from typing import ClassVar, Self

import faiss
import numpy as np

from methods.base import Codec, Metric, Searcher, largest_fit
from methods.errors import MethodError
from methods.faiss_index import faiss_metric
from methods.registry import register
from methods.scalar_search import scalar_searcher

RANGES = ("minmax", "clipped")
_CLIPPED_SHARES = (0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.007, 0.01, 0.015)  # left out at each end
_SAMPLE = 16_384  # vectors on which ranges are compared


class _Ranged(Codec):
    """Base: level ``floor(levels * (x - low) / width)`` in a trained range; a level decodes to its middle.

    Values beyond the range saturate.

    Parameters
    ----------
    dim : int
        Dimension of the vectors.
    metric : Metric
        What a search approximates.
    ranges : {"minmax", "clipped"}
        From the least to the greatest value of training, or without the share of outliers at both ends (chosen for
        each dimension, possibly none) that leaves the least squared error on the training vectors.

    Attributes
    ----------
    low_, width_ : (dim,) float32, or (1,) for a range shared by all dimensions
        Start and width of the range.
    """

    family = "scalar"
    source = "faiss ScalarQuantizer"
    trains = False
    bits: ClassVar[int]
    _quantizer: ClassVar[int]

    low_: np.ndarray
    width_: np.ndarray

    def __init__(self, dim: int, metric: Metric = Metric.IP, ranges: str = "minmax") -> None:
        super().__init__(dim, metric)
        if ranges not in RANGES:
            raise MethodError(f"{self._label()} has no ranges={ranges!r}; use one of {', '.join(RANGES)}")
        self.ranges = ranges

    @classmethod
    def _fitting(cls, code_bytes: int, codec: Self) -> Self:
        """``codec``, the one configuration of its dimension, if it fits."""
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
        if self.ranges == "clipped":
            low, width = clipped_ranges(sample(vectors, seed), low, width, self.bits)
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


@register("int8")
class Int8(_Ranged):
    """8 bits a dimension over each dimension's own range."""

    summary = "8 bits a dimension, a range for each dimension"
    bits = 8
    _quantizer = faiss.ScalarQuantizer.QT_8bit

    @classmethod
    def for_budget(cls, dim: int, code_bytes: int, metric: Metric, *, ranges: str = "minmax") -> Int8:
        """The one configuration: 8 bits a dimension, rounded up to a byte."""
        return cls._fitting(code_bytes, cls(dim, metric, ranges))


@register("int6")
class Int6(_Ranged):
    """6 bits a dimension over each dimension's own range."""

    summary = "6 bits a dimension, a range for each dimension"
    bits = 6
    _quantizer = faiss.ScalarQuantizer.QT_6bit

    @classmethod
    def for_budget(cls, dim: int, code_bytes: int, metric: Metric, *, ranges: str = "clipped") -> Int6:
        """The one configuration: 6 bits a dimension, rounded up to a byte."""
        return cls._fitting(code_bytes, cls(dim, metric, ranges))


@register("int4")
class Int4(_Ranged):
    """4 bits a dimension over each dimension's own range."""

    summary = "4 bits a dimension, a range for each dimension"
    bits = 4
    _quantizer = faiss.ScalarQuantizer.QT_4bit

    @classmethod
    def for_budget(cls, dim: int, code_bytes: int, metric: Metric, *, ranges: str = "clipped") -> Int4:
        """The one configuration: 4 bits a dimension, rounded up to a byte."""
        return cls._fitting(code_bytes, cls(dim, metric, ranges))


@register("int8_global")
class Int8Global(_Ranged):
    """8 bits a dimension over one range for all dimensions."""

    summary = "8 bits a dimension, one range for all dimensions"
    bits = 8
    _quantizer = faiss.ScalarQuantizer.QT_8bit_uniform

    def __init__(self, dim: int, metric: Metric = Metric.IP) -> None:
        super().__init__(dim, metric)

    @classmethod
    def for_budget(cls, dim: int, code_bytes: int, metric: Metric) -> Int8Global:
        """The one configuration: 1 byte a dimension."""
        return cls._fitting(code_bytes, cls(dim, metric))


def sample(vectors: np.ndarray, seed: int) -> np.ndarray:
    """At most 16,384 of the training vectors."""
    if len(vectors) <= _SAMPLE:
        return vectors
    return vectors[np.sort(np.random.default_rng(seed).choice(len(vectors), _SAMPLE, replace=False))]


def clipped_ranges(vectors: np.ndarray, low: np.ndarray, width: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """For each dimension the range, of several, with the least squared error on ``vectors`` (n, dim) float32.

    The candidates are the given one (``low``, ``width``, (dim,) float32) and those that leave out equal shares of
    the values at both ends. Returns starts and widths, (dim,) float32.
    """
    columns = np.sort(vectors.T, axis=1)
    best_low, best_width = low.copy(), width.copy()
    least = _squared_error(columns, low, width, bits)
    for share in _CLIPPED_SHARES:
        cut = int(share * columns.shape[1])
        start, length = columns[:, cut], columns[:, -1 - cut] - columns[:, cut]
        error = _squared_error(columns, start, length, bits)
        better = error < least
        best_low[better], best_width[better], least[better] = start[better], length[better], error[better]
    return best_low, best_width


def _squared_error(columns: np.ndarray, low: np.ndarray, width: np.ndarray, bits: int) -> np.ndarray:
    """Sum of squared errors of each row of ``columns`` (dim, n) float32 in ranges (dim,): (dim,) float64."""
    error, levels = np.empty(len(columns)), np.float32(2**bits)
    for j, column in enumerate(columns):
        step = width[j] / (levels - 1)
        level = np.floor((column - low[j]) / step) if step > 0 else np.zeros_like(column)
        decoded = low[j] + (np.clip(level, 0, levels - 1) + np.float32(0.5)) * step
        error[j] = np.square(column - decoded, dtype=np.float64).sum()
    return error
