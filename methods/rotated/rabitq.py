"""RaBitQ: sign bits of the rotated vector and factors that make the estimate unbiased.

Gao & Long 2024, *RaBitQ*, SIGMOD; extended to several bits by Gao et al. 2025, *Practical and asymptotically optimal
quantization of high-dimensional vectors in Euclidean space for approximate nearest neighbor search*, SIGMOD.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from methods.base import Metric, Searcher, largest_fit
from methods.encoding.units import (
    RescaledSearcher,
    length_of_parts,
    length_parts,
    lengths_of,
    one_or_length,
    typical_length,
)
from methods.errors import NotInFaiss
from methods.faiss_tools import faiss_metric
from methods.kernels.scanning.byte_tables import FACTORS, ByteTableScan, Scoring
from methods.parameters import check_integer
from methods.registry import register
from methods.rotated._base import RotatedCodec
from methods.search.flat_codes import FlatCodesSearcher
from methods.search.table_ranges import TableRanges

_ONE_BIT_FACTORS = 8  # bytes: ||x - c||^2 (less ||x||^2 under ip), multiplier
_SIGN_FACTORS = 12  # the same and an error bound, where more bits follow
_LONG_CENTER = 0.3  # of the vectors' length; a shorter center adds less than a twentieth to an estimate's error
_LONG_CENTER_COSINE = 0.6  # normalized queries differ in length along the center only where that is long
_SHORTEST, _LONGEST = 0.5, 8.0  # lengths to which queries are scaled, in those of vectors
_MORE_FACTORS = 8  # bytes: addend and multiplier of the full code


@register("rabitq")
class RaBitQ(RotatedCodec):
    """1 to 9 bits a dimension on the centered and rotated vector, with 8 (1 bit) or 20 bytes of factors.

    Parameters
    ----------
    dim, metric, rotation
        See :class:`~methods.rotated._base.RotatedCodec`.
    bits : int
        1 to 9.
    query_bits : int
        Bits a dimension to which the query is rounded, 1 to 8; 0 keeps it in floats.

    Attributes
    ----------
    length_ : float
        Median length of vectors over the unit; 1 but under ``ip``, since cosine normalizes them.

    Notes
    -----
    Under ``ip`` and ``cosine`` what an estimate lacks is the product of the code's error and ``q - center``, and the
    rounded query is ``q - center`` too: a short query would be nothing beside the center. The order of vectors does not
    depend on a query's length, so that queries are brought about to that of vectors; or, with a long center, to the
    length at which this difference is shortest, where their product with the center is the center's own.
    """

    summary = "sign bits of the rotated vector (and up to 8 more), unbiased estimate"
    source = "Gao & Long 2024, Gao et al. 2025 (faiss IndexRaBitQ)"
    trains = False
    estimator = True

    length_: float

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        bits: int = 1,
        *,
        query_bits: int = 8,
        rotation: str = "random",
    ) -> None:
        self.bits, self.query_bits = check_integer("bits", bits, 1, 9), check_integer("query_bits", query_bits, 0, 8)
        super().__init__(dim, metric, rotation=rotation)

    @classmethod
    def _sized(cls, dim: int, code_bytes: int, metric: Metric) -> dict[str, Any]:
        """The most bits a dimension whose code, factors included, fits."""
        return {"bits": largest_fit("rabitq", code_bytes, {bits: code_bytes_of(dim, bits) for bits in range(1, 10)})}

    @property
    def code_size(self) -> int:
        return code_bytes_of(self.dim, self.bits)

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        super()._fit(vectors, seed)
        self.length_ = one_or_length(typical_length(vectors) / self.unit_) if self.metric is Metric.IP else 1.0

    def parts(self) -> dict[str, np.ndarray]:
        """As in the base class; and under ``ip`` ``length`` (1,) float32, where it is not 1."""
        return super().parts() | length_parts(self.length_)

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        super()._load_parts(parts)
        self.length_ = length_of_parts(parts)

    @property
    def scores_decoded(self) -> bool:
        return self.metric is not Metric.L2

    def _empty_index(self) -> Any:
        index = faiss.IndexRaBitQ(self.dim, faiss_metric(self.metric.inner), self.bits)
        index.qb = self.query_bits
        return index

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        """The vector whose inner product with a query is the estimate (faiss decodes the sign bits only)."""
        if self.bits == 1:
            return self._restored(self.index_.sa_decode(codes))
        more, signs = self.bits - 1, -(-self.dim // 8)
        at = signs + _SIGN_FACTORS
        packed = codes[:, at : codes.shape[1] - _MORE_FACTORS]
        bits = np.unpackbits(packed, axis=1, count=self.dim * more, bitorder="little")
        levels = bits.reshape(-1, self.dim, more) @ (1 << np.arange(more))
        levels += np.unpackbits(codes[:, :signs], axis=1, count=self.dim, bitorder="little").astype(np.int64) << more
        values = levels.astype(np.float32) - np.float32((1 << more) - 0.5)
        factor = np.ascontiguousarray(codes[:, -4:]).view(np.float32) * np.float32(self._factor_sign)
        assert self.center_ is not None
        return self._restored(values * factor + self.center_)

    @property
    def _factor_sign(self) -> float:
        """The stored factor multiplies an inner product under ip, and -2 times it under l2."""
        return -0.5 if self.metric is Metric.L2 else 1.0

    def _searcher(self, codes: np.ndarray) -> Searcher:
        index = self._index_at(self.center_)
        searcher = FlatCodesSearcher(self, index, codes, self._rotate, lambda: self._ranges(codes))
        center = self._long_center()
        if center is not None:
            return _CenteredSearcher(searcher, self.unit_, self.length_, center)
        return RescaledSearcher(searcher, self.unit_, self.length_)

    def _ranges(self, codes: np.ndarray) -> TableRanges:
        """The search of some of the codes, by rotated queries; with more bits than one, all of them are read."""
        signs, at = -(-self.dim // 8), self.code_size - _ONE_BIT_FACTORS
        if self.bits == 1:
            codebooks = np.tile(np.array([-1, 1], np.float32) / np.float32(np.sqrt(self.dim)), (self.dim, 1))
            runs, scoring = [(0, signs)], Scoring(FACTORS, at + 4, at, -0.5)
        else:
            # A level less the middle one is a sum over its bits, each plus or minus half of what it adds.
            weights = np.tile(2.0 ** np.arange(self.bits - 1), self.dim)
            halves = np.concatenate([np.full(8 * signs, 2.0 ** (self.bits - 1)), weights]) / 2
            codebooks = (halves[:, None] * np.array([-1, 1]) * self._factor_sign).astype(np.float32)
            first = signs + _SIGN_FACTORS
            runs, scoring = [(0, signs), (first, at - first)], Scoring(FACTORS, at + 4, at, self._factor_sign)
        scan = ByteTableScan(codes, runs, scoring)
        return TableRanges(scan, codebooks[:, :, None], self.metric, self._bit_values)

    def _bit_values(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What each bit of a code is multiplied with (nq, bits), and what scores lack (nq,), of rotated queries."""
        assert self.center_ is not None
        centered = queries - self.center_
        squares = np.einsum("ij,ij->i", centered, centered)
        if self.metric is Metric.L2:
            lacking = squares
        elif self.bits == 1:
            lacking = (np.einsum("ij,ij->i", queries, queries) - squares) / 2
        else:
            lacking = queries @ self.center_
        if self.bits == 1:
            return (rounded_queries(centered, self.query_bits) if self.query_bits else centered), lacking
        signs = np.pad(centered, ((0, 0), (0, -self.dim % 8)))
        return np.hstack([signs, np.repeat(centered, self.bits - 1, axis=1)]), lacking

    def _long_center(self) -> np.ndarray | None:
        """The center (dim,) over the unit, not rotated, if queries are scaled by it."""
        assert self.center_ is not None
        center = self._restored(self.center_[None])[0] / np.float32(self.unit_)
        least = _LONG_CENTER_COSINE if self.metric is Metric.COSINE else _LONG_CENTER
        long = self.metric is not Metric.L2 and np.linalg.norm(center) > least * self.length_
        return center if long else None

    def _to_faiss(self, codes: np.ndarray) -> Any:
        if self.metric is Metric.IP or self._long_center() is not None:
            raise NotInFaiss(
                f"rabitq scales each query by its length under {self.metric}, which faiss does not; use metric=l2, or "
                "cosine for vectors whose mean is short"
            )
        return self._faiss_index(codes)


