"""The method ``transform_coding``."""

from __future__ import annotations

from typing import Self

import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.errors import BudgetError, MethodError
from methods.factors import factor_bytes, factor_scale, factor_table
from methods.gaussian_levels import MOST_BITS
from methods.kernels.planes import GROUP
from methods.registry import register
from methods.transform_coding import scales
from methods.transform_coding.allocation import group_count, rotated_axes
from methods.transform_coding.choice import choose
from methods.transform_coding.quantizer import Quantizer, encode_scaled
from methods.transform_coding.search import LevelSearcher

FACTOR_BYTES = 1


@register("transform_coding")
class TransformCoding(Codec):
    """Scalar levels along principal axes, more bits where the variance is larger, and one byte for the scale.

    Brandt, "Transform coding for fast approximate nearest neighbor search in high dimensions", CVPR 2010. The centred
    vector is turned to its principal axes; these are rotated at random in runs of 16, so that values look Gaussian;
    groups of eight get 0 to 8 bits by water-filling, and the best levels for a Gaussian (Max 1960). A code is
    ``[symbols of the groups, packed as methods.kernels.planes says] [factor]``.

    Parameters
    ----------
    dim, metric
        As for :class:`~methods.base.Codec`.
    bits : int
        Bits given out to groups of eight axes, in all; a code takes a byte for each, and one for the factor.
    gamma : float or None
        Bits follow ``variance ** gamma``; None: what finds most neighbours of held-out training vectors.
    scale : {None, "least_squares", "renormalized", "unbiased"}
        The rule of :mod:`methods.transform_coding.scales`; None: chosen in the same way, of the first two.
    """

    family = "transform"
    summary = "principal axes, bits by variance, Lloyd-Max levels, one byte of scale"
    source = "Brandt, CVPR 2010"
    version = "3"  # 1: the factor's byte divided its whole range evenly; 2: values coded at their own size
    estimator = True  # queries are rounded to int8

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        bits: int = 8,
        gamma: float | None = None,
        scale: str | None = None,
    ) -> None:
        self.bits, self.gamma, self.scale = bits, gamma, scale
        super().__init__(dim, metric)

    @classmethod
    def for_budget(
        cls, dim: int, code_bytes: int, metric: Metric, *, gamma: float | None = None, scale: str | None = None
    ) -> Self:
        """All bytes but the factor's for symbols, as far as 8 bits a dimension go."""
        if code_bytes < 1 + FACTOR_BYTES:
            raise BudgetError(cls.name, code_bytes, 1 + FACTOR_BYTES)
        return cls(dim, metric, min(code_bytes - FACTOR_BYTES, MOST_BITS * group_count(dim)), gamma, scale)

    @property
    def quantizer_type(self) -> type[Quantizer]:
        return Quantizer

    @property
    def code_size(self) -> int:
        return self.bits + FACTOR_BYTES

    # --- fitted state ------------------------------------------------------------------------------------

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        from methods.principal_axes import principal_axes

        mean, axes, variances = principal_axes(vectors, self.dim)
        matrix, spread = rotated_axes(axes, variances, seed)

        def quantizer(gamma: float) -> Quantizer:
            return self.quantizer_type.choose(mean, matrix, spread, self.bits, gamma)

        gamma, rule = choose(quantizer, vectors, self.metric.inner, self.gamma, self.scale, seed)
        chosen = quantizer(gamma)
        sample = vectors[np.random.default_rng(seed).permutation(len(vectors))[:20_000]]
        found = encode_scaled(chosen, rule, sample - mean)[1]
        self._load_parts(
            {
                "mean": chosen.mean,
                "matrix": chosen.matrix,
                "bits": chosen.bits,
                "spreads": chosen.spreads,
                "factor_scale": factor_scale(found),
                "scale": np.array([scales.RULES.index(rule)], np.uint8),
                "gamma": np.array([gamma], np.float32),
            }
        )

    def parts(self) -> dict[str, np.ndarray]:
        """``mean`` (dim,), ``matrix`` (dim, 8 groups) applied as ``(x - mean) @ matrix``, ``bits`` (groups,) uint8 and
        ``spreads`` (groups,) of the groups, ``factor_scale`` (4,); ``scale`` and ``gamma`` as they were chosen."""
        self._check_fitted()
        return dict(self.parts_)

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.parts_ = dict(parts)
        self.quantizer_ = self.quantizer_type(parts["mean"], parts["matrix"], parts["bits"], parts["spreads"])
        self.rule_ = scales.RULES[int(parts["scale"][0])]
        self._table = factor_table(parts["factor_scale"])

    # --- codes -------------------------------------------------------------------------------------------

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        symbols, factors = encode_scaled(self.quantizer_, self.rule_, vectors - self.quantizer_.mean)
        return np.concatenate([symbols, factor_bytes(factors, self.parts_["factor_scale"])[:, None]], axis=1)

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        values = self.quantizer_.decode(codes, self._table[codes[:, -1]])
        return values @ self.quantizer_.matrix.T + self.quantizer_.mean

    def _searcher(self, codes: np.ndarray) -> Searcher:
        return LevelSearcher(self.dim, self.metric, self.quantizer_, codes, self._table)

    # --- validation --------------------------------------------------------------------------------------

    def _check_shape(self) -> None:
        super()._check_shape()
        most = MOST_BITS * group_count(self.dim)
        if int(self.bits) != self.bits or not 1 <= self.bits <= most:
            raise MethodError(f"bits={self.bits} is out of range; use 1 to {most}, for groups of {GROUP} dimensions")
        scales.check(self.scale, self.gamma)
