"""Tables of integers, trained with stochastic rounding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from methods.errors import MethodError
from methods.registry import register
from methods.tables.base import Fields, Stage, State
from methods.tables.full import DenseTable

if TYPE_CHECKING:
    import torch


class IntegerTable(DenseTable):
    """Values are multiples of one scale; after each step the rows just changed are rounded up or down at random.

    The chance is that of an unbiased rounding, with noise of its own for every element (a public kernel reuses one
    noise along a row). Zhang et al., VLDB 2024, section 3.2; Gupta et al., Deep Learning with Limited Numerical
    Precision, ICML 2015.

    Parameters
    ----------
    rows, dim
        As for :class:`~methods.tables.base.TableMethod`.
    reach : float
        The largest value: wide of the initialization (0.02), since trained rows grow.
    """

    family = "quantization"
    source = "Gupta et al., ICML 2015"
    bits: ClassVar[int]

    def __init__(self, rows: Sequence[int], dim: int, *, reach: float = 0.5) -> None:
        super().__init__(rows, dim)
        if not 0 < reach < float("inf"):
            raise MethodError(f"reach={reach} is out of range; use a number above 0")
        self.reach = float(reach)

    @property
    def _largest(self) -> int:
        return (1 << (self.bits - 1)) - 1

    @property
    def planned_bytes(self) -> int:
        return self.total * self.dim * self.bits // 8

    @property
    def scale(self) -> np.float32:
        """What a stored integer is multiplied by; a parameter, so that it is not stored."""
        return np.float32(self.reach / self._largest)

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        table = np.round(super().initialize(fields, rng).weights["table"] / self.scale) * self.scale
        return State({"table": table.astype(np.float32)})

    def after_step(self, t: dict[str, torch.Tensor], rows: torch.Tensor, step: int, stage: Stage) -> None:
        import torch

        touched, scale = torch.unique(rows), float(self.scale)
        steps = t["table"].index_select(0, touched) / scale
        rounded = torch.floor(steps + torch.rand_like(steps)).clamp_(-self._largest, self._largest)
        t["table"].index_copy_(0, touched, rounded * scale)

    def compress(self, state: State) -> dict[str, np.ndarray]:
        return {"codes": np.round(state.weights["table"] / self.scale).astype(np.int8 if self.bits == 8 else np.int16)}

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        return arrays["codes"][rows] * self.scale


@register("int8_table")
class Int8Table(IntegerTable):
    """8-bit integers."""

    summary = "8-bit integers, stochastic rounding in training"
    bits = 8


@register("int16_table")
class Int16Table(IntegerTable):
    """16-bit integers."""

    summary = "16-bit integers, stochastic rounding in training"
    bits = 16

    def __init__(self, rows: Sequence[int], dim: int, *, reach: float = 2.0) -> None:
        super().__init__(rows, dim, reach=reach)
