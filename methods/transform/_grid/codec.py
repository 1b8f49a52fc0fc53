"""What ``saq``, ``mrq`` and ``ash`` share: rotated axes in segments, symbols on a grid, factors and an offset."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np

from methods.base import Codec, Metric, Searcher
from methods.encoding.factor_byte import factor_bytes, factor_scale, factor_table
from methods.encoding.offset import mean_weights
from methods.errors import BudgetError
from methods.kernels.encoding.grid import OFFSET_BYTES, encode_grid
from methods.kernels.simd.unpack_symbols import GROUP
from methods.parameters import check_integer
from methods.transform._grid.quantizer import MOST_BITS, GridQuantizer, Plan
from methods.transform._grid.search import GridSearcher

__all__ = ["GridCodec"]

_SAMPLE = 20_000  # training vectors from which the scales of factors and offsets follow
_ROWS = 4096  # vectors mapped at a time in float64
_TYPICAL = 68  # percent of offsets that are within one unit of their median
_HALF_RANGE = 60_000  # a little less than the largest float16


class GridCodec(Codec):
    """Base of codecs ``[offset: float16] [a byte of factor a segment] [symbols] [zeros up to the budget]``.

    The estimate of ``<q, x - mean>`` is ``<q', factor * levels>`` for the rotated query q'. What is exact in a score is
    in the offset: under l2 the norm of the centered vector; under ip the centered vector's product with the mean, less
    that of its levels (:attr:`corrects_mean`), which counts ``<q, mean> / <mean, mean>`` times: the estimate is exact
    along the mean for every query, and its order does not depend on the query's length.

    Parameters
    ----------
    dim, metric
        As for :class:`~methods.base.Codec`.
    code_bytes : int
        Bytes of a code.

    Notes
    -----
    Subclasses say how axes, segments and bits are found (:meth:`_plan`), and by class attributes what follows:
    ``tries`` and ``rounds`` of :func:`~methods.kernels.encoding.grid.encode_grid`, the ``rule`` of the factor:
    ``unbiased`` |y|^2 / <y, h> or ``renormalized`` |y| / |h|, with |y| of the whole centered vector where there is one
    segment.
    """

    # 1: a factor's byte divided its whole range evenly; 2: offsets counted once whatever the query, and not in decoded
    # vectors; their unit, and the axes, followed outliers
    version = "3"
    estimator = True
    serves_sets = True
    smallest: ClassVar[int] = OFFSET_BYTES + 2
    tries: ClassVar[int] = 1
    rounds: ClassVar[int] = 6
    rule: ClassVar[str] = "unbiased"
    corrects_mean: ClassVar[bool] = True

    def __init__(self, dim: int, metric: Metric = Metric.IP, code_bytes: int = smallest) -> None:
        self.code_bytes = code_bytes
        super().__init__(dim, metric)

    @abstractmethod
    def _plan(self, vectors: np.ndarray, seed: int) -> Plan:
        """Axes, segments and bits whose symbols and factors fit the code."""

    @classmethod
    def _sized(cls, dim: int, code_bytes: int, metric: Metric) -> dict[str, Any]:
        """All bytes for symbols but those of factors and offset, as far as 8 bits a dimension in one segment go."""
        if code_bytes < cls.smallest:
            raise BudgetError(cls.name, code_bytes, cls.smallest)
        return {"code_bytes": min(code_bytes, cls.largest(dim))}

    @classmethod
    def largest(cls, dim: int) -> int:
        """Bytes of a code with 8 bits for every dimension."""
        return OFFSET_BYTES + 1 + MOST_BITS * -(-dim // GROUP)

    @property
    def code_size(self) -> int:
        return self.code_bytes

    # --- fitted state ------------------------------------------------------------------------------------

    def _fit(self, vectors: np.ndarray, seed: int) -> None:
        plan = self._plan(vectors, seed)
        sample = vectors[np.random.default_rng(seed).permutation(len(vectors))[:_SAMPLE]]
        factors, offsets = self._measure(plan, sample)[1:]
        parts = {
            "mean": plan.mean,
            "matrix": plan.matrix,
            "ends": plan.ends.astype(np.int32),
            "bits": plan.bits.astype(np.uint8),
            "factor_scales": np.stack([factor_scale(column) for column in factors.T]),
            "offset_range": self._offset_range(plan, offsets, vectors),
        }
        self._load_parts(parts)

    def _offset_range(self, plan: Plan, offsets: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """The median (of a sample's ``offsets``) and their unit, (2,) float32.

        The unit is the typical distance from the median, whatever outliers do; but under l2, where an offset that is
        cut off would bring a far vector near, the largest one of all vectors must fit a float16.
        """
        middle = float(np.median(offsets))
        distances = np.abs(offsets - middle)
        largest = float(distances.max())
        if self.metric is Metric.L2:
            blocks = [vectors[at : at + _ROWS].astype(np.float64) - plan.mean for at in range(0, len(vectors), _ROWS)]
            largest = max(largest, max(float(np.einsum("ij,ij->i", block, block).max()) for block in blocks) / 2)
        unit = max(float(np.percentile(distances, _TYPICAL)), largest / _HALF_RANGE)
        return np.array([middle, unit or 1.0], np.float32)

    def parts(self) -> dict[str, np.ndarray]:
        """``mean`` (dim,); ``matrix`` (dim, width), applied as ``(x - mean) @ matrix``; of segments ``ends``, ``bits``
        (segments,) and ``factor_scales`` (segments, 4); ``offset_range`` (2,): the middle of offsets, and their unit.
        """
        self._check_fitted()
        return dict(self.parts_)

    def _load_parts(self, parts: dict[str, np.ndarray]) -> None:
        self.parts_ = dict(parts)
        self.plan_ = Plan(
            parts["mean"], parts["matrix"], parts["ends"].astype(np.int64), parts["bits"].astype(np.int64)
        )
        tables = np.stack([factor_table(scale) for scale in parts["factor_scales"]])
        self.quantizer_ = GridQuantizer(self.plan_, tables, parts["offset_range"])

    # --- codes -------------------------------------------------------------------------------------------

    def _measure(self, plan: Plan, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Symbols (n, bytes) uint8, factors (n, segments) float32 and offsets (n,) float64 of vectors."""
        centered = vectors.astype(np.float64) - plan.mean
        # In float64 and then rounded: a product of float32 matrices changes in the last bit with the number of rows.
        matrix = plan.matrix.astype(np.float64)
        blocks = [centered[at : at + _ROWS] @ matrix for at in range(0, len(centered), _ROWS)]
        values = np.concatenate(blocks or [np.empty((0, matrix.shape[1]))]).astype(np.float32)
        symbols = np.empty((len(values), plan.symbol_bytes), np.uint8)
        products = np.empty((len(values), len(plan.ends), 3))
        encode_grid(values, plan.ends, plan.bits, self.tries, self.rounds, symbols, products)
        squares = np.einsum("ij,ij->i", centered, centered)
        return symbols, self._factors(products, squares), self._offsets(plan, centered, squares)

    def _factors(self, products: np.ndarray, squares: np.ndarray) -> np.ndarray:
        own, cross, levels = (products[..., which] for which in range(3))
        if self.rule == "unbiased":
            over, under = own * (cross > 1e-3 * np.sqrt(own * levels)), cross
        else:
            over, under = np.sqrt(squares)[:, None] * (own > 0), np.sqrt(levels)
        return np.divide(over, under, out=np.zeros_like(own), where=under > 0).astype(np.float32)

    def _offsets(self, plan: Plan, centered: np.ndarray, squares: np.ndarray) -> np.ndarray:
        if self.metric is Metric.L2:
            return -squares / 2
        return centered @ plan.mean.astype(np.float64) if self.corrects_mean else np.zeros(len(centered))

    def _encode(self, vectors: np.ndarray) -> np.ndarray:
        plan, scales = self.plan_, self.parts_["factor_scales"]
        symbols, factors, offsets = self._measure(plan, vectors)
        bytes_each = np.stack([factor_bytes(factors[:, s], scales[s]) for s in range(len(scales))], axis=1)
        codes = np.zeros((len(vectors), self.code_size), np.uint8)
        header = OFFSET_BYTES + len(scales)
        codes[:, OFFSET_BYTES:header], codes[:, header : header + plan.symbol_bytes] = bytes_each, symbols
        if self.metric is not Metric.L2 and self.corrects_mean:
            offsets = offsets - self.quantizer_.values(codes).astype(np.float64) @ self._rotated_mean()
        middle, unit = self.parts_["offset_range"]
        stored = np.clip((offsets - middle) / unit, -65504, 65504).astype(np.float16)
        codes[:, :OFFSET_BYTES] = stored[:, None].view(np.uint8)
        return codes

    def _rotated_mean(self) -> np.ndarray:
        return (self.plan_.mean @ self.plan_.matrix).astype(np.float64)

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        decoded = self.quantizer_.values(codes) @ self.plan_.matrix.T + self.plan_.mean
        if self.metric is not Metric.L2:
            decoded += self.quantizer_.offsets(codes)[:, None] * mean_weights(self.plan_.mean)
        return decoded

    def _searcher(self, codes: np.ndarray) -> Searcher:
        return GridSearcher(self.quantizer_, self.metric, codes)

    # --- validation --------------------------------------------------------------------------------------

    def _check_shape(self) -> None:
        super()._check_shape()
        self.code_bytes = check_integer("code_bytes", self.code_bytes, self.smallest, self.largest(self.dim))
