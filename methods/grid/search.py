"""Searching grid codes: one pass over the codes a query, or one decoding of them for many queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from methods.base import Metric, Searcher
from methods.kernels.grid import OFFSET_BYTES, scan_grid
from methods.search import DecodingSearcher
from methods.table_search import CodeSpace

if TYPE_CHECKING:
    from methods.grid.codec import GridCodec

_SCAN_QUERIES = 2  # up to so many queries a scan of the codes beats decoding them for a matrix product


class GridSearcher(Searcher):
    """Largest estimates of ``<q - mean, x - mean>`` plus offset, in turned coordinates.

    Parameters
    ----------
    codec : GridCodec
        Fitted.
    codes : (n, code_size) uint8
        Kept as they are.
    """

    def __init__(self, codec: GridCodec, codes: np.ndarray) -> None:
        super().__init__(codec.dim, codec.metric, len(codes))
        self.codec, self.codes = codec, codes
        space = CodeSpace(codec.plan_.matrix.shape[1] + 1, Metric.IP, self._with_offsets)
        self._decoding = DecodingSearcher(space, codes)  # type: ignore[arg-type]

    @property
    def nbytes(self) -> int:
        return self.codes.nbytes

    def _offsets(self, codes: np.ndarray) -> np.ndarray:
        middle, unit = self.codec.parts_["offset_range"]
        stored = np.ascontiguousarray(codes[:, :OFFSET_BYTES]).view(np.float16)[:, 0]
        return stored.astype(np.float32) * unit + middle

    def _with_offsets(self, codes: np.ndarray) -> np.ndarray:
        return np.column_stack([self.codec._values(codes), self._offsets(codes)])

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        plan, l2 = self.codec.plan_, self.metric is Metric.L2
        centred = queries - plan.mean if l2 else queries
        mapped = np.ascontiguousarray(centred @ plan.matrix)
        if len(queries) > _SCAN_QUERIES:
            scores, ids = self._decoding._search(np.column_stack([mapped, np.ones(len(mapped), np.float32)]), k)
        else:
            scores, ids = self._scan(mapped, k)
        if l2:
            return np.maximum((centred**2).sum(axis=1)[:, None] - 2 * scores, 0), ids
        return scores + (queries @ plan.mean)[:, None], ids

    def _scan(self, mapped: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        plan, offsets = self.codec.plan_, self._offsets(self.codes)
        keys, ids = np.full((len(mapped), k), np.inf, np.float32), np.full((len(mapped), k), -1, np.int64)
        for query, row_keys, row_ids in zip(mapped, keys, ids):
            scan_grid(self.codes, plan.ends, plan.bits, self.codec.tables_, offsets, query, row_keys, row_ids)
        return -keys, ids
