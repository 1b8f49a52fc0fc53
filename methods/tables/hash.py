"""Hashing trick: fewer rows than ids, an id's row is its remainder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.registry import register
from methods.tables.base import Fields, State, TableBudgetError, TableMethod, uniform

if TYPE_CHECKING:
    import torch


@register("hash")
class Hash(TableMethod):
    """Each field has a table of its own with ``kept[f]`` rows; id i reads row i mod kept[f].

    The budget is shared between fields in proportion to their rows, at least one row each. Weinberger et al.,
    Feature Hashing for Large Scale Multitask Learning, ICML 2009.
    """

    family = "hashing"
    summary = "modulo hashing, a smaller table for each field"
    source = "Weinberger et al., ICML 2009"
    sparse = frozenset({"table"})

    def __init__(self, rows: Sequence[int], dim: int, kept: Sequence[int]) -> None:
        super().__init__(rows, dim)
        self.kept = [int(count) for count in kept]

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int) -> dict[str, Any]:
        least = 4 * dim * len(fields.rows)
        if table_bytes < least:
            raise TableBudgetError(cls._label(), table_bytes, least)
        return {"kept": proportional(fields.rows, table_bytes // (4 * dim))}

    @property
    def planned_bytes(self) -> int:
        return 4 * self.dim * sum(self.kept)

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        return State({"table": uniform(rng, sum(self.kept), self.dim)}, {"places": self._places()})

    def _places(self) -> np.ndarray:
        """(3, fields) int64: first row number, stored rows and the first of them, of each field."""
        starts = np.concatenate([[0], np.cumsum(self.kept)[:-1]])
        return np.stack([self.offsets, self.kept, starts]).astype(np.int64)

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        from torch.nn.functional import embedding

        offsets, kept, starts = t["places"]
        return embedding((rows - offsets) % kept + starts, t["table"], sparse=True)

    def compress(self, state: State) -> dict[str, np.ndarray]:
        return {"table": state.weights["table"]}

    def ready(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return arrays | {"places": self._places()}

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        offsets, kept, starts = arrays["places"]
        return arrays["table"][(rows - offsets) % kept + starts]


def proportional(rows: Sequence[int], total: int) -> list[int]:
    """``total`` rows shared between fields in proportion to ``rows``: 1 to ``rows[f]`` each, as many as fit."""
    kept = np.minimum(rows, np.maximum(1, (np.asarray(rows, np.int64) * total) // sum(rows)))
    while (over := int(kept.sum()) - total) > 0:  # the small fields took their one row from the largest
        largest = int(kept.argmax())
        kept[largest] -= max(1, min(over, kept[largest] // 2))
    return [int(count) for count in kept]
