"""EDEN: Lloyd-Max levels on randomly rotated vectors. Vargaftik et al. 2022, ICML (DRIVE, NeurIPS 2021)."""

from __future__ import annotations

from typing import Any, ClassVar

import faiss
import numpy as np

from methods.base import Metric, Searcher, largest_fit
from methods.errors import MethodError
from methods.faiss_tools import faiss_metric
from methods.kernels.scanning.byte_tables import FACTORS, ByteTableScan, Scoring
from methods.kernels.topk import squared_distances
from methods.kind_losses import OFFSET_KEEPS_IT, along_mean
from methods.parameters import check_integer
from methods.registry import register
from methods.rotated._base import RotatedCodec
from methods.search.decoding import CodeSpace, DecodingSearcher
from methods.search.flat_codes import FlatCodesSearcher
from methods.search.lookup_tables import SCAN_QUERIES, TableSearcher
from methods.search.table_ranges import MakesRanges, TableRanges, in_tables

SCALES = ("unbiased", "biased")
_FACTORS = 8  # bytes of the two float32 that faiss stores with every code


@register("eden")
class EDEN(RotatedCodec):
    """1 to 8 bits a dimension on the centered and rotated vector, and a scale and a correction for each vector.

    The levels are those of Lloyd and Max for a Gaussian; the scale makes inner products with the decoded vector
    unbiased (section 3), or its squared error smallest (DRIVE, section 4.2).

    Parameters
    ----------
    dim, metric, rotation
        See :class:`~methods.rotated._base.RotatedCodec`.
    bits : int
        1 to 8.
    scale : {"unbiased", "biased"}
        ``biased`` decodes nearer to the vector; ``unbiased`` estimates the metric without a systematic error.
    """

    summary = "Lloyd-Max levels on the rotated vector, scale chosen per vector; 1 to 8 bits a dimension"
    source = "Vargaftik et al. 2022 (faiss IndexEDEN)"
    kind_exceptions: ClassVar[dict[str, str]] = along_mean(OFFSET_KEEPS_IT)
    trains = False
    estimator = True  # under l2, faiss takes the exact norm of a vector, not that of its decoded vector

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        bits: int = 1,
        *,
        scale: str = "unbiased",
        rotation: str = "random",
    ) -> None:
        self.bits, self.scale = check_integer("bits", bits, 1, 8), scale
        if scale not in SCALES:
            raise MethodError(f"scale={scale!r} is unknown; use one of {', '.join(SCALES)}")
        super().__init__(dim, metric, rotation=rotation)

    @classmethod
    def _sized(cls, dim: int, code_bytes: int, metric: Metric) -> dict[str, Any]:
        """The most bits a dimension whose code, with its 8 bytes of factors, fits."""
        sizes = {bits: -(-dim * bits // 8) + _FACTORS for bits in range(1, 9)}
        return {"bits": largest_fit("eden", code_bytes, sizes)}

    @property
    def code_size(self) -> int:
        return -(-self.dim * self.bits // 8) + _FACTORS

    @property
    def scores_decoded(self) -> bool:
        return self.metric is not Metric.L2

    def _empty_index(self) -> Any:
        kind = faiss.EDENScaleType_UNBIASED if self.scale == "unbiased" else faiss.EDENScaleType_BIASED
        return faiss.IndexEDEN(self.dim, faiss_metric(self.metric.inner), self.bits, kind)

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        return self._restored(self.index_.sa_decode(codes))

    def _to_faiss(self, codes: np.ndarray) -> Any:
        return self._faiss_index(codes)

    def _searcher(self, codes: np.ndarray) -> Searcher:
        kind = _ExactNormSearcher if self.metric is Metric.L2 and self.scale == "unbiased" else TableSearcher
        index = self._index_at(self.center_)
        return self._rescaled(kind(self, index, codes, before=self._rotate, ranges=lambda: self._ranges(codes)))

    def _ranges(self, codes: np.ndarray) -> TableRanges | None:
        """The search of some of the codes, by rotated queries."""
        if not in_tables(self.bits):
            return None
        at = self.code_size - _FACTORS
        weight = -0.5 if self.metric is Metric.L2 else 0.0  # of the squared norm
        scan = ByteTableScan(codes, [(0, at)], Scoring(FACTORS, at + 4, at, weight))
        return TableRanges(scan, self._codebooks(self.bits), self.metric, self._around_center)

    def _around_center(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What codes are multiplied with (nq, dim), and what their scores lack (nq,), of rotated ``queries``."""
        center = np.zeros(self.dim, np.float32) if self.center_ is None else self.center_
        if self.metric is not Metric.L2:
            return queries, queries @ center
        centered = queries - center
        return centered, np.einsum("ij,ij->i", centered, centered)

    def _one_of_each(self, bits: int) -> np.ndarray:
        codes = np.zeros((1 << bits, self.code_size), np.uint8)
        codes[:, 0] = np.arange(1 << bits)
        codes[:, -4:] = np.ones(1, np.float32).view(np.uint8)  # the scale
        return self._index_at(np.zeros(self.dim, np.float32)).sa_decode(codes)[:, 0]


class _ExactNormSearcher(FlatCodesSearcher):
    """Squared distances with the vector's own norm, which the code holds, and the product with the decoded vector.

    faiss scans for few queries; for many, the decoded vectors and the norms are the two factors of one matrix product.
    """

    codec: EDEN

    def __init__(
        self, codec: EDEN, index: Any, codes: np.ndarray, before: Any, ranges: MakesRanges | None = None
    ) -> None:
        super().__init__(codec, index, codes, before, ranges)
        self._center = np.zeros(codec.dim, np.float32) if codec.center_ is None else codec.center_
        space = CodeSpace(codec.dim + 1, Metric.IP, self._decode)
        self._decoding = DecodingSearcher(space, codes)

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        """Centered decoded vectors (n, dim), and minus half of the squared norm."""
        squares = np.ascontiguousarray(codes[:, -_FACTORS : -_FACTORS // 2]).view(np.float32)
        return np.hstack([self.index.sa_decode(np.ascontiguousarray(codes)) - self._center, -squares / 2])

    def _scan(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        if len(queries) <= SCAN_QUERIES:
            return super()._scan(queries, k)
        centered = queries - self._center
        scores, ids = self._decoding._search(np.pad(centered, ((0, 0), (0, 1)), constant_values=1), k)
        return squared_distances(centered, scores), ids
