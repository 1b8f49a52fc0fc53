"""A table method as a torch module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from methods.tables.base import State

if TYPE_CHECKING:
    from methods.tables.base import TableMethod


class TableModule(nn.Module):
    """Maps ids (batch, fields) int64 to rows (batch, fields, dim) float32 by a method's ``embed``."""

    offsets: torch.Tensor

    def __init__(self, method: TableMethod, state: State) -> None:
        super().__init__()
        self.method = method
        self.names = list(state.weights)
        for name, array in state.weights.items():
            self.register_parameter(f"weight_{name}", nn.Parameter(torch.from_numpy(np.array(array, np.float32))))
        self.constants = list(state.constants)
        for name, array in state.constants.items():
            self.register_buffer(f"constant_{name}", torch.from_numpy(np.array(array)))
        self.register_buffer("offsets", torch.from_numpy(method.offsets))

    def tensors(self) -> dict[str, torch.Tensor]:
        """Weights and constants by name."""
        weights = {name: getattr(self, f"weight_{name}") for name in self.names}
        return weights | {name: getattr(self, f"constant_{name}") for name in self.constants}

    def weights(self) -> dict[str, nn.Parameter]:
        """Trainable tensors by name."""
        return {name: getattr(self, f"weight_{name}") for name in self.names}

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.method.embed(self.tensors(), ids + self.offsets, self.training)

    def state(self) -> State:
        """Copies as NumPy arrays."""
        weights = {name: tensor.detach().cpu().numpy().copy() for name, tensor in self.weights().items()}
        constants = {name: getattr(self, f"constant_{name}").cpu().numpy().copy() for name in self.constants}
        return State(weights, constants)
