"""Searching codes of stages and levels by the kernel for levels."""

from __future__ import annotations

import numpy as np

from methods.base import Metric, Searcher
from methods.kernels.levels import LevelScanner
from methods.rq_trellis.quantizer import StagedQuantizer

SQUARE_BYTES = 2
_MOST = 65_535


def square_bytes(squares: np.ndarray, most: float) -> np.ndarray:
    """Squares (n,) >= 0 as bytes (n, 2), the higher first, ``most`` and beyond as the largest number."""
    place = np.rint(np.minimum(squares / max(most, 1e-30), 1.0) * _MOST).astype(np.uint16)
    return place.astype(">u2").view(np.uint8).reshape(-1, 2)


def _square_tables(most: float) -> np.ndarray:
    """What the two bytes of a square stand for, each, negative: (2, 256) float32."""
    return np.outer([256, 1], np.arange(256) * (-most / _MOST)).astype(np.float32)


class StagedSearcher(Searcher):
    """Exhaustive search by queries rounded to int8 in the coordinates of the levels, and a table for each stage.

    Parameters
    ----------
    dim, metric
        Of the queries.
    quantizer : StagedQuantizer
    codebooks : (stages, 256, dim) float32
    codes : (n, code_size) uint8
    factors : (256,) float32
        What the factor's byte stands for.
    most_square : float
        The largest square that two bytes hold; under l2.
    """

    def __init__(
        self,
        dim: int,
        metric: Metric,
        quantizer: StagedQuantizer,
        codebooks: np.ndarray,
        codes: np.ndarray,
        factors: np.ndarray,
        most_square: float,
    ) -> None:
        super().__init__(dim, metric, len(codes))
        self.quantizer, self.codebooks, fine = quantizer, codebooks, quantizer.fine
        self._squares = _square_tables(most_square) if metric is Metric.L2 else np.empty((0, 256), np.float32)
        stages, levels = np.split(codes, [quantizer.stages], axis=1)
        levels, entries, squares = np.split(levels, [fine.code_size, fine.code_size + 1], axis=1)
        self.scanner = LevelScanner(
            np.ascontiguousarray(levels),
            fine.alphabets,
            fine.spreads,
            fine.integer_levels(),
            np.ascontiguousarray(entries[:, 0]),
            factors,
            stages=np.concatenate([stages, squares], axis=1),
        )
        self.padding = self.scanner.padding

    @property
    def nbytes(self) -> int:
        return self.scanner.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        centred = queries - self.quantizer.mean if self.metric is Metric.L2 else queries
        products = np.einsum("qd,scd->qsc", centred, self.codebooks, optimize=True)
        squares = np.broadcast_to(self._squares, (len(queries), *self._squares.shape))
        tables = np.concatenate([products, squares], axis=1).astype(np.float32, copy=False)
        scores, ids = self.scanner.search(centred @ self.quantizer.fine.matrix, k, tables)
        if self.metric is not Metric.L2:
            return scores, ids
        return np.maximum((centred**2).sum(axis=1)[:, None] - 2 * scores, 0), ids
