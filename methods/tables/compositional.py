"""Compositional embeddings by quotient and remainder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.registry import register
from methods.tables.base import INIT_BOUND, Fields, State, TableBudgetError, TableMethod, uniform

if TYPE_CHECKING:
    import torch


@register("compositional")
class Compositional(TableMethod):
    """A row is the product of row ``id // collisions`` of one table and row ``id % collisions`` of another.

    Shi et al., Compositional Embeddings Using Complementary Partitions, KDD 2020, section 3. All fields have one
    ``collisions``, the least that fits; a field whose two tables would be no smaller keeps a row for each id.
    """

    family = "hashing"
    summary = "product of a quotient row and a remainder row"
    source = "Shi et al., KDD 2020"
    sparse = frozenset({"table"})

    def __init__(self, rows: Sequence[int], dim: int, collisions: int) -> None:
        super().__init__(rows, dim)
        self.collisions = collisions

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int) -> dict[str, Any]:
        counts = np.asarray(fields.rows, np.int64)
        tried = np.arange(1, int(counts.max() ** 0.5) + 2)[:, None]
        sizes = 4 * dim * np.where(_divided(counts, tried), -(-counts // tried) + tried, counts).sum(axis=1)
        fitting = np.flatnonzero(sizes <= table_bytes)
        if not len(fitting):
            raise TableBudgetError(cls._label(), table_bytes, int(sizes.min()))
        return {"collisions": int(tried[fitting[0], 0])}

    def _places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Of each field: divisor (1 if whole), whether divided, first quotient row, first remainder row."""
        counts = np.asarray(self.rows, np.int64)
        divided = _divided(counts, self.collisions)
        divisors = np.where(divided, self.collisions, 1)
        quotients = -(-counts // divisors)
        ends = np.cumsum(quotients + np.where(divided, self.collisions, 0))
        starts = np.concatenate([[0], ends[:-1]])
        return divisors, divided, starts, np.where(divided, starts + quotients, starts)

    @property
    def _size(self) -> int:
        divisors, divided, _, _ = self._places()
        return int((-(-np.asarray(self.rows) // divisors) + np.where(divided, self.collisions, 0)).sum())

    @property
    def planned_bytes(self) -> int:
        return 4 * self.dim * self._size

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        bound = (3 * INIT_BOUND**2) ** 0.25  # the product has the variance of a plain row
        return State({"table": uniform(rng, self._size, self.dim, bound=bound)}, self._constants())

    def _constants(self) -> dict[str, np.ndarray]:
        divisors, divided, quotient, remainder = self._places()
        places = np.stack([self.offsets, divisors, quotient, remainder]).astype(np.int64)
        return {"places": places, "divided": divided}

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        import torch
        from torch.nn.functional import embedding

        offsets, divisors, quotient, remainder = t["places"]
        ids = rows - offsets
        first = embedding(torch.div(ids, divisors, rounding_mode="floor") + quotient, t["table"], sparse=True)
        second = embedding(ids % divisors + remainder, t["table"], sparse=True)
        return torch.where(t["divided"][:, None], first * second, first)

    def compress(self, state: State) -> dict[str, np.ndarray]:
        return {"table": state.weights["table"]}

    def ready(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return arrays | self._constants()

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        offsets, divisors, quotient, remainder = arrays["places"]
        ids = rows - offsets
        first = arrays["table"][ids // divisors + quotient]
        return np.where(arrays["divided"][:, None], first * arrays["table"][ids % divisors + remainder], first)


def _divided(counts: np.ndarray, collisions: int | np.ndarray) -> np.ndarray:
    """Whether two tables are smaller than one."""
    return (np.asarray(collisions) > 1) & (-(-counts // collisions) + collisions < counts)
