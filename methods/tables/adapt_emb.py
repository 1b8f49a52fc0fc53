"""Adaptive embedding: frequent rows have one of their own, the others share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.errors import MethodError
from methods.registry import register
from methods.tables.base import Fields, State, TableBudgetError, TableMethod, uniform
from methods.tables.bits import bitmap, bitmap_bytes, ranks

if TYPE_CHECKING:
    import torch


@register("adapt_emb")
class AdaptEmb(TableMethod):
    """The ``hot`` most frequent rows are private; row number x of the others reads shared row x mod ``shared``.

    "AdaptEmb" of Zhang et al., VLDB 2024. Instead of its remap table, private rows are stored in the order of their
    numbers: a flag a row with ranks says which it is, and is counted. ``shared_part`` of the stored rows are shared.

    Parameters
    ----------
    rows, dim
        As for :class:`~methods.tables.base.TableMethod`.
    hot, shared : int
        Private and shared rows.
    shared_part : float, of ``for_budget``
        Share of the stored rows that rare ids share.
    """

    family = "hashing"
    summary = "frequent rows private, the others hashed; flags counted"
    source = "as in Zhang et al., VLDB 2024"
    version = "2"  # 1: a remap table of 1 to 4 bytes a row
    sparse = frozenset({"table"})

    def __init__(self, rows: Sequence[int], dim: int, hot: int, shared: int) -> None:
        super().__init__(rows, dim)
        self.hot, self.shared = hot, shared

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int, *, shared_part: float = 0.3) -> dict[str, Any]:
        if not 0 < shared_part < 1:
            raise MethodError(f"shared_part={shared_part} is out of range; use a number between 0 and 1")
        least = cls(fields.rows, dim, 1, 1).planned_bytes
        if table_bytes < least:
            raise TableBudgetError(cls._label(), table_bytes, least)
        stored = (table_bytes - bitmap_bytes(fields.total)) // (4 * dim)
        hot = max(1, min(stored - max(1, int(shared_part * stored)), fields.total - 1))
        return {"hot": hot, "shared": max(1, min(stored, fields.total) - hot)}

    @property
    def planned_bytes(self) -> int:
        return bitmap_bytes(self.total) + 4 * self.dim * (self.hot + self.shared)

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        remap = np.zeros(self.total, np.int64)
        hot = np.argsort(-fields.frequencies, kind="stable")[: self.hot]
        remap[np.sort(hot)] = np.arange(1, self.hot + 1)
        return State({"table": uniform(rng, self.hot + self.shared, self.dim)}, {"remap": remap})

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        import torch
        from torch.nn.functional import embedding

        private = t["remap"][rows]
        return embedding(torch.where(private > 0, private - 1, self.hot + rows % self.shared), t["table"], sparse=True)

    def compress(self, state: State) -> dict[str, np.ndarray]:
        words, before = bitmap(state.constants["remap"] > 0)
        return {"table": state.weights["table"], "hot": words, "hot_before": before}

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        hot, private = ranks(arrays["hot"], arrays["hot_before"], rows)
        return arrays["table"][np.where(hot, private, self.hot + rows % self.shared)]
