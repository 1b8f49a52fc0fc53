"""PEP: pruning by learned thresholds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from methods.registry import register
from methods.tables.base import Fields, Stage, State, uniform
from methods.tables.pruning import Pruned

if TYPE_CHECKING:
    import torch

_START = -6.0  # a threshold of 0.0025


@register("pep")
class PEP(Pruned):
    """Rows are read as sign(v) relu(|v| - sigmoid(s)) with a threshold s for each row, trained along.

    Liu et al., Learnable Embedding Sizes for Recommender Systems, ICLR 2021. The values furthest above their
    threshold, as many as fit, make the mask (the paper stops when a number is reached); they are then trained afresh
    from where they started, with the others at zero.
    """

    summary = "pruning by a learned threshold for every row, then retrained"
    source = "Liu et al., ICLR 2021"
    sparse = frozenset({"table", "thresholds"})

    def stages(self) -> tuple[Stage, ...]:
        return Stage("search", epochs=2), Stage("retrain", restart=True)

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        table = uniform(rng, self.total, self.dim)
        return State({"table": table, "thresholds": np.full((self.total, 1), _START, np.float32)}, {"start": table})

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        from torch.nn.functional import embedding

        values = super().embed(t, rows, training)
        if "thresholds" not in t:
            return values
        return values.sign() * (values.abs() - embedding(rows, t["thresholds"], sparse=True).sigmoid()).relu()

    def begin_stage(
        self, stage: Stage, state: State, fields: Fields, rng: np.random.Generator, judge: Callable[[State], float]
    ) -> State:
        if stage.name != "retrain":
            return state
        thresholds = 1 / (1 + np.exp(-state.weights["thresholds"]))
        mask = self._largest(np.abs(state.weights["table"]) - thresholds)
        return State({"table": state.constants["start"] * mask}, {"mask": mask})
