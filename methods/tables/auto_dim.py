"""AutoDim: the width of each field is searched, then the table is trained again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.registry import register
from methods.tables.base import Fields, Stage, State, TableBudgetError, uniform
from methods.tables.mixed_dim import MixedDim, mixed_bytes

if TYPE_CHECKING:
    import torch


@register("auto_dim")
class AutoDim(MixedDim):
    """Gates over candidate widths {1, 2, 4, .., dim} of each field, trained on validation batches; then a retraining.

    Zhao et al., AutoDim: Field-aware Embedding Dimension Search in Recommender Systems, WWW 2021. A candidate is a
    prefix of the row, drawn by Gumbel-softmax. The paper takes each field's largest gate and ignores a budget; here
    all fields start at width 1 and the step to the next width with the most gate a byte is taken as long as one fits.
    """

    summary = "width of each field by learned gates, then retrained"
    source = "Zhao et al., WWW 2021"
    sparse = MixedDim.sparse | {"table"}
    searched = frozenset({"gates"})

    def __init__(self, rows: Sequence[int], dim: int, budget: int) -> None:
        super().__init__(rows, dim)
        self.budget = budget

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int) -> dict[str, Any]:
        least = mixed_bytes(fields.rows, [1] * len(fields.rows), dim)
        if least > table_bytes:
            raise TableBudgetError(cls._label(), table_bytes, least)
        return {"budget": table_bytes}

    @property
    def planned_bytes(self) -> int:
        return self.budget

    @property
    def candidates(self) -> list[int]:
        """Widths to choose from: powers of two below ``dim``, and ``dim``."""
        return [*(1 << power for power in range((self.dim - 1).bit_length())), self.dim]

    def stages(self) -> tuple[Stage, ...]:
        return Stage("search", epochs=1, search=True), Stage("retrain", restart=True)

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        gates = np.zeros((len(self.rows), len(self.candidates)), np.float32)
        prefixes = np.arange(self.dim) < np.array(self.candidates)[:, None]
        weights = {"table": uniform(rng, self.total, self.dim), "gates": gates}
        return State(weights, {"prefixes": prefixes.astype(np.float32)})

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        import torch
        from torch.nn.functional import embedding, gumbel_softmax

        if "gates" not in t:
            return super().embed(t, rows, training)
        shares = gumbel_softmax(t["gates"], tau=0.5) if training else torch.softmax(t["gates"], dim=1)
        return embedding(rows, t["table"], sparse=True) * (shares @ t["prefixes"])

    def begin_stage(
        self, stage: Stage, state: State, fields: Fields, rng: np.random.Generator, judge: Callable[[State], float]
    ) -> State:
        return state if stage.search else self._fresh(self.choose(state.weights["gates"]), rng)

    def choose(self, gates: np.ndarray) -> list[int]:
        """A width for each field, within the budget, from gates (fields, candidates)."""
        shares = np.exp(gates - gates.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        wanted = np.cumsum(shares[:, ::-1], axis=1)[:, ::-1]  # how sure a field is to need this width or more
        level = [0] * len(self.rows)
        while True:
            steps = []
            size = self._size(level)
            for f in range(len(level)):
                if level[f] + 1 < len(self.candidates):
                    after = [*level[:f], level[f] + 1, *level[f + 1 :]]
                    if (larger := self._size(after)) <= self.budget:
                        steps.append((wanted[f, level[f] + 1] / max(1, larger - size), f, after))
            if not steps:
                return [self.candidates[one] for one in level]
            level = max(steps, key=lambda step: (step[0], -step[1]))[2]

    def _size(self, level: Sequence[int]) -> int:
        return mixed_bytes(self.rows, [self.candidates[one] for one in level], self.dim)
