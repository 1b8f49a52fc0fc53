"""Searching transform codes by the kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.base import Metric
from methods.kernels.scanning.levels import LevelScanner
from methods.kernels.sets.maxsim import largest_level_products
from methods.search.products import ProductSearcher
from methods.transform.transform_coding.offset import OffsetQuantizer, without_offset
from methods.transform.transform_coding.quantizer import Quantizer


class LevelSearcher(ProductSearcher):
    """Exhaustive search by queries rounded to int8 in the coordinates of the levels.

    Parameters
    ----------
    dim, metric
        Of the queries.
    quantizer : Quantizer or OffsetQuantizer
    codes : (n, size + 1) uint8
        The last byte is the factor's.
    factors : (256,) float32
        What that byte stands for.
    """

    scanned_by = "scanner"

    def __init__(
        self,
        dim: int,
        metric: Metric,
        quantizer: Quantizer | OffsetQuantizer,
        codes: np.ndarray,
        factors: np.ndarray,
    ) -> None:
        super().__init__(dim, metric, len(codes))
        self.direction: np.ndarray | None = None
        offsets: dict[str, Any] = {}
        symbols, entries = np.split(codes, [-1], axis=1)
        if isinstance(quantizer, OffsetQuantizer):
            symbols, kept = np.split(symbols, [-quantizer.size], axis=1)
            offsets = {"offsets": np.ascontiguousarray(kept), "offset_tables": quantizer.tables}
            self.direction = quantizer.direction
        self.quantizer: Quantizer = without_offset(quantizer)
        self.scanner = LevelScanner(
            np.ascontiguousarray(symbols),
            self.quantizer.alphabets,
            self.quantizer.spreads,
            self.quantizer.integer_levels(),
            np.ascontiguousarray(entries[:, 0]),
            factors,
            l2=metric is Metric.L2,
            **offsets,
        )
        self.padding = self.scanner.padding

    @property
    def nbytes(self) -> int:
        return self.scanner.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        mean, matrix = self.quantizer.mean, self.quantizer.matrix
        if self.metric is not Metric.L2:
            weights = None if self.direction is None else queries @ self.direction
            scores, ids = self.scanner.search(queries @ matrix, k, weights=weights)
            return scores + (queries @ mean)[:, None], ids
        centered = queries - mean
        mapped = centered @ matrix
        scores, ids = self.scanner.search(mapped, k)
        # What lies outside the axes that have bits adds the same to every distance of a query.
        outside = (centered**2).sum(axis=1) - (mapped**2).sum(axis=1)
        return scores + np.maximum(outside, 0)[:, None], ids

    def largest_products(self, queries: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        weights = None if self.direction is None else queries @ self.direction
        mapped = queries @ self.quantizer.matrix
        return (
            largest_level_products(self.scanner, offsets, mapped, weights=weights)
            + (queries @ self.quantizer.mean)[:, None]
        )

    def codes_of(self, rows: np.ndarray) -> np.ndarray:
        symbols, offsets, entries = self.scanner.taken(rows)
        return np.hstack([symbols, offsets, entries])
