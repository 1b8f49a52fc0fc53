"""AutoSrh: pruning by gates of groups of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from methods.errors import MethodError
from methods.registry import register
from methods.tables.base import Fields, Stage, State, uniform
from methods.tables.pruning import Pruned

if TYPE_CHECKING:
    import torch

_GROUPS = 8


@register("auto_srh")
class AutoSrh(Pruned):
    """Rows of similar frequency share a gate for every dimension, learned on validation batches under an L1 penalty.

    Kong et al., AutoSrh: An Embedding Dimensionality Search Framework for Tabular Data Prediction, TKDE 2022. After
    the search, values times gates of the largest magnitude, as many as fit, are kept and fine-tuned.

    Parameters
    ----------
    rows, dim
        As for :class:`~methods.tables.base.TableMethod`.
    kept : int
        Values that are kept.
    l1 : float
        Penalty on the gates.
    """

    summary = "pruning by gates of frequency groups"
    source = "Kong et al., TKDE 2022"
    version = "2"  # 1: the pruned state was no candidate of fine-tuning
    searched = frozenset({"gates"})

    def __init__(self, rows: Sequence[int], dim: int, kept: int, *, l1: float = 0.001) -> None:
        super().__init__(rows, dim, kept)
        if not 0 <= l1 < float("inf"):
            raise MethodError(f"l1={l1} is out of range; use 0 or more")
        self.l1 = l1

    def stages(self) -> tuple[Stage, ...]:
        return Stage("train"), Stage("search", epochs=1, search=True), Stage("fine-tune")

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        group = np.empty(self.total, np.int64)
        order = np.argsort(-fields.frequencies, kind="stable")
        group[order] = np.arange(self.total) * _GROUPS // self.total
        weights = {"table": uniform(rng, self.total, self.dim), "gates": np.ones((_GROUPS, self.dim), np.float32)}
        return State(weights, {"group": group})

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        values = super().embed(t, rows, training)
        return values if "gates" not in t else values * t["gates"][t["group"][rows]]

    def penalty(self, t: dict[str, torch.Tensor], rows: torch.Tensor) -> torch.Tensor | None:
        return self.l1 * t["gates"].abs().sum() if "gates" in t else None

    def begin_stage(
        self, stage: Stage, state: State, fields: Fields, rng: np.random.Generator, judge: Callable[[State], float]
    ) -> State:
        if stage.name != "fine-tune":
            return state
        table = state.weights["table"] * state.weights["gates"][state.constants["group"]]
        mask = self._largest(np.abs(table))
        return State({"table": table * mask}, {"mask": mask})
