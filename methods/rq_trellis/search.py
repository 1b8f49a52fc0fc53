"""Searching codes of stages and levels by the kernel for levels."""

from __future__ import annotations

import numpy as np

from methods.base import Metric, Searcher
from methods.kernels.levels import LevelScanner
from methods.kernels.topk import squared_distances
from methods.rq_trellis.quantizer import StagedQuantizer
from methods.squares import square_tables

_DECADES = np.array([1e-4, 1e6])  # squares that are told apart, by the usual one: each to 2 parts in 10,000


def square_bounds(usual: float) -> np.ndarray:
    """Between which squares (2,) are kept, by the usual one of training."""
    return usual * _DECADES


class StagedSearcher(Searcher):
    """Exhaustive search by queries rounded to int8 in the coordinates of the levels, and a table for each stage.

    Parameters
    ----------
    dim, metric
        Of the queries.
    quantizer : StagedQuantizer
    codebooks : (stages, at most 256, dim) float32
    codes : (n, code_size) uint8
    factors : (256,) float32
        What the factor's byte stands for.
    usual_square : float
        About which squares are kept; under l2.
    """

    def __init__(
        self,
        dim: int,
        metric: Metric,
        quantizer: StagedQuantizer,
        codebooks: np.ndarray,
        codes: np.ndarray,
        factors: np.ndarray,
        usual_square: float,
    ) -> None:
        super().__init__(dim, metric, len(codes))
        self.quantizer, self.codebooks, fine = quantizer, codebooks, quantizer.fine
        stages, levels = np.split(codes, [quantizer.stages], axis=1)
        levels, entries, squares = np.split(levels, [fine.code_size, fine.code_size + 1], axis=1)
        self.scanner = LevelScanner(
            np.ascontiguousarray(levels),
            fine.alphabets,
            fine.spreads,
            fine.integer_levels(),
            np.ascontiguousarray(entries[:, 0]),
            factors,
            stages=np.ascontiguousarray(stages),
            lengths=np.ascontiguousarray(squares) if metric is Metric.L2 else None,
            length_tables=square_tables(square_bounds(usual_square)) if metric is Metric.L2 else None,
        )
        self.padding = self.scanner.padding

    @property
    def nbytes(self) -> int:
        return self.scanner.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        centred = queries - self.quantizer.mean if self.metric is Metric.L2 else queries
        stages, used, _ = self.codebooks.shape
        tables = np.zeros((len(queries), stages, 256), np.float32)
        tables[:, :, :used] = np.einsum("qd,scd->qsc", centred, self.codebooks, optimize=True)
        scores, ids = self.scanner.search(centred @ self.quantizer.fine.matrix, k, tables)
        if self.metric is not Metric.L2:
            return scores, ids
        return squared_distances(centred, scores), ids
