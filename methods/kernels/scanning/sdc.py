"""Symmetric inner products of recurrent binary codes: code against code, in exact integers, then the norm."""

from __future__ import annotations

import numpy as np

from methods.kernels import reference
from methods.kernels.scanning import prepare
from methods.kernels.scanning.dot_scan import DotScan
from methods.kernels.scanning.level_codes import LevelCodes
from methods.kernels.scanning.nibble_scan import NibbleScan

__all__ = ["SDCScanner"]


class SDCScanner(LevelCodes):
    """Exhaustive search by the inner product of two codes' levels; equal scores are ordered by the smaller id.

    Codes, parameters and attributes are those of :class:`~methods.kernels.scanning.level_codes.LevelCodes`.
    """

    def _scan_of(self, codes: np.ndarray, path: str | None) -> DotScan | NibbleScan:
        if NibbleScan.suits(path, self.dim, self.bits):
            return NibbleScan(codes, self.dim, self.bits, self.scales, path)
        return DotScan(codes, self.bits, self.scales, path)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The ``k`` best codes of each query code.

        Parameters
        ----------
        queries : (nq, ceil(dim * bits / 8)) uint8
        k : int
            At least 1.

        Returns
        -------
        scores : (nq, k) float32
            Descending: the exact inner product of the levels, times the document's factor rounded once; -inf padded.
        ids : (nq, k) int64
            Rows of the codes; padded with -1.
        """
        queries = prepare.as_codes(queries, self.code_size, "queries")
        prepare.check_k(k)
        if isinstance(self._scan, NibbleScan):
            return self._scan.search(queries, k, self.threads)
        return self._scan.search(*self._levels(queries), k, self.threads)

    def fold(self, queries: np.ndarray, owner: np.ndarray, best: np.ndarray) -> None:
        """Raise ``best[q, owner[i]]`` (nq, owners) float32 to the score of query q and code i; one thread."""
        queries = prepare.as_codes(queries, self.code_size, "queries")
        if isinstance(self._scan, NibbleScan):
            self._scan.fold(queries, owner, best)
        else:
            self._scan.fold(*self._levels(queries), owner, best)

    def _levels(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Query codes as the weights and units of a :class:`DotScan`."""
        levels = 2 * reference.symbols(queries, self.dim, self.bits).astype(np.int8) - np.int8(2**self.bits - 1)
        return levels, np.full(len(queries), 0.25 ** (self.bits - 1), np.float32)
