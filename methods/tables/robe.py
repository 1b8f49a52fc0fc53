"""ROBE: blocks of one hashed array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.registry import register
from methods.tables import hashing
from methods.tables.base import Fields, State, TableBudgetError, TableMethod, uniform

if TYPE_CHECKING:
    import torch


@register("robe")
class Robe(TableMethod):
    """One array of ``size`` numbers for all fields; a row is the block of ``dim`` of them that starts where its number
    hashes to, wrapped around, times a sign from a second hash.

    Desai et al., Random Offset Block Embedding (ROBE), MLSys 2022, with blocks as long as a row.
    """

    family = "hashing"
    summary = "one array, a row is a block at a hashed place"
    source = "Desai et al., MLSys 2022"

    def __init__(self, rows: Sequence[int], dim: int, size: int) -> None:
        super().__init__(rows, dim)
        self.size = size

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int) -> dict[str, Any]:
        least = cls(fields.rows, dim, dim).planned_bytes
        if table_bytes < least:
            raise TableBudgetError(cls._label(), table_bytes, least)
        return {"size": dim + (table_bytes - least) // 4}

    @property
    def planned_bytes(self) -> int:
        return 4 * self.size + 32

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        return State({"array": uniform(rng, self.size)}, {"functions": hashing.draw(rng, 2)})

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        import torch

        starts = hashing.buckets(t["functions"][:, 0], rows, self.size)
        signs = 1 - 2 * hashing.buckets(t["functions"][:, 1], rows, 2)
        places = (starts[..., None] + torch.arange(self.dim, device=rows.device)) % self.size
        return t["array"].index_select(0, places.flatten()).view(places.shape) * signs[..., None]

    def compress(self, state: State) -> dict[str, np.ndarray]:
        return {"array": state.weights["array"], "functions": state.constants["functions"]}

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        functions = arrays["functions"]
        starts = hashing.buckets(functions[:, 0], rows, self.size)
        signs = (1 - 2 * hashing.buckets(functions[:, 1], rows, 2)).astype(np.float32)
        return arrays["array"][(starts[..., None] + np.arange(self.dim)) % self.size] * signs[..., None]
