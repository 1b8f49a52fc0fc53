"""Tensor-train embeddings."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.parameters import check_integer
from methods.registry import register
from methods.tables.base import INIT_BOUND, Fields, State, TableBudgetError, TableMethod

if TYPE_CHECKING:
    import torch

_MOST_RANK = 256


class TensorTrain(TableMethod):
    """A table of n rows as three cores of ranks [1, r, r, 1]: n <= n1 n2 n3 and dim = d1 d2 d3.

    Row number x reads slices x mod n1, (x // n1) mod n2 and x // (n1 n2), which are multiplied.
    """

    family = "tensor train"

    def __init__(self, rows: Sequence[int], dim: int, rank: int) -> None:
        super().__init__(rows, dim)
        self.rank = rank

    @classmethod
    def _sized(cls, fields: Fields, dim: int, table_bytes: int, *, max_rank: int = 16) -> dict[str, Any]:
        check_integer("max_rank", max_rank, 1, _MOST_RANK)
        for rank in range(max_rank, 0, -1):
            method = cls(fields.rows, dim, rank)
            if method.planned_bytes <= table_bytes:
                return {"rank": rank}
        raise TableBudgetError(cls._label(), table_bytes, method.planned_bytes)

    @property
    def shape(self) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
        """(n1, n2, n3) and (d1, d2, d3)."""
        return row_factors(self.total), dim_factors(self.dim)

    @property
    def core_shapes(self) -> dict[str, tuple[int, ...]]:
        (n1, n2, n3), (d1, d2, d3) = self.shape
        r = self.rank
        return {"core1": (n1, d1, r), "core2": (n2, r, d2 * r), "core3": (n3, r, d3)}

    @property
    def planned_bytes(self) -> int:
        return 4 * sum(int(np.prod(shape)) for shape in self.core_shapes.values())

    def compress(self, state: State) -> dict[str, np.ndarray]:
        return {name: state.weights[name] for name in self.core_shapes}

    def ready(self, arrays: dict[str, np.ndarray]) -> Any:
        return arrays, self.shape

    def gather(self, arrays: Any, rows: np.ndarray) -> np.ndarray:
        arrays, ((n1, n2, _), (d1, d2, _)) = arrays
        x, r = rows.ravel(), self.rank
        first, second = arrays["core1"][x % n1], arrays["core2"][x // n1 % n2]
        third = arrays["core3"][x // (n1 * n2)]
        pairs = (first @ second).reshape(len(x), d1 * d2, r)
        return (pairs @ third).reshape(*rows.shape, self.dim)


@register("tt_rec")
class TTRec(TensorTrain):
    """Trained in its cores. Yin et al., TT-Rec, MLSys 2021; the cores start so that rows have a plain row's variance.

    The rank is the largest that fits, at most ``max_rank``: an id reads 2 rank^2 numbers of the middle core.

    Parameters
    ----------
    rows, dim
        As for :class:`~methods.tables.base.TableMethod`.
    rank : int
        Of the cores.
    max_rank : int, of ``for_budget``
        The largest rank that is taken.
    """

    summary = "three tensor-train cores, trained"
    source = "Yin et al., MLSys 2021"

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        sigma = (INIT_BOUND**2 / 3 / self.rank**2) ** (1 / 6)
        clip = 2 * sigma
        draw = {name: rng.normal(0, sigma, shape) for name, shape in self.core_shapes.items()}
        return State({name: np.clip(core, -clip, clip).astype(np.float32) for name, core in draw.items()})

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        import torch

        (n1, n2, _), (d1, d2, _) = self.shape
        x, which = torch.unique(rows, return_inverse=True)
        pair, last = x % (n1 * n2), torch.div(x, n1 * n2, rounding_mode="floor")
        if n1 * n2 <= len(x):  # all products of the first two cores are fewer than those of the batch
            pairs = torch.matmul(t["core1"].flatten(0, 1), t["core2"]).view(n2, n1, d1 * d2, self.rank)
            pairs = pairs.flatten(0, 1).index_select(0, pair)
        else:
            first, second = t["core1"].index_select(0, pair % n1), t["core2"].index_select(0, pair // n1)
            pairs = (first @ second).view(len(x), d1 * d2, self.rank)
        products = pairs @ t["core3"].index_select(0, last)
        return products.view(len(x), self.dim).index_select(0, which.flatten()).view(*rows.shape, self.dim)


def row_factors(total: int) -> tuple[int, int, int]:
    """Three near-equal factors whose product is ``total`` or a little more."""
    first = max(1, int(np.ceil(total ** (1 / 3) - 1e-9)))
    second = max(1, int(np.ceil((total / first) ** 0.5 - 1e-9)))
    return first, second, -(-total // (first * second))


@functools.cache
def dim_factors(dim: int) -> tuple[int, int, int]:
    """Three factors of ``dim`` as near to each other as can be, ascending: 16 = 2 x 2 x 4."""
    choices = [
        (a, b, dim // (a * b))
        for a in range(1, dim + 1)
        for b in range(a, dim // a + 1)
        if dim % (a * b) == 0 and dim // (a * b) >= b
    ]
    return min(choices, key=sum)
