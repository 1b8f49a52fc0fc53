"""Wide & Deep: a linear model of the rows beside a perceptron. Cheng et al., DLRS 2016, arXiv 1606.07792.

The wide part reads the same rows rather than a table of one weight an id, which would be a second table to compress.
"""

from __future__ import annotations

import torch
from torch import nn

from bench.click_models.layers import perceptron


class Model(nn.Module):
    """(batch, fields, dim) -> (batch,) logits."""

    def __init__(self, fields: int, dim: int) -> None:
        super().__init__()
        self.wide = nn.Linear(fields * dim, 1)
        self.deep = perceptron(fields * dim)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        flat = rows.flatten(1)
        return (self.wide(flat) + self.deep(flat))[:, 0]
