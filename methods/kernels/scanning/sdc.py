"""Symmetric inner products of recurrent binary codes: code against code, in exact integers, then the norm."""

from __future__ import annotations

import numpy as np

from methods.kernels import reference
from methods.kernels.scanning import layout, prepare
from methods.kernels.scanning.dot_scan import DotScan, NibbleScan, check_code
from methods.kernels.scanning.factors import Scales

__all__ = ["SDCScanner"]


class SDCScanner:
    """Exhaustive search by the inner product of two codes' levels; equal scores are ordered by the smaller id.

    A dimension's symbol ``c`` of ``bits`` bits, most significant (base) bit first, stands for the level
    ``(2c - (2^bits - 1)) / 2^(bits - 1)``: +-1, then +-1/2, ... ("Binary Embedding-based Retrieval at Tencent", KDD
    2023, section 3.3). Symbols are packed without gaps, the first in the highest bits.

    Parameters
    ----------
    codes : (n, ceil(dim * bits / 8)) uint8
    dim : int
        Dimensions, 1 to 65,536.
    bits : int
        Bits a dimension, 1 to 4.
    scale : (n,) float16 or uint8, optional
        A factor for each document (its inverse norm); for uint8 an entry of ``scale_table``.
    scale_table : (256,) float32, optional
        See :mod:`methods.kernels.scanning.factors`.
    threads, path
        As for :class:`~methods.kernels.scanning.hamming.HammingScanner`.

    Attributes
    ----------
    nbytes, padding : int
        Bytes kept (scales included), and how many of them only fill up the last block.
    """

    def __init__(
        self,
        codes: np.ndarray,
        dim: int,
        bits: int,
        scale: np.ndarray | None = None,
        scale_table: np.ndarray | None = None,
        threads: int | None = None,
        path: str | None = None,
    ) -> None:
        codes = prepare.as_codes(codes, None, "codes")
        check_code(codes.shape[1], dim, bits)
        self.size, self.code_size = codes.shape
        self.dim, self.bits, self.threads = dim, bits, threads
        self.scales = Scales(scale, scale_table, self.size)
        self._scan: NibbleScan | DotScan
        if NibbleScan.suits(path, dim, bits):
            self._scan = NibbleScan(codes, dim, bits, self.scales, path)
        else:
            self._scan = DotScan(codes, bits, self.scales, path)
        self.path = self._scan.path

    @property
    def nbytes(self) -> int:
        return self._scan.nbytes + self.scales.nbytes

    @property
    def padding(self) -> int:
        return layout.padding(self.size, self.code_size + self.scales.bytes_each)

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
