"""Feature multiplexing: one table for all fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.errors import MethodError
from methods.parameters import check_integer
from methods.registry import register
from methods.tables import hashing
from methods.tables.base import Fields, State, TableBudgetError, TableMethod, uniform

if TYPE_CHECKING:
    import torch


@register("feature_multiplexing")
class FeatureMultiplexing(TableMethod):
    """All fields share one table of rows of ``dim / lookups``; an id reads ``lookups`` of them, concatenated.

    Coleman et al., Unified Embedding, NeurIPS 2023, section 3: each pair of a field and a chunk has a hash function
    of its own, so that ids of different fields collide in parts only.

    Parameters
    ----------
    rows, dim
        As for :class:`~methods.tables.base.TableMethod`.
    kept : int
        Rows of the table.
    lookups : int
        Chunks of a row, each with a hash function of its own.
    """

    family = "hashing"
    summary = "one table for all fields, several salted lookups concatenated"
    source = "Coleman et al., NeurIPS 2023"
    sparse = frozenset({"table"})

    def __init__(self, rows: Sequence[int], dim: int, kept: int, *, lookups: int = 2) -> None:
        super().__init__(rows, dim)
        self.kept, self.lookups = kept, lookups

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int, *, lookups: int) -> dict[str, Any]:
        check_integer("lookups", lookups, 1, dim)
        if dim % lookups:
            raise MethodError(f"lookups={lookups} does not divide dim={dim}; use a divisor")
        least = cls(fields.rows, dim, 1, lookups=lookups).planned_bytes
        if table_bytes < least:
            raise TableBudgetError(cls._label(), table_bytes, least)
        return {"kept": 1 + (table_bytes - least) // (4 * dim // lookups)}

    @property
    def planned_bytes(self) -> int:
        return 4 * self.kept * (self.dim // self.lookups) + 16 * len(self.rows) * self.lookups

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        functions = hashing.draw(rng, len(self.rows), self.lookups)
        constants = {"functions": functions, "offsets": self.offsets}
        return State({"table": uniform(rng, self.kept, self.dim // self.lookups)}, constants)

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        from torch.nn.functional import embedding

        ids = (rows - t["offsets"])[..., None]
        chunks = embedding(hashing.buckets(t["functions"], ids, self.kept), t["table"], sparse=True)
        return chunks.flatten(2)

    def compress(self, state: State) -> dict[str, np.ndarray]:
        return {"table": state.weights["table"], "functions": state.constants["functions"]}

    def ready(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return arrays | {"offsets": self.offsets}

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        ids = (rows - arrays["offsets"])[..., None]
        chunks = arrays["table"][hashing.buckets(arrays["functions"], ids, self.kept)]
        return chunks.reshape(*rows.shape, self.dim)
