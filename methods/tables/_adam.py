"""Adam, of all values and of the rows that a batch has read.

Not ``torch.optim``: the first of its optimizers imports torch's compiler, seconds of a run that takes ten.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

_BETAS = (0.9, 0.999)
_EPS = 1e-8


class Optimizer(ABC):
    """Changes ``weights`` by their gradients at each :meth:`step`; ``state`` has what is kept of each weight."""

    def __init__(self, weights: Iterable[nn.Parameter], rate: float) -> None:
        self.weights, self.rate = list(weights), rate
        self.state: dict[nn.Parameter, dict[str, Any]] = {}

    @torch.no_grad()
    def step(self) -> None:
        """One step of the weights that have a gradient."""
        for weight in self.weights:
            if weight.grad is None:
                continue
            if weight not in self.state:
                self.state[weight] = {"step": 0} | self._fresh(weight)
            self.state[weight]["step"] += 1
            self._change(weight, weight.grad, self.state[weight])

    def _fresh(self, weight: nn.Parameter) -> dict[str, torch.Tensor]:
        return {"first": torch.zeros_like(weight), "second": torch.zeros_like(weight)}

    def _corrected(self, step: int) -> tuple[float, float]:
        """Rate and epsilon after so many steps, corrected for the bias of the moments."""
        correction = (1 - _BETAS[1] ** step) ** 0.5
        return self.rate * correction / (1 - _BETAS[0] ** step), _EPS * correction

    @abstractmethod
    def _change(self, weight: nn.Parameter, gradient: torch.Tensor, state: dict[str, Any]) -> None: ...


class Adam(Optimizer):
    """As ``torch.optim.Adam``."""

    def _change(self, weight: nn.Parameter, gradient: torch.Tensor, state: dict[str, Any]) -> None:
        rate, eps = self._corrected(state["step"])
        first = state["first"].lerp_(gradient, 1 - _BETAS[0])
        second = state["second"].mul_(_BETAS[1]).addcmul_(gradient, gradient, value=1 - _BETAS[1])
        weight.addcdiv_(first, second.sqrt().add_(eps), value=-rate)


class RowAdam(Optimizer):
    """As ``torch.optim.SparseAdam`` (lazy moments, bias correction by the number of steps) at a fraction of its time.

    Takes sparse gradients over rows, as ``torch.nn.functional.embedding(..., sparse=True)`` gives; the other rows,
    and what is kept of them, stay as they are.
    """

    def _fresh(self, weight: nn.Parameter) -> dict[str, torch.Tensor]:
        moments = super()._fresh(weight)
        if weight.device.type != "cpu":
            return moments
        return moments | {"places": torch.full(weight.shape[:1], -1, dtype=torch.int32)}

    def _change(self, weight: nn.Parameter, gradient: torch.Tensor, state: dict[str, Any]) -> None:
        change = self._by_kernel if "places" in state else self._by_products
        change(weight, gradient._indices()[0], gradient._values(), state)

    def _by_kernel(self, weight: nn.Parameter, rows: torch.Tensor, values: torch.Tensor, state: dict[str, Any]) -> None:
        from methods.kernels.fitting.row_adam import row_adam

        rate, eps = self._corrected(state["step"])
        settings = np.array([rate, 1 - _BETAS[0], _BETAS[1], 1 - _BETAS[1], eps], np.float32)
        table, first, second = (tensor.numpy() for tensor in (weight.detach(), state["first"], state["second"]))
        gradients, places = values.contiguous().numpy(), state["places"].numpy()
        row_adam(table, first, second, rows.numpy(), gradients, places, np.empty_like(gradients), settings)

    def _by_products(
        self, weight: nn.Parameter, rows: torch.Tensor, values: torch.Tensor, state: dict[str, Any]
    ) -> None:
        """As the kernel, on any device."""
        rate, eps = self._corrected(state["step"])
        rows, which = torch.unique(rows, return_inverse=True)
        gradient = values.new_zeros((len(rows), *values.shape[1:])).index_add_(0, which, values)
        first = state["first"].index_select(0, rows).lerp_(gradient, 1 - _BETAS[0])
        second = state["second"].index_select(0, rows).mul_(_BETAS[1])
        second.addcmul_(gradient, gradient, value=1 - _BETAS[1])
        state["first"].index_copy_(0, rows, first)
        state["second"].index_copy_(0, rows, second)
        weight.index_add_(0, rows, first.div_(second.sqrt_().add_(eps)), alpha=-rate)
