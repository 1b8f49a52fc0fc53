"""What the scanners of recurrent binary codes share: the codes, a factor for each, and the bytes of both."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from methods.kernels.scanning import layout, prepare
from methods.kernels.scanning.dot_scan import DotScan, check_code
from methods.kernels.scanning.factors import Scales
from methods.kernels.scanning.nibble_scan import NibbleScan
from methods.kernels.scanning.ranged import Ranged, all_rows

__all__ = ["LevelCodes"]


class LevelCodes(Ranged, ABC):
    """Base: codes of levels of 1 to 4 bits, laid out for a scan.

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

    _inner = "_scan"

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
        self.visits = all_rows(self.size)
        self.dim, self.bits, self.threads = dim, bits, threads
        self.scales = Scales(scale, scale_table, self.size)
        self._scan = self._scan_of(codes, path)
        self.path = self._scan.path

    @abstractmethod
    def _scan_of(self, codes: np.ndarray, path: str | None) -> DotScan | NibbleScan:
        """The scan through ``codes`` (n, code_size) uint8."""

    @property
    def nbytes(self) -> int:
        return self._scan.nbytes + self.scales.nbytes

    @property
    def padding(self) -> int:
        return layout.padding(self.size, self.code_size + self.scales.bytes_each)
