"""DLRM: inner products of all pairs of fields, beside the rows themselves, into a perceptron (no dense features).

Naumov et al., Deep Learning Recommendation Model for Personalization and Recommendation Systems, arXiv 1906.00091.
"""

from __future__ import annotations

import torch
from torch import nn

from bench.click.layers import perceptron


class Model(nn.Module):
    """(batch, fields, dim) -> (batch,) logits."""

    first: torch.Tensor
    second: torch.Tensor

    def __init__(self, fields: int, dim: int) -> None:
        super().__init__()
        first, second = torch.triu_indices(fields, fields, 1)
        self.register_buffer("first", first, persistent=False)
        self.register_buffer("second", second, persistent=False)
        self.top = perceptron(fields * dim + len(first))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        # On a CPU a batch of small matrix products takes five times as long as pairs of gathered rows.
        products = (rows.index_select(1, self.first) * rows.index_select(1, self.second)).sum(2)
        return self.top(torch.cat([rows.flatten(1), products], dim=1))[:, 0]
