"""Searching codes: the scanner that serves them, or decoding."""

from __future__ import annotations

import numpy as np

from methods.base import Codec, Searcher
from methods.bebr import layout
from methods.kernels.adc import ADCScanner
from methods.kernels.sdc import SDCScanner
from methods.search import DecodingSearcher


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
