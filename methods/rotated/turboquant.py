"""TurboQuant: fixed Lloyd-Max levels on randomly rotated unit vectors. Zandieh et al. 2025, arXiv 2504.19874."""

from __future__ import annotations

from typing import Any, ClassVar

import faiss
import numpy as np

from methods.base import Metric, Searcher, largest_fit
from methods.encoding.units import typical_length
from methods.errors import MethodError, NotInFaiss
from methods.faiss_tools import faiss_metric
from methods.fitting.outliers import Spread
from methods.kernels.scanning.byte_tables import NORM, ByteTableScan, Scoring, byte_tables
from methods.registry import register
from methods.rotated._base import RotatedCodec
from methods.search.decoding import CodeSpace, DecodingSearcher
from methods.search.lookup_tables import TableSearcher
from methods.search.table_ranges import RangedSearcher, TableRanges, in_tables
from methods.vectors import normalized

_NORM = 2  # bytes of a float16 norm
_BITS = (1, 2, 3, 4, 8)  # those that faiss supports


@register("turboquant")
class TurboQuant(RotatedCodec):
    """1, 2, 3, 4 or 8 bits a dimension, by the optimal levels for a coordinate of a random unit vector.

    Algorithm 1 (the variant for least squared error). It is for unit vectors; others are scaled to unit norm and
    their norm is stored as float16 in the last two bytes of the code, divided by a power of two where it would exceed
    float16.

    Parameters
    ----------
    dim, metric, rotation
        See :class:`~methods.rotated._base.RotatedCodec`.
    bits : int
        1, 2, 3, 4 or 8.
    store_norm : bool
        If false, all vectors are decoded to unit norm.
    calibrate : bool
        A shift and a scale for each rotated dimension, its mean and standard deviation over the training vectors, so
        that the levels fit what is left of unevenness after the rotation; and the stored norm makes up for the length
        that a decoded vector lacks, which is most of the gain. turbovec's "TQ+" has the like, of quantiles.
    """

    summary = "Lloyd-Max levels of a random unit vector on the rotated vector; 1 to 8 bits a dimension"
    shift_: np.ndarray | None
    scale_: np.ndarray | None
    source = "Zandieh et al. 2025 (faiss QT_*bit_tqmse)"
    kind_exceptions: ClassVar[dict[str, str]] = {
        "common direction": "levels are fixed around zero, and the direction that all vectors share takes most of "
        "their range; subtract the mean under l2, use center=offset under ip and cosine",
    }
    trains = False

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        bits: int = 1,
        store_norm: bool = True,
        *,
        rotation: str = "random",
        calibrate: bool = False,
    ) -> None:
        self.bits, self.store_norm, self.calibrate = bits, bool(store_norm), bool(calibrate)
        if bits not in _BITS:
            raise MethodError(f"bits={bits!r} is not offered; use one of {', '.join(map(str, _BITS))}")
        super().__init__(dim, metric, rotation=rotation)

    @classmethod
    def _sized(
        cls,
        dim: int,
        code_bytes: int,
        metric: Metric,
        *,
        calibrate: bool,
        store_norm: bool | str = "auto",
    ) -> dict[str, Any]:
        """The most bits a dimension that fit.

        Parameters
        ----------
        store_norm : bool or "auto"
            ``auto``: no norm under cosine, where vectors are scaled to unit norm anyway, unless calibrated; a norm
            under ip and l2. Set it to false for unit vectors under ip: the two bytes often cost a bit a dimension.
        """
        if store_norm not in (True, False, "auto"):
            raise MethodError(f"store_norm={store_norm!r} is unknown; use true, false or auto")
        keep = calibrate or metric is not Metric.COSINE if store_norm == "auto" else bool(store_norm)
        sizes = {bits: -(-dim * bits // 8) + _NORM * keep for bits in _BITS}
        return {"bits": largest_fit("turboquant", code_bytes, sizes), "store_norm": keep}

    @property
    def code_size(self) -> int:
        return -(-self.dim * self.bits // 8) + _NORM * self.store_norm

    def _empty_index(self) -> Any:
        kind = getattr(faiss.ScalarQuantizer, f"QT_{self.bits}bit_tqmse")
        return faiss.IndexScalarQuantizer(self.dim, kind, faiss_metric(self.metric.inner))

    def _index_at(self, center: np.ndarray | None) -> Any:
        index = self._empty_index()
        index.train(np.zeros((1, self.dim), np.float32))  # the levels follow from the dimension alone
        return index

    def _size(self, vectors: np.ndarray, spread: Spread) -> float:
        return typical_length(vectors) if self.store_norm else 1.0

    def _load(self, rotation: np.ndarray | None, center: np.ndarray | None, unit: float) -> None:
        super()._load(rotation, center, unit)
        self.shift_, self.scale_ = None, None

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        super()._fit(vectors, seed)
        self.center_ = None  # nothing is subtracted: a centered unit vector has no unit norm
        if self.calibrate:
            rotated = self._rotate(normalized(vectors))
            deviation = rotated.std(axis=0, dtype=np.float64)
            typical = 1 / np.sqrt(self.dim)  # of a random unit vector, which the levels are made for
            scale = np.where(deviation > 1e-3 * typical, deviation / typical, 1)
            self.shift_ = rotated.mean(axis=0, dtype=np.float64).astype(np.float32)
            self.scale_ = scale.astype(np.float32)

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        if not self.store_norm:
            return super()._encode(vectors)
        vectors = vectors / np.float32(self.unit_)
        norms, codes = np.linalg.norm(vectors, axis=1, keepdims=True), self._quantized(normalized(vectors))
        if self.calibrate:
            norms /= np.maximum(np.linalg.norm(self._decoded_units(codes), axis=1, keepdims=True), 1e-3)
        stored = np.minimum(norms, np.finfo(np.float16).max).astype(np.float16).view(np.uint8)
        return np.hstack([codes, stored])

    def _quantized(self, vectors: np.ndarray) -> np.ndarray:
        if self.shift_ is None:
            return super()._quantized(vectors)
        rotated = (self._rotate(vectors) - self.shift_) / self.scale_
        return self.index_.sa_encode(np.ascontiguousarray(rotated, np.float32))

    def _decoded_units(self, codes: np.ndarray) -> np.ndarray:
        """Rotated directions (n, dim) of codes without norms."""
        decoded = self.index_.sa_decode(np.ascontiguousarray(codes))
        return decoded if self.shift_ is None else decoded * self.scale_ + self.shift_

    def _codebooks(self, bits: int) -> np.ndarray:
        levels = super()._codebooks(bits)
        if self.shift_ is None or self.scale_ is None:
            return levels
        return levels * self.scale_[:, None, None] + self.shift_[:, None, None]

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        return self._restored(self._decode_rotated(codes))

    def _decode_rotated(self, codes: np.ndarray) -> np.ndarray:
        decoded = self._decoded_units(codes[:, : codes.shape[1] - _NORM * self.store_norm])
        if self.store_norm:
            decoded *= np.ascontiguousarray(codes[:, -_NORM:]).view(np.float16).astype(np.float32)
        return decoded

    def _searcher(self, codes: np.ndarray) -> Searcher:
        if self.store_norm or self.calibrate:
            return self._rescaled(_RotatedSearcher(self, codes))
        index = self._index_at(None)
        return self._rescaled(TableSearcher(self, index, codes, self._rotate, ranges=lambda: self._ranges(codes)))

    def _ranges(self, codes: np.ndarray) -> TableRanges | None:
        """The search of some of the codes, by rotated queries."""
        if not in_tables(self.bits):
            return None
        codebooks, distances = self._codebooks(self.bits), self.metric is Metric.L2
        at = self.code_size - _NORM * self.store_norm
        if not self.store_norm:
            return TableRanges(ByteTableScan(codes, [(0, at)]), codebooks, self.metric, distances=distances)
        squares = None
        if distances:
            squares = byte_tables(np.ones((1, self.dim), np.float32), codebooks.transpose(0, 2, 1) ** 2)[0]
        scan = ByteTableScan(codes, [(0, at)], Scoring(NORM, at, weight=-0.5, squares=squares))
        return TableRanges(scan, codebooks, self.metric, self._with_squares)

    def _with_squares(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray | float]:
        """Rotated ``queries`` (nq, dim), and what the scores of their products lack."""
        return queries, np.einsum("ij,ij->i", queries, queries) if self.metric is Metric.L2 else 0.0

    def parts(self) -> dict[str, np.ndarray]:
        """Beside those of every rotated codec, where calibrated, ``shift`` and ``scale`` (dim,) float32: rotated
        vectors less the shift over the scale are what the levels are chosen for."""
        calibrated = {"shift": self.shift_, "scale": self.scale_}
        return super().parts() | {name: part for name, part in calibrated.items() if part is not None}

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        super()._load_parts(parts)
        self.shift_, self.scale_ = parts.get("shift"), parts.get("scale")

    def _to_faiss(self, codes: np.ndarray) -> Any:
        if self.calibrate:
            raise NotInFaiss("faiss has the same levels for all dimensions; use calibrate=false")
        if self.store_norm:
            raise NotInFaiss("faiss knows no norms beside these codes; use store_norm=false, or metric=cosine")
        return self._faiss_index(codes)


class _RotatedSearcher(RangedSearcher, DecodingSearcher):
    """Compares rotated queries with rotated decoded vectors: neither inner products nor distances change."""

    def __init__(self, codec: TurboQuant, codes: np.ndarray) -> None:
        DecodingSearcher.__init__(self, CodeSpace(codec.dim, codec.metric, codec._decode_rotated), codes)
        self._rotate, self._new_ranges = codec._rotate, lambda: codec._ranges(codes)

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        queries = np.ascontiguousarray(self._rotate(queries))
        return self._search_ranges(queries, k) if self._limited else DecodingSearcher._search(self, queries, k)
