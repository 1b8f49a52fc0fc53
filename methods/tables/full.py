"""The table itself, in float32: the baseline of compressed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from methods.registry import register
from methods.tables.base import Fields, State, TableMethod, uniform

if TYPE_CHECKING:
    import torch


class DenseTable(TableMethod):
    """A float32 row for every id while it is trained; what is stored is up to the method."""

    sparse = frozenset({"table"})

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        return State({"table": uniform(rng, self.total, self.dim)})

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        from torch.nn.functional import embedding

        return embedding(rows, t["table"], sparse=True)


@register("full")
class Full(DenseTable):
    """One float32 row for every id."""

    family = "identity"
    summary = "uncompressed table, a float32 row for every id"
    source = "-"

    @property
    def planned_bytes(self) -> int:
        return 4 * self.total * self.dim

    def compress(self, state: State) -> dict[str, np.ndarray]:
        return {"table": state.weights["table"]}

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        return arrays["table"][rows]
