"""Searching codes by the scanner that serves them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from methods.base import Metric, Searcher
from methods.binary.bebr import layout
from methods.kernels.scanning.adc import ADCScanner
from methods.kernels.scanning.nearest import NearestScanner
from methods.kernels.scanning.sdc import SDCScanner
from methods.kernels.topk import squared_distances


class NearestSearcher(Searcher):
    """Exhaustive search by squared distance to what codes decode to.

    Parameters
    ----------
    dim : int
        Of the queries.
    scanner : NearestScanner
        Scores products less half of squared lengths.
    center : (dim,) float32
        What codes and queries are centered by.
    prepare : callable
        Centered queries (nq, dim) float32 -> the vectors that codes are compared with, and the scanner's weights.
    """

    scanned_by = "scanner"

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
        compared, weights = self.prepare(queries - self._center)
        scores, ids = self.scanner.search(weights, k)
        return squared_distances(compared, scores), ids


class OffsetSearcher(Searcher):
    """Exhaustive search by inner products, of queries of 15 bits: with levels, and with offsets along a direction.

    Parameters
    ----------
    dim, metric
        Of the queries.
    scanner : NearestScanner
        Of products, and of offsets if there are any.
    mean : (dim,) float32
        What codes are centered by.
    direction : (dim,) float32 or None
        Of the offsets.
    prepare : callable
        Queries (nq, dim) float32 less their part along the direction -> the vectors that codes are compared with, and
        the weights of levels.
    """

    scanned_by = "scanner"

    def __init__(
        self,
        dim: int,
        metric: Metric,
        scanner: NearestScanner,
        mean: np.ndarray,
        direction: np.ndarray | None,
        prepare: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    ) -> None:
        super().__init__(dim, metric, scanner.size)
        self.scanner, self.prepare, self._mean = scanner, prepare, mean
        self._direction = np.zeros(dim, np.float32) if direction is None else direction
        self.padding = scanner.padding

    @property
    def nbytes(self) -> int:
        return self.scanner.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        along = queries @ self._direction
        _, weights = self.prepare(queries - along[:, None] * self._direction)
        scores, ids = self.scanner.search(weights, k, along)
        return scores + (queries @ self._mean)[:, None], ids


def scanner(
    kind: type[ADCScanner] | type[SDCScanner], codes: np.ndarray, dim_code: int, bits: int, factors: np.ndarray
) -> ADCScanner | SDCScanner:
    """A scanner of one kind over codes (n, code_size) uint8, a byte of which is an entry of ``factors`` (256,)."""
    symbols, entries, _ = split(codes, dim_code, bits)
    return kind(symbols, dim_code, bits, scale=entries, scale_table=factors)


def fine_scanner(
    codes: np.ndarray, dim_code: int, bits: int, factors: np.ndarray, tables: np.ndarray, squared: bool
) -> NearestScanner:
    """As :func:`scanner`, for queries of 15 bits, of codes that may keep squared lengths or offsets by ``tables``."""
    symbols, entries, extra = split(codes, dim_code, bits)
    return NearestScanner(symbols, dim_code, bits, entries, factors, extra, tables, squared)


def split(codes: np.ndarray, dim_code: int, bits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Symbols (n, bytes), entries (n,) and squares or offsets (n, 0 to 2) of codes, each by itself in memory."""
    size = layout.symbol_bytes(dim_code, bits)
    symbols, entries, extra = np.split(codes, [size, size + 1], axis=1)
    return np.ascontiguousarray(symbols), np.ascontiguousarray(entries[:, 0]), np.ascontiguousarray(extra)
