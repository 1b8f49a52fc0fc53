"""Searching codes of stages and levels by the kernel for levels."""

from __future__ import annotations

import numpy as np

from methods.base import Metric, Searcher
from methods.kernels.levels import LevelScanner
from methods.rq_trellis.quantizer import StagedQuantizer

SQUARE_BYTES = 2
_STEP = np.log(1e10) / 65_535  # of the logarithm: a square is kept to within 2 parts in 10,000
_BELOW = 1e-4  # the least that is told apart, by the usual square; the most is a million times as much as that


def square_bytes(squares: np.ndarray, usual: float) -> np.ndarray:
    """Squares (n,) >= 0 on a logarithmic scale about a ``usual`` one, as bytes (n, 2), the higher first."""
    place = np.log(np.maximum(squares / (_BELOW * usual), 1e-30)) / _STEP
    return np.clip(np.rint(place), 0, 65_535).astype(">u2").view(np.uint8).reshape(-1, 2)


def square_tables(usual: float) -> np.ndarray:
    """(2, 256) float32: a square is the product of what the tables say of its two bytes."""
    byte = np.arange(256)
    return np.stack([_BELOW * usual * np.exp(256 * _STEP * byte), np.exp(_STEP * byte)]).astype(np.float32)


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
            length_tables=square_tables(usual_square) if metric is Metric.L2 else None,
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
        return np.maximum((centred**2).sum(axis=1)[:, None] - 2 * scores, 0), ids
