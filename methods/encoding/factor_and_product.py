"""The factor of a code's levels and the product of its centroid with its levels, in one byte, two or three.

A code that stands for ``c + f h``, centroid c and levels h, is searched by distance without decoding if it holds f and
``<c, h> / |c|`` (:mod:`methods.kernels.scanning.stage_squares`). Short codes spend one byte on both, one of 12 factors
times one of 21 products; larger ones a byte on the factor, and one or two on the product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from methods.encoding.factor_byte import factor_bytes, factor_scale, factor_table
from methods.encoding.sample_levels import nearest, nearest_levels, nearest_ratios

__all__ = ["FactorAndProduct"]

_FACTORS, _PRODUCTS = 12, 21  # whose pairs fill a byte
_BYTE = 256
_COVERED = (0.0005, 0.9995)  # quantiles of training between which the products of a byte lie, widened by:
_MARGIN = 0.25
_LEAST = 1e-30
_SMALL = 0.01  # of the median: factors below are those of vectors that are their centroid


@dataclass(frozen=True)
class FactorAndProduct:
    """Bytes for both.

    Attributes
    ----------
    factors : (12,) or (4,) float32
        The factors where one byte holds both, ascending; else the scale of :func:`.factor_byte.factor_scale`.
    products : (21,), (256,) or (2, 256) float32
        The products, ascending, for a byte or less; what the higher and the lower byte add to a product for two.
    """

    factors: np.ndarray
    products: np.ndarray

    @classmethod
    def fit(cls, factors: np.ndarray, products: np.ndarray, size: int) -> Self:
        """For a sample's factors (n,) >= 0 and products (n,); ``size`` is 1, 2 or 3 bytes."""
        if size == 1:
            return cls(_factor_levels(factors), nearest_levels(products, _PRODUCTS))
        low, high = np.quantile(products, _COVERED)
        wider = _MARGIN * (high - low) + _LEAST
        levels = np.linspace(low - wider, high + wider, _BYTE)
        if size == 3:
            levels = np.stack([levels, (levels[1] - levels[0]) * (np.arange(_BYTE) / _BYTE - 0.5)])
        return cls(factor_scale(factors), levels.astype(np.float32))

    @property
    def size(self) -> int:
        """Bytes of a code."""
        return 1 if len(self.products) == _PRODUCTS else 1 + len(self.product_tables)

    def encode(self, factors: np.ndarray, products: np.ndarray) -> np.ndarray:
        """Bytes (n, size) uint8 of factors (n,) and products (n,)."""
        if self.size == 1:
            place = self._factor_place(factors) * _PRODUCTS + nearest(self.products, products)
            return place[:, None].astype(np.uint8)
        columns, rest = [factor_bytes(factors, self.factors)], products
        for table in self.product_tables:
            columns.append(nearest(table, rest).astype(np.uint8))
            rest = rest - table[columns[-1]]
        return np.stack(columns, axis=1)

    def _factor_place(self, factors: np.ndarray) -> np.ndarray:
        positive = self.factors[self.factors > 0]
        zeros = len(self.factors) - len(positive)  # 1 where 0 is one of them
        place = zeros + nearest(np.log(positive), np.log(np.maximum(factors, _LEAST)))
        return np.where(factors < positive[0] / 2, 0, place) if zeros else place

    @property
    def factor_table(self) -> np.ndarray:
        """The factor (256,) float32 of each value of the first byte."""
        if self.size > 1:
            return factor_table(self.factors)
        return self.factors[np.minimum(np.arange(_BYTE) // _PRODUCTS, _FACTORS - 1)]

    @property
    def product_tables(self) -> np.ndarray:
        """What each value of the product's bytes adds to it, (1 or 2, 256) float32."""
        if len(self.products) == _PRODUCTS:
            return self.products[None, np.arange(_BYTE) % _PRODUCTS]
        return self.products.reshape(-1, _BYTE)


def _factor_levels(factors: np.ndarray) -> np.ndarray:
    """12 factors (float32): of least error of their logarithms, and the largest, which long vectors need to stay far.

    The first is 0 where some of training are as good as 0: a code of factor 0 is its centroid.
    """
    positive = factors[factors > 0]
    if not len(positive):
        return np.linspace(0, 1, _FACTORS, dtype=np.float32)
    least = _SMALL * np.median(positive)
    usual = positive[positive >= least]
    zero = [0.0] * (len(usual) < len(factors))
    levels = nearest_ratios(usual, _FACTORS - 1 - len(zero))
    return np.concatenate([zero, levels, [usual.max()]]).astype(np.float32)
