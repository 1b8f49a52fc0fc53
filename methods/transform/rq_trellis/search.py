"""Searching codes of stages and levels by the kernel for levels."""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.base import Metric, Searcher
from methods.encoding.squared_length import square_tables
from methods.kernels.scanning.levels import LevelScanner
from methods.kernels.topk import squared_distances
from methods.transform.rq_trellis.quantizer import StagedQuantizer
from methods.transform.transform_coding.offset import OffsetQuantizer

_DECADES = np.array([1e-4, 1e6])  # squares that a code distinguishes, over the median: each to 2 parts in 10,000


def square_bounds(median: float) -> np.ndarray:
    """Least and greatest square (2,) that a code distinguishes, by the ``median`` of training."""
    return median * _DECADES


class StagedSearcher(Searcher):
    """Exhaustive search by queries rounded to int8 in the coordinates of the levels, and a table for each stage.

    Parameters
    ----------
    dim, metric
        Of the queries.
    quantizer : StagedQuantizer or OffsetQuantizer
    codebooks : (stages, at most 256, dim) float32
    codes : (n, code_size) uint8
    factors : (256,) float32
        What the factor's byte stands for.
    usual_square : float
        Median of training, which squared lengths are coded around; under l2.
    """

    scanned_by = "scanner"

    def __init__(
        self,
        dim: int,
        metric: Metric,
        quantizer: StagedQuantizer | OffsetQuantizer,
        codebooks: np.ndarray,
        codes: np.ndarray,
        factors: np.ndarray,
        usual_square: float,
    ) -> None:
        super().__init__(dim, metric, len(codes))
        self.direction: np.ndarray | None = None
        added: dict[str, Any] = {}
        size = 0
        if isinstance(quantizer, OffsetQuantizer):
            size = quantizer.size
            self.direction, added["offset_tables"] = quantizer.direction, quantizer.tables
        elif metric is Metric.L2:
            added["length_tables"] = square_tables(square_bounds(usual_square))
        self.quantizer: StagedQuantizer = quantizer.rest if isinstance(quantizer, OffsetQuantizer) else quantizer
        self.codebooks, fine = codebooks, self.quantizer.fine
        ends = np.cumsum([self.quantizer.stages, fine.code_size, size, 1])
        stages, levels, offsets, entries, squares = np.split(codes, ends, axis=1)
        added |= {"lengths": np.ascontiguousarray(squares)} if metric is Metric.L2 else {}
        added |= {"offsets": np.ascontiguousarray(offsets)} if self.direction is not None else {}
        self.scanner = LevelScanner(
            np.ascontiguousarray(levels),
            fine.alphabets,
            fine.spreads,
            fine.integer_levels(),
            np.ascontiguousarray(entries[:, 0]),
            factors,
            stages=np.ascontiguousarray(stages),
            **added,
        )
        self.padding = self.scanner.padding

    @property
    def nbytes(self) -> int:
        return self.scanner.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        centered = queries - self.quantizer.mean if self.metric is Metric.L2 else queries
        stages, used, _ = self.codebooks.shape
        tables = np.zeros((len(queries), stages, 256), np.float32)
        tables[:, :, :used] = np.einsum("qd,scd->qsc", centered, self.codebooks, optimize=True)
        weights = None if self.direction is None else queries @ self.direction
        scores, ids = self.scanner.search(centered @ self.quantizer.fine.matrix, k, tables, weights)
        if self.direction is not None:
            return scores + (queries @ self.quantizer.mean)[:, None], ids
        if self.metric is not Metric.L2:
            return scores, ids
        return squared_distances(centered, scores), ids
