"""A table method as a torch module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from methods.tables.state import Fields, State

if TYPE_CHECKING:
    from methods.tables.base import TableMethod


class TableModule(nn.Module):
    """Maps ids (batch, fields) int64 to rows (batch, fields, dim) float32 by a method's ``embed``."""

    offsets: torch.Tensor

    def __init__(self, method: TableMethod, state: State) -> None:
        super().__init__()
        self.method = method
        self.names = list(state.weights)
        for number, array in enumerate(state.weights.values()):  # numbered: torch takes no name with a dot
            self.register_parameter(f"weight{number}", nn.Parameter(torch.from_numpy(np.array(array, np.float32))))
        self.constants = list(state.constants)
        for number, array in enumerate(state.constants.values()):
            self.register_buffer(f"constant{number}", torch.from_numpy(np.array(array)))
        self.register_buffer("offsets", torch.from_numpy(method.offsets))

    def tensors(self) -> dict[str, torch.Tensor]:
        """Weights and constants by name."""
        constants = {name: getattr(self, f"constant{number}") for number, name in enumerate(self.constants)}
        return {**self.weights(), **constants}

    def weights(self) -> dict[str, nn.Parameter]:
        """Trainable tensors by name."""
        return {name: getattr(self, f"weight{number}") for number, name in enumerate(self.names)}

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.method.embed(self.tensors(), ids + self.offsets, self.training)

    def state(self) -> State:
        """Copies as NumPy arrays."""
        weights = {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.weights().items()}
        tensors = self.tensors()
        return State(weights, {name: tensors[name].cpu().numpy().copy() for name in self.constants})


def untrained(method: TableMethod, fields: Fields, seed: int) -> TableModule:
    """The table of a method before training."""
    return TableModule(method, method.initialize(fields, np.random.default_rng(seed)))