def rounded_queries(queries: np.ndarray, bits: int) -> np.ndarray:
    """Queries (nq, d) float32 rounded to 2^bits even steps from a query's least to its greatest value."""
    low, high = queries.min(axis=1, keepdims=True), queries.max(axis=1, keepdims=True)
    step = (high - low) / np.float32((1 << bits) - 1)
    inverse = np.divide(1, step, out=np.zeros_like(step), where=step > 0)
    return low + step * np.clip(np.floor((queries - low) * inverse + np.float32(0.5)), 0, (1 << bits) - 1)


class _CenteredSearcher(RescaledSearcher):
    """Queries are scaled until they have the center's length along it, within limits.

    Parameters
    ----------
    inner, unit, length
        As in the base class.
    center : (dim,) float32
        Of vectors over the unit, not rotated.
    """

    def __init__(self, inner: Searcher, unit: float, length: float, center: np.ndarray) -> None:
        super().__init__(inner, unit, length)
        wide = center.astype(np.float64)
        self._along = wide / (wide @ wide)

    def _units(self, queries: np.ndarray) -> np.ndarray:
        ordinary = lengths_of(queries) / self.length
        own = np.clip((queries @ self._along)[:, None], ordinary / _LONGEST, ordinary / _SHORTEST)
        return np.where(own > 0, own, 1).astype(np.float32)


def code_bytes_of(dim: int, bits: int) -> int:
    """Bytes of a code: sign bits, factors, and the further bits with their factors."""
    size = -(-dim // 8) + (_ONE_BIT_FACTORS if bits == 1 else _SIGN_FACTORS)
    return size if bits == 1 else size + -(-dim * (bits - 1) // 8) + _MORE_FACTORS
