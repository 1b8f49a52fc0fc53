"""A narrower table, widened by one projection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.registry import register
from methods.tables.base import Fields, State, TableBudgetError, TableMethod, uniform

if TYPE_CHECKING:
    import torch


@register("low_dim")
class LowDim(TableMethod):
    """Every row has ``width`` values, the most that fit; a (width, dim) projection, counted, widens them."""

    family = "dimension"
    summary = "fewer dimensions for every row, one projection"
    source = "baseline of Zhang et al., VLDB 2024"
    sparse = frozenset({"table"})

    def __init__(self, rows: Sequence[int], dim: int, width: int) -> None:
        super().__init__(rows, dim)
        self.width = width

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int) -> dict[str, Any]:
        column = 4 * (fields.total + dim)
        if (width := min(dim, table_bytes // column)) < 1:
            raise TableBudgetError(cls._label(), table_bytes, column)
        return {"width": width}

    @property
    def planned_bytes(self) -> int:
        return 4 * self.width * (self.total + self.dim)

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        projection = uniform(rng, self.width, self.dim, bound=(3 / self.width) ** 0.5)
        return State({"table": uniform(rng, self.total, self.width), "projection": projection})

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        from torch.nn.functional import embedding

        return embedding(rows, t["table"], sparse=True) @ t["projection"]

    def compress(self, state: State) -> dict[str, np.ndarray]:
        return dict(state.weights)

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        return arrays["table"][rows] @ arrays["projection"]
