"""Inner products of all pairs of fields, with their gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from methods.kernels.fitting.pairs import pair_products, pair_products_gradient


def products_of_pairs(rows: torch.Tensor) -> torch.Tensor:
    """(batch, fields, dim) -> (batch, pairs), in the order of ``torch.triu_indices(fields, fields, 1)``."""
    if rows.device.type == "cpu":
        return _Pairs.apply(rows)
    first, second = torch.triu_indices(rows.shape[1], rows.shape[1], 1, device=rows.device)
    return (rows.index_select(1, first) * rows.index_select(1, second)).sum(2)


class _Pairs(torch.autograd.Function):
    """By a kernel: on a CPU, gathering the rows of pairs takes half of a training step, small matrix products more."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor) -> torch.Tensor:
        rows = rows.contiguous()
        ctx.save_for_backward(rows)
        n, fields, _ = rows.shape
        products = np.empty((n, fields * (fields - 1) // 2), np.float32)
        pair_products(rows.detach().numpy(), products)
        return torch.from_numpy(products)

    @staticmethod
    def backward(ctx: Any, slopes: torch.Tensor) -> torch.Tensor:
        (rows,) = ctx.saved_tensors
        gradient = torch.empty_like(rows)
        pair_products_gradient(rows.numpy(), slopes.contiguous().numpy(), gradient.numpy())
        return gradient
