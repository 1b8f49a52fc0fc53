"""Searching codes of stages and levels by the kernel for levels."""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.base import Metric
from methods.encoding.factor_and_product import FactorAndProduct
from methods.encoding.size_and_factor import SizeAndFactor
from methods.kernels.scanning.levels import LevelScanner
from methods.kernels.scanning.stage_lengths import StageLengths
from methods.kernels.scanning.stage_squares import StageSquares
from methods.kernels.sets.maxsim import largest_level_products
from methods.kernels.topk import squared_distances
from methods.search.products import ProductSearcher
from methods.transform.rq_trellis.quantizer import StagedQuantizer
from methods.transform.transform_coding.offset import OffsetQuantizer, without_offset

_FAR = 3.0  # times the levels' own spread


class StagedSearcher(ProductSearcher):
    """Exhaustive search by queries rounded to int8 in the coordinates of the levels, and a table for each stage.

    Parameters
    ----------
    dim, metric
        Of the queries.
    quantizer : StagedQuantizer or OffsetQuantizer
    codes : (n, code_size) uint8
    factors : (256,) float32, SizeAndFactor, or FactorAndProduct under l2
        What the last bytes stand for; None where codes have none.
    length : float, optional
        Of all vectors, where codes have no factors.
    """

    scanned_by = "scanner"

    def __init__(
        self,
        dim: int,
        metric: Metric,
        quantizer: StagedQuantizer | OffsetQuantizer,
        codes: np.ndarray,
        factors: np.ndarray | FactorAndProduct | SizeAndFactor | None,
        length: float | None = None,
    ) -> None:
        super().__init__(dim, metric, len(codes))
        self.direction: np.ndarray | None = None
        added: dict[str, Any] = {}
        self.offset_size = 0
        if isinstance(quantizer, OffsetQuantizer):
            self.offset_size = quantizer.size
            self.direction, added["offset_tables"] = quantizer.direction, quantizer.tables
        self.quantizer: StagedQuantizer = without_offset(quantizer)
        self.codebooks, fine = self.quantizer.codebooks, self.quantizer.fine
        ends = np.cumsum(
            [self.quantizer.stages, fine.code_size, self.offset_size, 0 if isinstance(factors, float) else 1]
        )
        stages, levels, offsets, entries, last = (np.ascontiguousarray(part) for part in np.split(codes, ends, axis=1))
        if isinstance(factors, FactorAndProduct):
            added |= {"l2": True, "stage_squares": StageSquares.of(self.codebooks, factors.product_tables)}
            added |= {"products": last} if factors.size > 1 else {}
            added |= {"finer": self._clusters_are_far()}
        if isinstance(factors, SizeAndFactor):
            added["sizes"] = factors.size_table * np.float32(self.quantizer.gain)
            added |= {"size_bytes": last} if factors.size > 1 else {}
        spreads = fine.spreads
        if length is not None:
            spreads = spreads * np.float32(self.quantizer.gain)
            added["stage_lengths"] = self._stage_lengths(length)
        added |= {"offsets": offsets} if self.direction is not None else {}
        self.scanner = LevelScanner(
            levels,
            fine.alphabets,
            spreads,
            fine.integer_levels(),
            None if factors is None else entries[:, 0],
            factors if factors is None or isinstance(factors, np.ndarray) else factors.factor_table,
            stages=stages,
            **added,
        )
        self.padding = self.scanner.padding

    @property
    def nbytes(self) -> int:
        return self.scanner.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        centered = queries - self.quantizer.mean if self.metric is Metric.L2 else queries
        tables = self._tables(centered)
        weights = None if self.direction is None else queries @ self.direction
        scores, ids = self.scanner.search(centered @ self.quantizer.fine.matrix, k, tables, weights)
        if self.metric is Metric.L2:
            return squared_distances(centered, scores), ids
        return scores + (queries @ self.quantizer.mean)[:, None], ids

    def _stage_lengths(self, length: float) -> StageLengths:
        none = np.empty((0, 256), np.float32)
        along = np.zeros((self.quantizer.stages, 256, self.quantizer.fine.matrix.shape[1]), np.float32)
        along[:, : self.codebooks.shape[1]] = self.codebooks @ self.quantizer.fine.matrix
        shared = 0.0 if self.direction is None else float(self.quantizer.mean @ self.direction)
        return StageLengths(StageSquares.of(self.codebooks, none), along, length, shared)

    def _clusters_are_far(self) -> bool:
        """Whether centroids are much farther from the mean, along the axes of levels, than levels reach.

        A query is as far: bytes would round away how the documents of its cluster differ.
        """
        fine = self.quantizer.fine
        along = self.codebooks[0] @ fine.matrix
        spreads = np.repeat(fine.spreads, along.shape[1] // len(fine.spreads))
        return bool((along**2).mean() > _FAR**2 * (spreads**2).mean())

    def _tables(self, queries: np.ndarray) -> np.ndarray:
        """Products (nq, stages, 256) float32 with the centroids."""
        stages, used, _ = self.codebooks.shape
        tables = np.zeros((len(queries), stages, 256), np.float32)
        tables[:, :, :used] = np.einsum("qd,scd->qsc", queries, self.codebooks, optimize=True)
        return tables

    def largest_products(self, queries: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        mapped = queries @ self.quantizer.fine.matrix
        weights = None if self.direction is None else queries @ self.direction
        best = largest_level_products(self.scanner, offsets, mapped, self._tables(queries), weights)
        return best + (queries @ self.quantizer.mean)[:, None]

    def codes_of(self, rows: np.ndarray) -> np.ndarray:
        levels, kept, entries = self.scanner.taken(rows)
        ends = np.cumsum([self.quantizer.stages, self.offset_size])
        stages, offsets, last = np.split(kept, ends, axis=1)
        return np.hstack([stages, levels, offsets, entries, last])
