"""Tables whose fields have widths of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.errors import MethodError
from methods.registry import register
from methods.tables.base import Fields, State, TableBudgetError, TableMethod, uniform

if TYPE_CHECKING:
    import torch

_MOST_FIELDS = 256
_MOST_ALPHA = 64.0


class MixedDim(TableMethod):
    """Each field has a table of its own width; narrower ones are widened by a projection each, which is counted."""

    family = "dimension"
    sparse = frozenset(f"table{number}" for number in range(_MOST_FIELDS))

    def __init__(self, rows: Sequence[int], dim: int) -> None:
        super().__init__(rows, dim)
        if len(self.rows) > _MOST_FIELDS:
            raise MethodError(f"{self._label()} takes at most {_MOST_FIELDS} fields, not {len(self.rows)}")

    def _fresh(self, widths: Sequence[int], rng: np.random.Generator) -> State:
        """A table of these widths before training."""
        weights = {f"table{f}": uniform(rng, count, width) for f, (count, width) in enumerate(zip(self.rows, widths))}
        narrow = [uniform(rng, w, self.dim, bound=(3 / w) ** 0.5) for w in widths if w < self.dim]
        if narrow:
            weights["projections"] = np.concatenate(narrow)
        return State(weights, {"offsets": self.offsets})

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        import torch
        from torch.nn.functional import embedding

        ids, parts, start = rows - t["offsets"], [], 0
        for number in range(len(self.rows)):
            table = t[f"table{number}"]
            values = embedding(ids[:, number], table, sparse=True)
            if (width := table.shape[1]) < self.dim:
                values = values @ t["projections"][start : start + width]
                start += width
            parts.append(values)
        return torch.stack(parts, dim=1)

    def compress(self, state: State) -> dict[str, np.ndarray]:
        return dict(state.weights)

    def ready(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return arrays | {"offsets": self.offsets}

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        ids, start = rows - arrays["offsets"], 0
        vectors = np.empty((*rows.shape, self.dim), np.float32)
        for number in range(len(self.rows)):
            table = arrays[f"table{number}"]
            values = table[ids[:, number]]
            if (width := table.shape[1]) < self.dim:
                values = values @ arrays["projections"][start : start + width]
                start += width
            vectors[:, number] = values
        return vectors


def mixed_bytes(rows: Sequence[int], widths: Sequence[int], dim: int) -> int:
    """Bytes of tables of these widths with their projections."""
    return sum(4 * width * (count + (dim if width < dim else 0)) for count, width in zip(rows, widths))


@register("mde")
class MDE(MixedDim):
    """Widths fall with the size of a field: dim (least / rows)^alpha, rounded to a power of two.

    Ginart et al., Mixed Dimension Embeddings with Application to Memory-Efficient Recommendation Systems, ISIT 2021,
    algorithm 1; alpha, by bisection, is the least that fits. Where none does, dim is halved in it until one does, and
    the smallest fields are projected too.
    """

    summary = "narrower tables for larger fields, projections counted"
    source = "Ginart et al., ISIT 2021"
    version = "2"  # 1: the smallest field kept the whole dim, whatever the budget

    def __init__(self, rows: Sequence[int], dim: int, widths: Sequence[int]) -> None:
        super().__init__(rows, dim)
        self.widths = [int(width) for width in widths]

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int) -> dict[str, Any]:
        def widths(base: int, alpha: float) -> list[int]:
            ideal = np.log2(base) + alpha * (np.log2(min(fields.rows)) - np.log2(fields.rows))
            return [min(base, 1 << max(0, round(power))) for power in ideal.tolist()]

        bases = [dim >> halved for halved in range(dim.bit_length())]
        least = [mixed_bytes(fields.rows, widths(base, _MOST_ALPHA), dim) for base in bases]
        if min(least) > table_bytes:
            raise TableBudgetError(cls._label(), table_bytes, min(least))
        base = next(base for base, size in zip(bases, least) if size <= table_bytes)
        low, high = 0.0, _MOST_ALPHA
        for _ in range(60):
            middle = (low + high) / 2
            if mixed_bytes(fields.rows, widths(base, middle), dim) <= table_bytes:
                high = middle
            else:
                low = middle
        full = [base] * len(fields.rows)
        fits = mixed_bytes(fields.rows, full, dim) <= table_bytes
        return {"widths": full if fits else widths(base, high)}

    @property
    def planned_bytes(self) -> int:
        return mixed_bytes(self.rows, self.widths, self.dim)

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        return self._fresh(self.widths, rng)
