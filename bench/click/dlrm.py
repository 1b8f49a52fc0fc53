"""DLRM: inner products of all pairs of fields, beside the rows themselves, into a perceptron (no dense features).

Naumov et al., Deep Learning Recommendation Model for Personalization and Recommendation Systems, arXiv 1906.00091.
"""

from __future__ import annotations

import torch
from torch import nn

from bench.click.layers import perceptron


class Model(nn.Module):
    """(batch, fields, dim) -> (batch,) logits."""

    pairs: torch.Tensor

    def __init__(self, fields: int, dim: int) -> None:
        super().__init__()
        first, second = torch.triu_indices(fields, fields, 1)
        self.register_buffer("pairs", first * fields + second, persistent=False)
        self.top = perceptron(fields * dim + len(first))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        products = (rows @ rows.transpose(1, 2)).flatten(1).index_select(1, self.pairs)
        return self.top(torch.cat([rows.flatten(1), products], dim=1))[:, 0]
