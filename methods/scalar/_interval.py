"""Codes that hold an interval for each vector and integer levels inside it: what ``lvq`` and ``osq`` share.

A code is ``[lower: float16] [upper: float16] [offset: float16, if any] [levels] [levels of the residual, if any]``; the
packing is that of :mod:`methods.kernels.encoding.interval`. Bounds and offset are relative to one global scale, so that
neither large nor tiny vectors leave the range of float16.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.encoding.offset import OFFSET_BYTES, mean_direction
from methods.fitting.outliers import without_outliers
from methods.kernels.scanning.ranged import Visits
from methods.search.decoding import DecodingSearcher
from methods.search.visiting import VisitingSearcher, arrays

__all__ = [
    "BOUND_BYTES",
    "HALF_MAX",
    "IntervalCodec",
    "ScanningSearcher",
    "center_and_scale",
    "decode_reference",
    "pack_levels",
    "unpack_levels",
]

BOUND_BYTES = 4
HALF_MAX = 65504.0


def level_bytes(dim: int, bits: int) -> int:
    """Bytes of ``dim`` levels of ``bits``."""
    return (dim * bits + 7) // 8


def pack_levels(levels: np.ndarray, bits: int) -> np.ndarray:
    """Levels (n, dim) uint8 below 2^bits -> (n, ceil(dim * bits / 8)) uint8, plane after plane; bits in 1, 2, 4, 8."""
    if bits == 8:
        return levels
    n, dim = levels.shape
    planes, width = 8 // bits, level_bytes(dim, bits)
    packed = np.zeros((n, width), np.uint8)
    for plane in range(planes):
        part = levels[:, plane * width : (plane + 1) * width]
        packed[:, : part.shape[1]] |= part << np.uint8(bits * plane)
    return packed


def unpack_levels(packed: np.ndarray, dim: int, bits: int) -> np.ndarray:
    """The inverse of :func:`pack_levels`: (n, dim) uint8."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    planes = (packed[:, None, :] >> shifts[:, None]) & np.uint8((1 << bits) - 1)
    return planes.reshape(len(packed), (8 // bits) * packed.shape[1])[:, :dim]


def decode_reference(
    codes: np.ndarray, dim: int, header: int, bits: int, residual_bits: int, scale: float
) -> np.ndarray:
    """What the kernel ``interval_decode`` computes, in NumPy: (n, dim) float32."""
    bounds = codes[:, :BOUND_BYTES].copy().view(np.float16).astype(np.float32) * np.float32(scale)
    end = header + level_bytes(dim, bits)
    lower, step = bounds[:, :1], (bounds[:, 1:] - bounds[:, :1]) / (2**bits - 1)
    rows = lower + step * unpack_levels(codes[:, header:end], dim, bits)
    if residual_bits:
        fine = unpack_levels(codes[:, end:], dim, residual_bits) / np.float32(2**residual_bits - 1)
        rows += step * (fine - np.float32(0.5))
    return rows.astype(np.float32)


def center_and_scale(vectors: np.ndarray) -> tuple[np.ndarray, float]:
    """Mean (dim,) float32 of training vectors (n, dim) and their greatest absolute centered value, outliers aside."""
    vectors = without_outliers(vectors)
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    widest = max(float(np.abs(vectors[at : at + 4096] - mean).max()) for at in range(0, len(vectors), 4096))
    return mean, float(np.float32(widest if widest > 0 else 1.0))


class IntervalCodec(Codec):
    """Base of codecs that quantize the centered vector uniformly inside an interval of its own.

    A subclass sets ``level_bits`` (1, 2, 4 or 8) and ``residual_bits`` (0, 4 or 8) and says in :meth:`_intervals`
    which interval a vector takes, and in :attr:`keeps_offset` whether its codes hold what the levels miss along the
    mean's direction.

    Attributes
    ----------
    mean_ : (dim,) float32
        Mean of the training vectors; outliers count as vectors of typical distance.
    scale_ : float
        Greatest absolute centered value in training, outliers aside; bounds and offsets are multiples of it.
    direction_ : (dim,) float32
        Of the mean, of unit norm; zeros where the mean is zero.
    """

    family = "scalar"
    trains = False

    level_bits: int
    residual_bits: int = 0
    mean_: np.ndarray
    scale_: float
    direction_: np.ndarray

    @property
    def keeps_offset(self) -> bool:
        """Whether two bytes of a code make inner products exact along the mean's direction."""
        return False

    @property
    def header(self) -> int:
        """Bytes of a code before its levels."""
        return BOUND_BYTES + OFFSET_BYTES * self.keeps_offset

    @abstractmethod
    def _intervals(self, centered: np.ndarray) -> np.ndarray:
        """Bounds (n, 2) float32 for centered vectors (n, dim) float32."""

    @staticmethod
    def size(dim: int, bits: int, residual_bits: int = 0) -> int:
        """Bytes of a code, an offset aside."""
        return BOUND_BYTES + level_bytes(dim, bits) + level_bytes(dim, residual_bits)

    @property
    def code_size(self) -> int:
        return self.size(self.dim, self.level_bits, self.residual_bits) + self.header - BOUND_BYTES

    def parts(self) -> dict[str, np.ndarray]:
        return {"mean": self.mean_, "scale": np.array([self.scale_], np.float32)}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.mean_, self.scale_ = parts["mean"], float(parts["scale"][0])
        self.direction_ = mean_direction(self.mean_)

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        mean, scale = center_and_scale(vectors)
        self._load_parts({"mean": mean, "scale": np.array([scale], np.float32)})

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        blocks = [self._encode_block(vectors[at : at + 1024]) for at in range(0, len(vectors), 1024)]
        return np.concatenate(blocks) if blocks else np.empty((0, self.code_size), np.uint8)

    def _encode_block(self, vectors: np.ndarray) -> np.ndarray:
        """Codes of a block small enough that its temporaries stay in the cache."""
        centered = vectors - self.mean_
        stored = self._halves(self._intervals(centered))
        bounds = stored.astype(np.float32) * np.float32(self.scale_)
        lower, step = bounds[:, :1], (bounds[:, 1:] - bounds[:, :1]) / np.float32(2**self.level_bits - 1)
        levels = _nearest_level(centered - lower, step, self.level_bits)
        fields = [np.ascontiguousarray(stored).view(np.uint8), pack_levels(levels, self.level_bits)]
        if self.keeps_offset:
            missed = np.einsum("ij,j->i", centered - (lower + step * levels), self.direction_, dtype=np.float64)
            fields.insert(1, self._halves(missed)[:, None].view(np.uint8))
        if self.residual_bits:
            above = centered - (lower + step * levels) + np.float32(0.5) * step
            fine = _nearest_level(above, step / np.float32(2**self.residual_bits - 1), self.residual_bits)
            fields.append(pack_levels(fine, self.residual_bits))
        return np.concatenate(fields, axis=1)

    def _halves(self, values: np.ndarray) -> np.ndarray:
        """``values`` over the scale, as float16 that saturate."""
        return np.clip(values / np.float32(self.scale_), -HALF_MAX, HALF_MAX).astype(np.float16)

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        from methods.kernels.encoding.interval import interval_decode

        rows = np.empty((len(codes), self.dim), np.float32)
        interval_decode(codes, self.header, self.level_bits, self.residual_bits, self.scale_, rows)
        rows += self.mean_
        if self.keeps_offset:
            offsets = np.ascontiguousarray(codes[:, BOUND_BYTES : self.header]).view(np.float16).astype(np.float32)
            rows += offsets * np.float32(self.scale_) * self.direction_
        return rows

    def _searcher(self, codes: np.ndarray) -> Searcher:
        return IntervalSearcher(self, codes)


def _nearest_level(offset: np.ndarray, step: np.ndarray, bits: int) -> np.ndarray:
    """The nearest level of ``offset`` (n, dim) in units of ``step`` (n, 1), 0 where the interval is a point."""
    inverse = np.divide(1, step, out=np.zeros_like(step), where=step > 0)
    return np.clip(np.rint(offset * inverse), 0, 2**bits - 1).astype(np.uint8)


class ScanningSearcher(VisitingSearcher, DecodingSearcher):
    """Few queries at a time, and those of an index, scan the codes as they are; many share one decoding of them."""

    def _scan(self, queries: np.ndarray, l2: bool, visits: Visits, keys: np.ndarray, ids: np.ndarray) -> None:
        """Fill ``keys`` and ``ids`` (nq, k) with the best squared distances, or negated inner products."""
        raise NotImplementedError

    def _offsets(self, queries: np.ndarray) -> np.ndarray:
        """What the scan's inner products lack to be those of the decoded vectors, (nq,) float32."""
        return np.zeros(len(queries), np.float32)

    def within(self, rows: np.ndarray | Visits) -> Self | None:
        return None if self.renormalize else super().within(rows)

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        visits = self._scanned(len(queries))
        if visits is None or self.renormalize:
            return super()._search(queries, k)
        scores = np.full((len(queries), k), np.inf, np.float32)
        ids = np.full((len(queries), k), -1, np.int64)
        l2 = self.metric is Metric.L2
        self._scan(queries, l2, visits, scores, ids)
        return scores if l2 else self._offsets(queries)[:, None] - scores, ids


class IntervalSearcher(ScanningSearcher):
    """Scans interval codes in place; a query pays for the mean once."""

    codec: IntervalCodec

    def _scan(self, queries: np.ndarray, l2: bool, visits: Visits, keys: np.ndarray, ids: np.ndarray) -> None:
        from methods.kernels.encoding.interval import interval_scan

        codec = self.codec
        queries = queries - codec.mean_ if l2 else queries
        along = (queries @ codec.direction_) * np.float32(codec.scale_)
        bits = (codec.level_bits, codec.residual_bits)
        interval_scan(self.codes, codec.header, *bits, codec.scale_, queries, along, l2, arrays(visits), keys, ids)

    def _offsets(self, queries: np.ndarray) -> np.ndarray:
        return queries @ self.codec.mean_
