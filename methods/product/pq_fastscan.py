"""PQ of 4-bit indices, scanned in registers. André, Kermarrec, Le Scouarnec 2015, *Cache locality is not enough*."""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from methods.base import Metric, Searcher
from methods.faiss_tools import set_vector
from methods.parameters import check_integer
from methods.product._base import ProductCodec
from methods.registry import register
from methods.search.decoding import DecodingSearcher

_BLOCK = 32  # codes of one block of the scanning layout
_FAR, _FAR_L2 = 32.0, 8.0  # distances of a centroid, in typical ones, at which rounding costs recall; l2 squares them
_PICKED = 4096  # codes looked at
_MOST = 256  # subquantizers: faiss sums their 8-bit table entries in 16 bits, and does not notice if that runs over


@register("pq_fastscan")
class PQFastScan(ProductCodec):
    """Product quantization with 16 centroids a subvector; a code packs two indices into a byte.

    The scan looks up 8-bit tables of 16 entries by a byte shuffle, so scores are those of the decoded vector up to
    the rounding of the tables, and are declared estimates. Beyond 256 subquantizers their sums would run over, so that
    larger budgets are not used whole.

    Parameters
    ----------
    dim, metric, subquantizers, iterations, max_points_per_centroid
        See :class:`~methods.product._base.ProductCodec`.
    """

    summary = "product quantization of 4-bit indices, scanned in registers"
    source = "André et al. 2015 (faiss IndexPQFastScan)"
    estimator = True
    compared_singly = False
    copies_codes = True
    version = "2"  # 1: any number of subquantizers

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        subquantizers: int = 1,
        *,
        iterations: int = 25,
        max_points_per_centroid: int = 2048,
    ) -> None:
        check_integer("subquantizers", subquantizers, 1, min(dim, _MOST))
        super().__init__(
            dim, metric, subquantizers, bits=4, iterations=iterations, max_points_per_centroid=max_points_per_centroid
        )

    @classmethod
    def _sized(cls, dim: int, code_bytes: int, metric: Metric) -> dict[str, Any]:  # type: ignore[override]  # bits are 4
        """Two 4-bit subquantizers a byte, at most one a dimension and 256 in all."""
        return {"subquantizers": min(_MOST, super()._sized(dim, code_bytes, metric, bits=4)["subquantizers"])}

    def _searcher(self, codes: np.ndarray) -> Searcher:
        """A scan by tables; by decoding where a far centroid leaves 8-bit entries too coarse for the others."""
        return DecodingSearcher(self, codes) if self._has_far_centroid(codes) else FastScanSearcher(self, codes)

    def _index_holding(self, codes: np.ndarray) -> Any:
        """With codes in blocks, as the scan has them; where it decodes them, as they are."""
        flat = super()._index_holding(codes)
        return flat if self._has_far_centroid(codes) else faiss.IndexPQFastScan(flat, _BLOCK)

    def _has_far_centroid(self, codes: np.ndarray) -> bool:
        """Whether one is :data:`_FAR` times as far out as the centroids of most codes.

        All tables of a query share a unit, which the widest of them sets.
        """
        if not len(codes):
            return False
        codebooks = self._codebooks()
        away = ((codebooks - np.median(codebooks, axis=1, keepdims=True)) ** 2).sum(axis=2, dtype=np.float64)
        picked = codes[:: -(-len(codes) // _PICKED)]
        indices = np.stack([picked & 15, picked >> 4], axis=2).reshape(len(picked), -1)[:, : self.subquantizers]
        typical = np.median(np.take_along_axis(away, indices.T.astype(np.int64), axis=1).mean(axis=0))
        far = _FAR_L2 if self.metric is Metric.L2 else _FAR
        return bool(away.max() > far**2 * typical)


class FastScanSearcher(Searcher):
    """``faiss.IndexPQFastScan`` over packed 4-bit codes, laid out anew in blocks of 32.

    Parameters
    ----------
    codec : PQFastScan
    codes : (n, ceil(M / 2)) uint8
    """

    def __init__(self, codec: PQFastScan, codes: np.ndarray) -> None:
        super().__init__(codec.dim, codec.metric, len(codes))
        self.before, self.codebooks = codec._to_product, codec._codebooks()
        flat = codec._empty_index()
        set_vector(flat.pq.centroids, self.codebooks)
        flat.is_trained = True
        if len(codes):
            flat.add_sa_codes(codes)
        self.index = faiss.IndexPQFastScan(flat, _BLOCK)  # type: ignore[arg-type]  # stubs know one overload
        self.padding = self.nbytes - codes.nbytes

    @property
    def nbytes(self) -> int:
        return self.index.codes.size()

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        queries = np.ascontiguousarray(self.before(queries))
        scores, ids = self.index.search(queries, k)
        # faiss loses codes whose quantized score is the worst possible, and all where no table has any spread (a zero
        # query, equal centroids). Either way the score of those that are lost is known.
        lost = (ids < 0) | ~np.isfinite(scores)
        for row in np.flatnonzero(lost.any(axis=1)):
            rest = np.setdiff1d(np.arange(self.size), ids[row, ~lost[row]])
            ids[row, lost[row]] = rest[: lost[row].sum()]
            scores[row, lost[row]] = self._worst_score(queries[row])
        return scores, ids.astype(np.int64, copy=False)

    def _worst_score(self, query: np.ndarray) -> float:
        """The score of a code that has the worst centroid in every subspace."""
        cut = query.reshape(len(self.codebooks), 1, -1)
        if self.metric is Metric.L2:
            return float(((cut - self.codebooks) ** 2).sum(axis=2).max(axis=1).sum())
        return float((cut * self.codebooks).sum(axis=2).min(axis=1).sum())
