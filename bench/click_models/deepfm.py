"""DeepFM: a factorization machine and a perceptron over the same rows. Guo et al., IJCAI 2017, arXiv 1703.04247.

The first-order term is linear in the rows: one weight for each id would be a second table to compress.
"""

from __future__ import annotations

import torch
from torch import nn

from bench.click_models.layers import perceptron


class Model(nn.Module):
    """(batch, fields, dim) -> (batch,) logits."""

    def __init__(self, fields: int, dim: int) -> None:
        super().__init__()
        self.first_order = nn.Linear(fields * dim, 1)
        self.deep = perceptron(fields * dim)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        flat, total = rows.flatten(1), rows.sum(1)
        pairs = (total.square() - rows.square().sum(1)).sum(1) / 2
        return (self.first_order(flat) + self.deep(flat))[:, 0] + pairs
