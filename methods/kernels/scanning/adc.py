"""Asymmetric inner products: a float query, rounded to int8, against recurrent binary codes."""

from __future__ import annotations

import numpy as np

from methods.kernels.errors import KernelError
from methods.kernels.scanning import prepare
from methods.kernels.scanning.dot_scan import DotScan
from methods.kernels.scanning.level_codes import LevelCodes

__all__ = ["ADCScanner", "quantize_queries"]


def quantize_queries(queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (nq, dim) int8 and units (nq,) float32 such that ``weights * units`` is nearest to ``queries``.

    The unit is the largest magnitude / 127, so each component is off by at most half of it, and an inner product
    with a vector v by at most ``unit / 2 * sum(|v|)`` (plus float32 rounding).
    """
    units = np.abs(queries).max(axis=1, initial=0).astype(np.float32) / np.float32(127)
    units = np.where(units > 0, units, np.float32(1))
    return np.clip(np.rint(queries / units[:, None]), -127, 127).astype(np.int8), units


class ADCScanner(LevelCodes):
    """Exhaustive search by the inner product of a query with a code's levels; ties by the smaller id.

    Codes, parameters and attributes are those of :class:`~methods.kernels.scanning.level_codes.LevelCodes`.

    Notes
    -----
    A score differs from the exact one by at most ``max|q| / 254 * sum_j |level_j| * scale`` and float32 rounding.
    """

    _scan: DotScan

    def _scan_of(self, codes: np.ndarray, path: str | None) -> DotScan:
        return DotScan(codes, self.bits, self.scales, path)

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The ``k`` best codes of each query.

        Parameters
        ----------
        queries : (nq, dim) float32
            Finite.
        k : int
            At least 1.

        Returns
        -------
        scores : (nq, k) float32
            Descending; -inf padded.
        ids : (nq, k) int64
            Rows of the codes; padded with -1.
        """
        prepare.check_k(k)
        return self._scan.search(*self._weights(queries), k, self.threads)

    def fold(self, queries: np.ndarray, owner: np.ndarray, best: np.ndarray) -> None:
        """As :meth:`methods.kernels.scanning.sdc.SDCScanner.fold`."""
        self._scan.fold(*self._weights(queries), owner, best)

    def _weights(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Queries as the weights and units of a :class:`DotScan`."""
        queries = np.asarray(queries, np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise KernelError(f"queries must have shape (nq, {self.dim}), not {queries.shape}")
        weights, units = quantize_queries(queries)
        return weights, units * np.float32(0.5 ** (self.bits - 1))
