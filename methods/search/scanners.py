"""Searching codes by a scanner of :mod:`methods.kernels`: queries are prepared, codes are scanned."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from methods.kernels.scanning.adc import ADCScanner
from methods.kernels.scanning.hamming import HammingScanner
from methods.kernels.scanning.sdc import SDCScanner
from methods.metric import Metric
from methods.searcher import Searcher


class HammingSearcher(Searcher):
    """Exhaustive search by Hamming distance; equal distances are ordered by the smaller id.

    Parameters
    ----------
    dim, metric
        Of the queries.
    codes : (n, code_size) uint8
        Unused bits of the last byte are zero. They are laid out anew for scanning.
    encode_queries : callable
        (nq, dim) float32 -> (nq, code_size) uint8.
    bits : int, optional
        Of a code that are in use; all of them if None.
    """

    estimates_metric = False
    scanned_by = "scanner"

    def __init__(
        self,
        dim: int,
        metric: Metric,
        codes: np.ndarray,
        encode_queries: Callable[[np.ndarray], np.ndarray],
        bits: int | None = None,
    ) -> None:
        super().__init__(dim, metric, len(codes))
        self.descending = False
        self.bits = 8 * codes.shape[1] if bits is None else bits
        self.scanner, self.encode_queries = HammingScanner(codes), encode_queries
        self.padding = self.scanner.padding

    @property
    def nbytes(self) -> int:
        return self.scanner.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        distances, ids = self.scanner.search(self.encode_queries(queries), k)
        return distances.astype(np.float32), ids


class SymbolSearcher(Searcher):
    """Exhaustive search by the inner product of a query with levels times factors.

    Parameters
    ----------
    dim, metric
        Of the queries.
    scanner : ADCScanner or SDCScanner
        Over the symbols, with the factors as its scale.
    prepare : callable
        (nq, dim) float32 -> the scanner's queries, and factors (nq,) float32 of its scores.
    """

    scanned_by = "scanner"

    def __init__(
        self,
        dim: int,
        metric: Metric,
        scanner: ADCScanner | SDCScanner,
        prepare: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    ) -> None:
        super().__init__(dim, metric, scanner.size)
        self.scanner, self.prepare = scanner, prepare
        self.padding = scanner.padding

    @property
    def nbytes(self) -> int:
        return self.scanner.nbytes

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        prepared, scale = self.prepare(queries)
        scores, ids = self.scanner.search(prepared, k)
        return scores * scale[:, None], ids
