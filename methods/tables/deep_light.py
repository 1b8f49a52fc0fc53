"""DeepLight: magnitude pruning with regrowth."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from methods.registry import register
from methods.tables.base import Fields, Stage, State
from methods.tables.pruning import Pruned

if TYPE_CHECKING:
    import torch

_EVERY = 10  # steps between two prunings
_DAMPING = 0.99
_SAMPLE = 200_000  # values by which a threshold is found


@register("deep_light")
class DeepLight(Pruned):
    """Pruned to the budget bit by bit while it is trained: every 10 steps the smallest values become zero.

    Deng et al., DeepLight: Deep Lightweight Feature Interactions for Accelerating CTR Predictions in Ad Serving, WSDM
    2021. The share pruned at step t is p (1 - 0.99^t), where the authors' code has t / 100 for the t here: its epochs
    have a hundred times more steps. What was pruned may grow again until the last stage, which trains what is left.
    """

    summary = "magnitude pruning with regrowth"
    source = "Deng et al., WSDM 2021"
    version = "2"  # 1: trained to the end before pruning; the pruned state was no candidate of fine-tuning

    def stages(self) -> tuple[Stage, ...]:
        return Stage("prune", epochs=2), Stage("fine-tune")

    def begin_stage(
        self, stage: Stage, state: State, fields: Fields, rng: np.random.Generator, judge: Callable[[State], float]
    ) -> State:
        if stage.name != "fine-tune":
            return state
        table = state.weights["table"]
        mask = self._largest(np.abs(table))
        return State({"table": table * mask}, {"mask": mask})

    def after_step(self, t: dict[str, torch.Tensor], rows: torch.Tensor, step: int, stage: Stage) -> None:
        super().after_step(t, rows, step, stage)
        if stage.name == "prune" and step % _EVERY == 0:
            table = t["table"]
            share = (1 - self.kept / table.numel()) * (1 - _DAMPING**step)
            sampled = table.flatten()[:: max(1, table.numel() // _SAMPLE)].abs()
            table.mul_(table.abs() >= sampled.kthvalue(max(1, int(share * len(sampled)))).values)
