"""The method ``transform_coding``."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, ClassVar

import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.encoding.factor_byte import factor_bytes, factor_scale, factor_table, steps_of
from methods.encoding.gaussian_levels import MOST_BITS
from methods.encoding.offset import fitted_bounds, mean_direction, offset_size, split
from methods.errors import BudgetError, MethodError
from methods.fitting.allocation import group_count
from methods.fitting.coding_axes import coding_axes
from methods.fitting.offset_choice import offset_pays
from methods.fitting.outliers import main_mass
from methods.fitting.principal_axes import robust_mean
from methods.parameters import check_integer
from methods.registry import register
from methods.transform.transform_coding import scales
from methods.transform.transform_coding.choice import MIDDLE_GAMMA, choose, finds_more, size_power
from methods.transform.transform_coding.offset import OffsetQuantizer, without_direction, without_offset
from methods.transform.transform_coding.quantizer import Quantizer, encode_scaled
from methods.transform.transform_coding.search import LevelSearcher

FACTOR_BYTES = 1


@register("transform_coding")
class TransformCoding(Codec):
    """Scalar levels along principal axes, more bits where the variance is larger, and one byte for the scale.

    Brandt, "Transform coding for fast approximate nearest neighbor search in high dimensions", CVPR 2010. The centered
    vector is rotated to its principal axes; these are rotated at random in runs of 16, so that values look Gaussian;
    groups of eight get 0 to 8 bits by water-filling, and the best levels for a Gaussian (Max 1960). Groups of 8 bits,
    if more than two, are rotated among themselves, so that all err equally. A code is
    ``[symbols of the groups, packed as methods.kernels.simd.unpack_symbols says] [offset] [factor]``.

    With 6 bits a dimension and more, levels are chosen for the vector divided by the factor that the code will say: of
    vectors whose lengths vary, what the factor's byte rounds away is the larger part of the error.

    Vectors of most text encoders share a direction, along which a query's component is many times its others. There
    the offset holds a vector's part along the mean, and the levels what is orthogonal to it
    (:mod:`methods.encoding.offset`). It takes one byte where levels and offset together have fewer than 64, else two.

    Parameters
    ----------
    dim, metric
        As for :class:`~methods.base.Codec`.
    level_bytes : int
        Bytes of a code for levels and offset; the factor takes one more. A group of eight axes has as many of them as
        a level has bits.
    gamma : float or None
        Bits follow ``variance ** gamma``; None: what finds most neighbors of held-out training vectors.
    scale : {None, "least_squares", "renormalized", "unbiased"}
        The rule of :mod:`methods.transform.transform_coding.scales`; None: chosen in the same way, of the first two.
    offset : bool or None
        Whether codes hold an offset; None: where held-out training vectors find more neighbors with it
        (:mod:`methods.fitting.offset_choice`). Never under l2.
    """

    family = "transform"
    copies_codes = True
    summary = "principal axes, bits by variance, Lloyd-Max levels, one byte of scale"
    source = "Brandt, CVPR 2010"
    # 1: the factor's byte divided its whole range evenly; 2: values coded at their own size; 3: no offset, and outliers
    # counted in full for the axes; 4: variances of few training vectors were their own;
    # 5: full groups were not evened, and lengths that vary a little did not count;
    # 6: held-out variances were of four folds, and in more than 400 dimensions more vectors were searched
    # 7: fine levels were chosen for vectors divided by their exact size
    version = "8"
    reads_versions = frozenset({"4", "5", "6", "7"})  # which chose other axes and levels, in the same format
    renamed: ClassVar[dict[str, str]] = {"bits": "level_bytes"}
    estimator = True  # queries are rounded to int8

    def __init__(
        self,
        dim: int,
        metric: Metric = Metric.IP,
        level_bytes: int = 8,
        *,
        gamma: float | None = None,
        scale: str | None = None,
        offset: bool | None = None,
    ) -> None:
        self.level_bytes, self.gamma, self.scale, self.offset = level_bytes, gamma, scale, offset
        super().__init__(dim, metric)

    @classmethod
    def _sized(cls, dim: int, code_bytes: int, metric: Metric, *, offset: bool | None) -> dict[str, Any]:
        """All bytes but the factor's for symbols and offset, as far as 8 bits a dimension go."""
        least = 1 + FACTOR_BYTES + (offset_size(1) if offset else 0)
        if code_bytes < least:
            raise BudgetError(cls.name, code_bytes, least)
        return {"level_bytes": min(code_bytes - FACTOR_BYTES, MOST_BITS * group_count(dim))}

    @property
    def quantizer_type(self) -> type[Quantizer]:
        return Quantizer

    @property
    def code_size(self) -> int:
        return self.level_bytes + FACTOR_BYTES

    # --- fitted state ------------------------------------------------------------------------------------

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        keeps_offset = offset_pays(vectors, self.metric, self.level_bytes, seed) if self.offset is None else self.offset
        keeps_offset = keeps_offset and self.metric is not Metric.L2
        direction = mean_direction(robust_mean(vectors)[0]) if keeps_offset else np.zeros(self.dim, np.float32)
        mean, matrix, spread = self._axes(vectors, direction, seed)
        sample = vectors[np.random.default_rng(seed).permutation(len(vectors))[:20_000]]
        bounds = fitted_bounds(split(sample, mean, direction)[0], self.level_bytes)
        if keeps_offset:
            matrix = without_direction(matrix.T, direction).T

        def quantizer(gamma: float, power: float) -> Quantizer | OffsetQuantizer:
            room = self.level_bytes - (offset_size(self.level_bytes) if keeps_offset else 0)
            rest = self.quantizer_type.choose(mean, matrix, spread, room, gamma, power)
            return OffsetQuantizer(rest, direction, bounds) if keeps_offset else rest

        tried = functools.partial(quantizer, self._middle_gamma)
        power = size_power(tried, sample - mean, vectors, self.metric.inner, self.scale, seed)
        of_power = functools.partial(quantizer, power=power)
        gamma, rule = choose(of_power, vectors, self.metric.inner, self.gamma, self.scale, seed)
        chosen = of_power(gamma)
        rest = without_offset(chosen)
        parts = {
            "mean": rest.mean,
            **rest.parts(),
            "size_power": np.array([power], np.float32),
            "factor_scale": factor_scale(encode_scaled(chosen, rule, sample - mean)[1]),
            "scale": np.array([scales.RULES.index(rule)], np.uint8),
            "gamma": np.array([gamma], np.float32),
        }
        self._load_parts(parts | ({"direction": direction, "offset_range": bounds} if keeps_offset else {}))

    @property
    def _middle_gamma(self) -> float:
        """The exponent with which all else is chosen."""
        return self.gamma or MIDDLE_GAMMA

    def _axes(self, vectors: np.ndarray, direction: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean, matrix and spreads as of :func:`.coding_axes`, under l2 of the main mass alone if that finds more.

        A small cluster far from the others takes the first axes and most bits: codes then say little of all others.
        """
        of_all = coding_axes(vectors, direction, seed)
        near = main_mass(vectors) if self.metric is Metric.L2 else vectors
        if len(near) == len(vectors):
            return of_all
        of_near = coding_axes(near, direction, seed)
        near_quantizer, quantizer = (
            self.quantizer_type.choose(*axes, self.level_bytes, self._middle_gamma) for axes in (of_near, of_all)
        )
        return of_near if finds_more(near_quantizer, quantizer, vectors, self.metric, self.scale, seed) else of_all

    def parts(self) -> dict[str, np.ndarray]:
        """``mean`` (dim,), ``matrix`` (dim, 8 groups) applied as ``(x - mean) @ matrix``, ``bits`` (groups,) uint8 and
        ``spreads`` (groups,) of the groups, ``size_power`` (1,), ``factor_scale`` (4,); ``scale`` and ``gamma`` as they
        were chosen; with offsets their ``direction`` (dim,) and ``offset_range`` (2 or 3,)."""
        self._check_fitted()
        return dict(self.parts_)

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.parts_ = dict(parts)
        self._table = factor_table(parts["factor_scale"])
        steps = steps_of(self._table, self.level_bytes, self.dim)
        rest = dataclasses.replace(self._quantizer_of(parts), steps=steps)
        self.quantizer_: Quantizer | OffsetQuantizer = rest
        if "direction" in parts:
            self.quantizer_ = OffsetQuantizer(rest, parts["direction"], parts["offset_range"])
        self.rule_ = scales.RULES[int(parts["scale"][0])]

    def _quantizer_of(self, parts: dict[str, np.ndarray]) -> Quantizer:
        return Quantizer.of_parts(parts["mean"], parts)

    # --- codes -------------------------------------------------------------------------------------------

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        codes, factors = encode_scaled(self.quantizer_, self.rule_, vectors - self.quantizer_.mean)
        return np.concatenate([codes, factor_bytes(factors, self.parts_["factor_scale"])[:, None]], axis=1)

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        return self.quantizer_.vectors(codes[:, :-1], self._table[codes[:, -1]]) + self.quantizer_.mean

    def _searcher(self, codes: np.ndarray) -> Searcher:
        return LevelSearcher(self.dim, self.metric, self.quantizer_, codes, self._table)

    # --- validation --------------------------------------------------------------------------------------

    def _check_shape(self) -> None:
        super()._check_shape()
        check_integer("level_bytes", self.level_bytes, 1, MOST_BITS * group_count(self.dim))
        scales.check(self.scale, self.gamma)
        check_offset(self.offset, self.level_bytes)


def check_offset(offset: bool | None, room: int) -> None:
    """:class:`MethodError` for an ``offset`` that is none, or that leaves none of ``room`` bytes to levels."""
    if offset not in (None, True, False):
        raise MethodError(f"offset={offset!r} is neither true, false nor null; use one of them")
    if offset and room <= offset_size(room):
        raise MethodError(
            f"offset=true leaves nothing of level_bytes={room} for levels; use at least 2, or offset=null"
        )
