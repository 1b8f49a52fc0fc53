"""Shorter floating-point numbers: float16, bfloat16 and float8 (e4m3)."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import faiss
import numpy as np

from methods.base import Codec, Searcher
from methods.encoding.units import RescaledSearcher, typical_length, unit_of
from methods.faiss_tools import faiss_metric, linear_transform, taking_queries, with_codes
from methods.fitting.outliers import Spread
from methods.kernels.scanning.ranged import Visits
from methods.kind_losses import ERROR_ALONG_MEAN, along_mean
from methods.registry import register
from methods.scalar._interval import ScanningSearcher
from methods.search.flat_codes import FlatCodesSearcher
from methods.search.visiting import arrays
from methods.vectors import from_bfloat16, to_bfloat16

_HALF_MAX = 65504.0  # the largest float16
FLOAT8_MAX = 448.0  # the largest e4m3
_LONG = 32.0  # vectors farther than so many median distances do not set float8's scale
_SHARED = 0.5  # of the typical distance, a mean longer than which is taken off for float8


class _Cast(Codec):
    """Base of codecs that round each value to a 2-byte float which faiss's scalar quantizer can scan.

    Attributes
    ----------
    unit_ : float
        A power of two that vectors are divided by; 1 where the format reaches them.
    """

    family = "scalar"
    trains = False
    _quantizer: ClassVar[int]
    unit_: float = 1.0

    @property
    def code_size(self) -> int:
        return 2 * self.dim

    def parts(self) -> dict[str, np.ndarray]:
        """``unit`` (1,) float32, where it is not 1."""
        return {} if self.unit_ == 1 else {"unit": np.array([self.unit_], np.float32)}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        if "unit" in parts:
            self.unit_ = float(parts["unit"][0])

    @abstractmethod
    def _encode(self, vectors: np.ndarray) -> np.ndarray: ...

    def _searcher(self, codes: np.ndarray) -> Searcher:
        index = faiss.IndexScalarQuantizer(self.dim, self._quantizer, faiss_metric(self.metric))
        return RescaledSearcher(FlatCodesSearcher(self, index, codes), self.unit_)

    def _to_faiss(self, codes: np.ndarray) -> Any:
        """Under l2 its scores are over the square of the unit."""
        index: Any = faiss.IndexScalarQuantizer(self.dim, self._quantizer, faiss_metric(self.metric))
        index.is_trained = True
        unit = np.eye(self.dim, dtype=np.float32) / np.float32(self.unit_)
        before = [] if self.unit_ == 1 else [linear_transform(unit)]
        return taking_queries(self, with_codes(index, codes), *before)


@register("float16")
class Float16(_Cast):
    """IEEE 754 half precision, rounded to nearest even; values beyond +-65504 saturate.

    Half precision has all its digits from 6e-5 on. Vectors whose median length is below 2^-6 or beyond 2^13 are
    therefore divided by a power of two, a part that rounds nothing; the codes of all others are plain casts.
    """

    summary = "half precision, 2 bytes a dimension"
    source = "IEEE 754-2008; faiss ScalarQuantizer QT_fp16 searches"
    kind_exceptions: ClassVar[dict[str, str]] = {"constant dimension": ERROR_ALONG_MEAN}
    _quantizer = faiss.ScalarQuantizer.QT_fp16

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        self.unit_ = unit_of(typical_length(vectors))

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        return np.clip(vectors / np.float32(self.unit_), -_HALF_MAX, _HALF_MAX).astype("<f2").view(np.uint8)

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        return codes.view("<f2").astype(np.float32) * np.float32(self.unit_)


@register("bfloat16")
class BFloat16(_Cast):
    """The upper half of a float32 (8 bits of exponent, 7 of mantissa), rounded to nearest even."""

    summary = "brain float, 2 bytes a dimension: the range of float32 with 8 bits of precision"
    source = "faiss ScalarQuantizer QT_bf16 searches"
    kind_exceptions: ClassVar[dict[str, str]] = along_mean(
        ERROR_ALONG_MEAN, "average cosine .9", "constant dimension, cosine", "integers, cosine"
    )
    estimator = True  # processors with products of brain floats (AVX512-BF16) round the query too
    _quantizer = faiss.ScalarQuantizer.QT_bf16

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        return to_bfloat16(vectors).view(np.uint8)

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        return from_bfloat16(codes)


def _float8_values() -> np.ndarray:
    """The 256 values of e4m3 (OCP variant, no infinities) by their byte; 0x7F and 0xFF are NaN."""
    byte = np.arange(256)
    exponent, mantissa = (byte >> 3) & 15, byte & 7
    magnitude = np.where(exponent > 0, (8 + mantissa) * 2.0 ** (exponent - 10), mantissa * 2.0**-9)
    magnitude[(byte & 127) == 127] = np.nan
    return np.where(byte & 128, -magnitude, magnitude).astype(np.float32)


FLOAT8_VALUES = _float8_values()


def to_float8(values: np.ndarray) -> np.ndarray:
    """``values`` float32 as e4m3 bytes: nearest, ties to the even byte, saturating at +-448; same shape, uint8.

    The bytes 0..126 are the non-negative values in rising order and the spacing is a power of two in each binade, so
    a value's byte is its count of spacings: ``value / 2^(e-3)`` rounded, with e at least -6 (subnormals below).
    """
    magnitude = np.minimum(np.abs(values), np.float32(FLOAT8_MAX))
    exponent = np.where(magnitude < 2.0**-6, -6, np.frexp(magnitude)[1] - 1)
    spacings = np.rint(np.ldexp(magnitude, 3 - exponent)).astype(np.int32)  # 8..16 in a binade, below 8: subnormal
    byte = spacings + 8 * (exponent + 6)
    return (byte + 128 * np.signbit(values)).astype(np.uint8)


@register("float8")
class Float8(Codec):
    """Float8 e4m3 (4 bits of exponent, 3 of mantissa) with one global scale.

    The scale maps the greatest absolute value of training to 448, the largest number of the format, where vectors
    count as at most 32 times as far from the median as the median distance; values beyond saturate. Values down to
    2^-6 / 448 (3.5e-5) of the greatest keep 3 bits of mantissa, smaller ones lie on the evenly spaced subnormals.

    A rounding error grows with its value. Where vectors share a direction, so that their mean is more than half as long
    as their typical distance (an average cosine above 0.2), what they share is therefore left to the mean, a part.

    Attributes
    ----------
    scale_ : float
        What a byte's value is multiplied with.
    mean_ : (dim,) float32
        Added to it; zeros where the mean is short.
    """

    family = "scalar"
    summary = "8-bit floating point (e4m3) with one global scale"
    source = "Micikevicius et al., FP8 formats for deep learning, 2022 (section 3); OCP OFP8"
    kind_exceptions: ClassVar[dict[str, str]] = {
        **along_mean(ERROR_ALONG_MEAN),
        "rogue dimensions": "large values err more than small ones; random_rotation with codec=float8 makes them even",
    }
    trains = False

    mean_: np.ndarray

    @property
    def code_size(self) -> int:
        return self.dim

    def parts(self) -> dict[str, np.ndarray]:
        """``scale`` (1,) and, where vectors are centered, ``mean`` (dim,) float32."""
        return {"scale": np.array([self.scale_], np.float32)} | ({"mean": self.mean_} if self.mean_.any() else {})

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.scale_, self.mean_ = float(parts["scale"][0]), parts.get("mean", np.zeros(self.dim, np.float32))

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        spread = Spread.of(vectors)
        mean = spread.pulled(vectors).mean(axis=0, dtype=np.float64)
        shared = np.linalg.norm(mean) > _SHARED * spread.typical > 0
        self.mean_ = (mean if shared else np.zeros(self.dim)).astype(np.float32)
        vectors = spread.pulled(vectors, _LONG, _LONG)
        least, greatest = vectors.min(axis=0) - self.mean_, vectors.max(axis=0) - self.mean_
        scale = float(np.float32(max(-float(least.min()), float(greatest.max())) / FLOAT8_MAX))
        self.scale_ = scale if scale > 0 else 1.0

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        return to_float8((vectors - self.mean_) / np.float32(self.scale_))

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        from methods.kernels.encoding.interval import float8_decode

        rows = np.empty(codes.shape, np.float32)
        float8_decode(codes, self.scale_, rows)
        return rows + self.mean_

    def _searcher(self, codes: np.ndarray) -> Searcher:
        return Float8Searcher(self, codes)


class Float8Searcher(ScanningSearcher):
    """Scans float8 codes in place."""

    codec: Float8

    def _scan(self, queries: np.ndarray, l2: bool, visits: Visits, keys: np.ndarray, ids: np.ndarray) -> None:
        from methods.kernels.encoding.interval import float8_scan

        queries = queries - self.codec.mean_ if l2 else queries
        float8_scan(self.codes, self.codec.scale_, queries, l2, arrays(visits), keys, ids)

    def _offsets(self, queries: np.ndarray) -> np.ndarray:
        return queries @ self.codec.mean_
