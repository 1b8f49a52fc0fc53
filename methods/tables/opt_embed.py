"""OptEmbed: which rows to keep and how wide each field is, by evolution over a supernet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.registry import register
from methods.tables.base import Fields, Stage, State, TableBudgetError, uniform
from methods.tables.bits import smallest_unsigned
from methods.tables.full import DenseTable

if TYPE_CHECKING:
    import torch

_POPULATION, _GENERATIONS, _PARENTS = 10, 3, 4
_INDEX_BYTES = 4  # of a kept row's number


@register("opt_embed")
class OptEmbed(DenseTable):
    """A supernet is trained with a random prefix of each field's row; evolution on validation AUC picks the widths.

    Lyu et al., OptEmbed: Learning Optimal Embedding Table for Click-through Rate Prediction, CIKM 2022. Instead of
    its learned threshold, rows of the largest L1 norm are kept, as many as fit with the widths of a candidate: so
    every candidate meets the budget, which the paper ignores. The rest reads zeros. Kept rows are then trained
    afresh. Stored are the kept rows' numbers and values.
    """

    family = "pruning"
    summary = "rows kept by norm, widths by evolution, then retrained"
    source = "Lyu et al., CIKM 2022"
    version = "2"  # 1: widths of 256 and more were stored as a byte

    def __init__(self, rows: Sequence[int], dim: int, budget: int) -> None:
        super().__init__(rows, dim)
        self.budget = budget

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int) -> dict[str, Any]:
        least = smallest_unsigned(dim).itemsize * len(fields.rows) + _INDEX_BYTES + 4 * dim
        if table_bytes < least:
            raise TableBudgetError(cls._label(), table_bytes, least)
        return {"budget": table_bytes}

    @property
    def planned_bytes(self) -> int:
        return self.budget

    def stages(self) -> tuple[Stage, ...]:
        return Stage("supernet", epochs=2), Stage("retrain", restart=True)

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        widths = np.full(len(self.rows), self.dim, np.int64)
        constants = {"kept": np.ones(self.total, bool), "widths": widths, "supernet": np.ones(1, bool)}
        return State({"table": uniform(rng, self.total, self.dim)}, constants)

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        import torch

        widths = t["widths"]
        if training and "supernet" in t:
            widths = torch.randint(1, self.dim + 1, widths.shape, device=widths.device)
        prefix = torch.arange(self.dim, device=rows.device) < widths[:, None]
        return super().embed(t, rows, training) * (prefix & t["kept"][rows][..., None])

    def begin_stage(
        self, stage: Stage, state: State, fields: Fields, rng: np.random.Generator, judge: Callable[[State], float]
    ) -> State:
        if stage.name != "retrain":
            return state
        order = np.argsort(-np.abs(state.weights["table"]).sum(axis=1), kind="stable")

        def masked(widths: np.ndarray) -> State:
            return State(state.weights, {"kept": self._fitting(widths, order), "widths": widths})

        best = self._evolve(lambda widths: judge(masked(widths)), rng)
        return State({"table": uniform(rng, self.total, self.dim)}, masked(best).constants)

    def _evolve(self, value: Callable[[np.ndarray], float], rng: np.random.Generator) -> np.ndarray:
        """The best widths (fields,) int64 that were seen."""
        fields, seen = len(self.rows), {}
        population = [np.full(fields, width) for width in (self.dim, -(-self.dim // 2), -(-self.dim // 4))]
        population += [rng.integers(1, self.dim + 1, fields) for _ in range(_POPULATION - len(population))]
        for _ in range(_GENERATIONS):
            for widths in population:
                if (key := tuple(widths.tolist())) not in seen:
                    seen[key] = value(widths.astype(np.int64))
            parents = [np.array(key) for key in sorted(seen, key=lambda key: -seen[key])[:_PARENTS]]
            population = [self._child(parents, rng) for _ in range(_POPULATION)]
        return np.array(max(seen, key=lambda key: seen[key]), np.int64)

    def _child(self, parents: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
        """A mix of two parents in which some widths are drawn anew."""
        first, second = (parents[place] for place in rng.integers(len(parents), size=2))
        child = np.where(rng.random(len(first)) < 0.5, first, second)
        return np.where(rng.random(len(first)) < 0.2, rng.integers(1, self.dim + 1, len(first)), child)

    def _fitting(self, widths: np.ndarray, order: np.ndarray) -> np.ndarray:
        """Mask (total,) of the first rows of ``order`` that fit the budget at these widths."""
        costs = (_INDEX_BYTES + 4 * widths)[self.field_of_rows()[order]]
        kept = np.zeros(self.total, bool)
        left = self.budget - smallest_unsigned(self.dim).itemsize * len(self.rows)
        kept[order[np.cumsum(costs) <= left]] = True
        return kept

    def compress(self, state: State) -> dict[str, np.ndarray]:
        kept = np.flatnonzero(state.constants["kept"])
        widths = state.constants["widths"]
        prefix = np.arange(self.dim) < widths[self.field_of_rows()[kept]][:, None]
        values = state.weights["table"][kept][prefix]
        return {"rows": kept.astype(np.uint32), "values": values, "widths": widths.astype(smallest_unsigned(self.dim))}

    def ready(self, arrays: dict[str, np.ndarray]) -> Any:
        first = np.searchsorted(arrays["rows"], np.append(self.offsets, self.total))
        widths = arrays["widths"].astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(np.diff(first) * widths)[:-1]])
        return arrays | {"first": first[:-1], "starts": starts}

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        stored, widths = arrays["rows"], arrays["widths"].astype(np.int64)
        vectors = np.zeros((*rows.shape, self.dim), np.float32)
        if not len(stored):
            return vectors
        place = np.minimum(np.searchsorted(stored, rows), len(stored) - 1)
        column = np.arange(self.dim)
        there = (stored[place] == rows)[..., None] & (column < widths[:, None])
        position = (arrays["starts"] + (place - arrays["first"]) * widths)[..., None] + column
        vectors[there] = arrays["values"][position[there]]
        return vectors
