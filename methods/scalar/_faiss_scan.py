"""Search of scalar-quantized codes: by faiss for few queries, by decoding and a matrix product for many.

faiss's scans of 8-, 6- and 4-bit codes fall back to one value at a time where the dimension is no multiple of 8 (of
16 under AVX-512): 7 times as slow at 100 dimensions as at 104. Here the index has the next such dimension and
the true code size as its stride. The scan then reads a few bytes past each code; they do not count, because those
dimensions have zero width and the query is zero there.
"""

from __future__ import annotations

import faiss
import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.faiss_tools import faiss_metric
from methods.kernels.scanning.byte_levels import ByteLevelScan
from methods.search.decoding import DecodingSearcher
from methods.search.flat_codes import FlatCodesSearcher
from methods.search.table_ranges import MakesRanges, RangedSearcher

_LANES = 16
_SCAN_QUERIES = 16  # decoding is faster for more: 1.4 to 1.7 times for 32, four to seven times for 1,000


def scalar_searcher(codec: Codec, quantizer: int, low: np.ndarray, width: np.ndarray, codes: np.ndarray) -> Searcher:
    """A searcher of ``codes`` (n, code_size) uint8, which it keeps without a copy, but for the last few.

    Parameters
    ----------
    codec : Codec
        What made the codes.
    quantizer : int
        ``faiss.ScalarQuantizer.QT_*`` of ranges: 8, 6 or 4 bits, or 8 bits over one range.
    low, width : (dim,) float32, or (1,) for one range
        Start and width of the ranges.
    codes : (n, code_size) uint8
    """
    wide = -(-codec.dim // _LANES) * _LANES
    if wide != codec.dim and len(codes):
        scan: Searcher = _WideSearcher(codec, quantizer, low, width, codes, wide)
    else:
        index = faiss.IndexScalarQuantizer(codec.dim, quantizer, faiss_metric(codec.metric))
        scan = FlatCodesSearcher(codec, _trained(index, low, width), codes)
    if quantizer not in (faiss.ScalarQuantizer.QT_8bit, faiss.ScalarQuantizer.QT_8bit_uniform):
        return _ScalarSearcher(codec, codes, scan)
    low, width = (np.broadcast_to(part, codec.dim) for part in (low, width))
    return _ByteSearcher(codec, codes, scan, lambda: ByteLevelScan(codes, low, width, codec.metric is Metric.L2))


class _ScalarSearcher(DecodingSearcher):
    """Scans for few queries: a scan costs the same for each, decoding does not."""

    def __init__(self, codec: Codec, codes: np.ndarray, scan: Searcher) -> None:
        super().__init__(codec, codes)
        self._scan, self.padding = scan, scan.padding

    @property
    def nbytes(self) -> int:
        return self._scan.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        if len(queries) <= _SCAN_QUERIES:
            return self._scan._search(queries, k)
        return super()._search(queries, k)


class _ByteSearcher(RangedSearcher, _ScalarSearcher):
    """For codes of one byte a dimension: a search limited to some rows takes our own scan."""

    def __init__(self, codec: Codec, codes: np.ndarray, scan: Searcher, ranges: MakesRanges) -> None:
        super().__init__(codec, codes, scan)
        self._new_ranges = ranges

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        return self._search_ranges(queries, k) if self._limited else super()._search(queries, k)


class _WideSearcher(Searcher):
    """Scans codes as if they had more dimensions; the last codes, beyond which nothing may be read, from a copy."""

    def __init__(
        self, codec: Codec, quantizer: int, low: np.ndarray, width: np.ndarray, codes: np.ndarray, wide: int
    ) -> None:
        super().__init__(codec.dim, codec.metric, len(codes))
        shared = quantizer == faiss.ScalarQuantizer.QT_8bit_uniform
        if shared and codec.metric is Metric.L2:  # one range for all gives the extra dimensions values
            quantizer, shared = faiss.ScalarQuantizer.QT_8bit, False
            low, width = np.repeat(low, codec.dim), np.repeat(width, codec.dim)
        if not shared:
            extra = np.zeros(wide - codec.dim, np.float32)
            low, width = np.concatenate([low, extra]), np.concatenate([width, extra])

        def part(stored: np.ndarray) -> Searcher:
            index = _trained(faiss.IndexScalarQuantizer(wide, quantizer, faiss_metric(codec.metric)), low, width)
            index.code_size = index.sq.code_size = codes.shape[1]
            return FlatCodesSearcher(codec, index, stored)

        index = faiss.IndexScalarQuantizer(wide, quantizer)
        beyond = index.code_size - codes.shape[1]  # bytes that the scan of a code reads after it
        last = min(len(codes), -(-beyond // codes.shape[1]))
        self._end = np.concatenate([codes[len(codes) - last :].ravel(), np.zeros(beyond, np.uint8)])
        end = self._end[: last * codes.shape[1]].reshape(last, codes.shape[1])
        self._first, self._wide = len(codes) - last, wide  # codes before the copied ones
        self._parts = [part(rows) for rows in (codes[: self._first], end) if len(rows)]
        self.codes, self.padding = codes, self._end.nbytes  # the same few bytes however many codes there are

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes + self.padding

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        padded = np.pad(queries, ((0, 0), (0, self._wide - self.dim)))
        results = [part._search(padded, min(k, part.size)) for part in self._parts]
        if len(results) == 1:
            return results[0]
        (scores, ids), (last_scores, last_ids) = results
        last_ids = np.where(last_ids < 0, -1, last_ids + self._first)  # faiss finds none where scores are not finite
        scores, ids = np.hstack([scores, last_scores]), np.hstack([ids, last_ids])
        order = np.argsort(-scores if self.descending else scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(ids, order, axis=1)


def _trained(index: faiss.IndexScalarQuantizer, low: np.ndarray, width: np.ndarray) -> faiss.IndexScalarQuantizer:
    faiss.copy_array_to_vector(np.concatenate([low, width]), index.sq.trained)
    index.is_trained = True
    return index
