"""DLRM: inner products of all pairs of fields, beside the rows themselves, into a perceptron (no dense features).

Naumov et al., Deep Learning Recommendation Model for Personalization and Recommendation Systems, arXiv 1906.00091.
"""

from __future__ import annotations

import torch
from torch import nn

from bench.click_models.layers import perceptron
from bench.click_models.pairs import products_of_pairs


class Model(nn.Module):
    """(batch, fields, dim) -> (batch,) logits."""

    def __init__(self, fields: int, dim: int) -> None:
        super().__init__()
        self.top = perceptron(fields * dim + fields * (fields - 1) // 2)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.top(torch.cat([rows.flatten(1), products_of_pairs(rows)], dim=1))[:, 0]
