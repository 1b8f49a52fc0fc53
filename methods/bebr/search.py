"""Searching codes by the kernels: what a query becomes, and which scanner serves it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.bebr import layout
from methods.kernels.adc import ADCScanner
from methods.kernels.sdc import SDCScanner
from methods.search import DecodingSearcher


class SymbolSearcher(Searcher):
    """Exhaustive search by the inner product of a query with levels times factors.

    Parameters
    ----------
    dim, metric
        Of the queries.
    scanner : ADCScanner or SDCScanner
        Over the symbols, with the factors as its scale.
    prepare : callable
        (nq, dim) float32 -> what the scanner is asked, and what its scores are to be multiplied with: (nq,) float32.
    """

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
        asked, scale = self.prepare(queries)
        scores, ids = self.scanner.search(asked, k)
        return scores * scale[:, None], ids


class SymmetricDecodingSearcher(DecodingSearcher):
    """Decodes codes and queries' codes and compares them: for l2, whose scores need the decoded norms."""

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        return super()._search(self.codec.decode(self.codec.encode(queries)), k)


def scanner(
    kind: type[ADCScanner] | type[SDCScanner], codes: np.ndarray, dim_code: int, bits: int, factors: np.ndarray
) -> ADCScanner | SDCScanner:
    """A scanner of one kind over codes (n, code_size) uint8 whose last byte is an entry of ``factors`` (256,)."""
    symbols = np.ascontiguousarray(codes[:, : -layout.FACTOR_BYTES])
    entries = np.ascontiguousarray(codes[:, -1])
    return kind(symbols, dim_code, bits, scale=entries, scale_table=factors)


def decoding(codec: Codec, codes: np.ndarray, symmetric: bool) -> Searcher:
    """A searcher by decoded vectors."""
    return (SymmetricDecodingSearcher if symmetric else DecodingSearcher)(codec, codes)
