"""DCN-V2: explicit feature crosses of bounded degree in parallel with a perceptron. Wang et al., WWW 2021."""

from __future__ import annotations

import torch
from torch import nn

from bench.click_models.layers import perceptron

_CROSSES = 2


class Model(nn.Module):
    """(batch, fields, dim) -> (batch,) logits; x_{l+1} = x_0 * (W x_l + b) + x_l, equation 1 of the paper."""

    def __init__(self, fields: int, dim: int) -> None:
        super().__init__()
        width = fields * dim
        self.crosses = nn.ModuleList(nn.Linear(width, width) for _ in range(_CROSSES))
        self.deep = perceptron(width, 32, (64,))
        self.top = nn.Linear(width + 32, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        start = crossed = rows.flatten(1)
        for cross in self.crosses:
            crossed = start * cross(crossed) + crossed
        return self.top(torch.cat([crossed, self.deep(start)], dim=1))[:, 0]
