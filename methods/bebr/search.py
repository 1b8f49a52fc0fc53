"""Searching codes by the scanner that serves them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from methods.base import Metric, Searcher
from methods.bebr import layout
from methods.kernels.adc import ADCScanner
from methods.kernels.nearest import NearestScanner
from methods.kernels.sdc import SDCScanner
from methods.kernels.topk import squared_distances
from methods.squares import square_tables


class NearestSearcher(Searcher):
    """Exhaustive search by squared distance to what codes decode to.

    Parameters
    ----------
    dim : int
        Of the queries.
    scanner : NearestScanner
        Scores products less half of squared lengths.
    center : (dim,) float32
        What codes and queries are centred by.
    prepare : callable
        Centred queries (nq, dim) float32 -> the vectors that codes are compared with, and what the scanner is asked.
    """

    def __init__(
        self,
        dim: int,
        scanner: NearestScanner,
        center: np.ndarray,
        prepare: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    ) -> None:
        super().__init__(dim, Metric.L2, scanner.size)
        self.scanner, self.prepare, self._center = scanner, prepare, center
        self.padding = scanner.padding

    @property
    def nbytes(self) -> int:
        return self.scanner.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        compared, asked = self.prepare(queries - self._center)
        scores, ids = self.scanner.search(asked, k)
        return squared_distances(compared, scores), ids


def scanner(
    kind: type[ADCScanner] | type[SDCScanner], codes: np.ndarray, dim_code: int, bits: int, factors: np.ndarray
) -> ADCScanner | SDCScanner:
    """A scanner of one kind over codes (n, code_size) uint8, a byte of which is an entry of ``factors`` (256,)."""
    symbols, entries, _ = split(codes, dim_code, bits)
    return kind(symbols, dim_code, bits, scale=entries, scale_table=factors)


def nearest_scanner(
    codes: np.ndarray, dim_code: int, bits: int, factors: np.ndarray, square_range: np.ndarray
) -> NearestScanner:
    """As :func:`scanner`, of codes that keep squared lengths between two bounds (2,)."""
    symbols, entries, squares = split(codes, dim_code, bits)
    return NearestScanner(symbols, dim_code, bits, entries, factors, squares, square_tables(square_range))


def split(codes: np.ndarray, dim_code: int, bits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Symbols (n, bytes), entries (n,) and squares (n, 0 or 2) of codes, each by itself in memory."""
    size = layout.symbol_bytes(dim_code, bits)
    symbols, entries, squares = np.split(codes, [size, size + 1], axis=1)
    return np.ascontiguousarray(symbols), np.ascontiguousarray(entries[:, 0]), np.ascontiguousarray(squares)
