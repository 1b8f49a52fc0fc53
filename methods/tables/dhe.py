"""Deep hash embedding: no table, a network over many hashes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.parameters import check_integer
from methods.registry import register
from methods.tables import hashing
from methods.tables.base import INIT_BOUND, Fields, State, TableBudgetError, TableMethod, uniform

if TYPE_CHECKING:
    import torch

_BUCKETS = 1_000_000
_BLOCK = 8192  # rows computed at a time


@register("dhe")
class DeepHashEmbedding(TableMethod):
    """``hashes`` hashes of a row's number, scaled to [-1, 1], through a perceptron of ``layers`` hidden layers.

    Kang et al., Learning to Embed Categorical Features without Embedding Tables (DHE), KDD 2021. Hidden layers have
    the largest equal width that fits, at most ``max_width``; activation is Mish, without the paper's batch
    normalization, and fewer hashes than its 1,024 unless requested: both cost CPU training dearly.

    Parameters
    ----------
    rows, dim
        As for :class:`~methods.tables.base.TableMethod`.
    width : int
        Of a hidden layer.
    hashes : int
        Of an id; 1,024 in the paper.
    layers : int
        Hidden ones.
    max_width : int, of ``for_budget``
        Largest width of a hidden layer.
    """

    family = "network"
    summary = "hashes of the id through a perceptron, no table"
    source = "Kang et al., KDD 2021"

    def __init__(self, rows: Sequence[int], dim: int, width: int, *, hashes: int = 128, layers: int = 2) -> None:
        super().__init__(rows, dim)
        self.width, self.hashes, self.layers = width, hashes, layers

    @classmethod
    def _sized(
        cls, fields: Fields, dim: int, table_bytes: int, *, hashes: int, layers: int, max_width: int = 128
    ) -> dict[str, Any]:
        for name, value, most in (("hashes", hashes, 4096), ("layers", layers, 16), ("max_width", max_width, 8192)):
            check_integer(name, value, 1, most)

        def size(width: int) -> int:
            return cls(fields.rows, dim, width, hashes=hashes, layers=layers).planned_bytes

        if table_bytes < size(1):
            raise TableBudgetError(cls._label(), table_bytes, size(1))
        return {"width": max(width for width in range(1, max_width + 1) if size(width) <= table_bytes)}

    @property
    def _shapes(self) -> list[tuple[int, int]]:
        widths = [self.hashes, *[self.width] * self.layers, self.dim]
        return list(pairwise(widths))

    @property
    def planned_bytes(self) -> int:
        return 4 * sum((inputs + 1) * outputs for inputs, outputs in self._shapes) + 16 * self.hashes

    def initialize(self, fields: Fields, rng: np.random.Generator) -> State:
        weights = {}
        for number, (inputs, outputs) in enumerate(self._shapes):
            last = number == self.layers
            bound = INIT_BOUND * (3 / inputs) ** 0.5 * 4 if last else (6 / inputs) ** 0.5
            weights[f"weight{number}"] = uniform(rng, inputs, outputs, bound=bound)
            weights[f"bias{number}"] = np.zeros(outputs, np.float32)
        return State(weights, {"functions": hashing.draw(rng, self.hashes)})

    def embed(self, t: dict[str, torch.Tensor], rows: torch.Tensor, training: bool) -> torch.Tensor:
        import torch
        from torch.nn.functional import mish

        distinct, which = torch.unique(rows, return_inverse=True)
        values = self._features(t["functions"], distinct)
        for number in range(self.layers):
            values = mish(torch.addmm(t[f"bias{number}"], values, t[f"weight{number}"]))
        values = torch.addmm(t[f"bias{self.layers}"], values, t[f"weight{self.layers}"])
        return values.index_select(0, which.flatten()).view(*rows.shape, self.dim)

    def _features(self, functions: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        """Scaled hashes (n, hashes) of row numbers (n,)."""
        import torch

        if numbers.device.type != "cpu":
            return hashing.buckets(functions, numbers[:, None], _BUCKETS).float() * (2 / (_BUCKETS - 1)) - 1
        from methods.kernels.encoding.hashing import hashed_features

        features = torch.empty(len(numbers), self.hashes)
        hashed_features(functions.numpy(), numbers.numpy(), _BUCKETS, features.numpy())
        return features

    def compress(self, state: State) -> dict[str, np.ndarray]:
        return {**state.weights, "functions": state.constants["functions"]}

    def gather(self, arrays: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
        distinct, which = np.unique(rows, return_inverse=True)
        vectors = np.empty((len(distinct), self.dim), np.float32)
        for start in range(0, len(distinct), _BLOCK):
            vectors[start : start + _BLOCK] = self._rows(arrays, distinct[start : start + _BLOCK])
        return vectors[which.ravel()].reshape(*rows.shape, self.dim)

    def _rows(self, arrays: dict[str, np.ndarray], numbers: np.ndarray) -> np.ndarray:
        hashed = hashing.buckets(arrays["functions"], numbers[:, None], _BUCKETS).astype(np.float32)
        values = hashed * np.float32(2 / (_BUCKETS - 1)) - np.float32(1)
        for number in range(self.layers):
            values = values @ arrays[f"weight{number}"] + arrays[f"bias{number}"]
            values = values * np.tanh(np.logaddexp(np.float32(0), values))  # Mish
        return values @ arrays[f"weight{self.layers}"] + arrays[f"bias{self.layers}"]
