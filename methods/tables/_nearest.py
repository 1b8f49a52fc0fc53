"""Nearest centroids of the parts of rows, on a tensor's own device."""

from __future__ import annotations

import numpy as np
import torch

from methods.kernels.fitting.kmeans import assign_nearest

_BLOCK = 8192  # rows whose scores are in memory at a time


@torch.no_grad()
def nearest_centroids(values: torch.Tensor, codebooks: torch.Tensor) -> torch.Tensor:
    """The nearest centroid in each part, int64 (n, parts).

    Parameters
    ----------
    values : (n, parts * width) float32
    codebooks : (parts, K, width) float32
        K is a power of two.
    """
    parts = values.view(len(values), len(codebooks), -1).transpose(0, 1)
    if values.device.type == "cpu":
        return _by_kernel(parts, codebooks)
    return torch.cat([_by_products(block, codebooks) for block in parts.split(_BLOCK, dim=1)], dim=1).T


def _by_kernel(parts: torch.Tensor, codebooks: torch.Tensor) -> torch.Tensor:
    """Part by part: on a CPU the scores of a batch are far too large for a cache, and argmin over them is slow."""
    _, size, width = codebooks.shape
    nearest = np.empty((parts.shape[1], len(parts)), np.int64)
    of_part, margins = np.empty(parts.shape[1], np.int32), np.empty(parts.shape[1], np.float32)
    sums = np.empty((size, width + 1))
    for part in range(len(parts)):
        vectors = np.ascontiguousarray(parts[part].numpy())
        assign_nearest(vectors, np.ascontiguousarray(codebooks[part].numpy().T), np.inf, of_part, margins, sums)
        nearest[:, part] = of_part
    return torch.from_numpy(nearest)


def _by_products(parts: torch.Tensor, codebooks: torch.Tensor) -> torch.Tensor:
    """(parts, n): as the kernel, by products of matrices."""
    squares = codebooks.square().sum(2)[:, None]
    return torch.baddbmm(squares, parts, codebooks.transpose(1, 2), alpha=-2).argmin(2)
