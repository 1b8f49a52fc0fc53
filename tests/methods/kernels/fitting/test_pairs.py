"""Products of pairs of rows against NumPy, their gradient against torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from methods.kernels.fitting.pairs import pair_products, pair_products_gradient


@pytest.mark.parametrize("fields", [1, 2, 7])
@pytest.mark.parametrize("dim", [1, 5, 16])
def test_products_and_gradient(fields, dim):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((30, fields, dim)).astype(np.float32)
    first, second = np.triu_indices(fields, 1)
    products = np.empty((30, len(first)), np.float32)
    pair_products(rows, products)
    np.testing.assert_allclose(products, (rows[:, first] * rows[:, second]).sum(2), rtol=1e-4, atol=1e-5)

    slopes = rng.standard_normal(products.shape).astype(np.float32)
    gradient = np.empty_like(rows)
    pair_products_gradient(rows, slopes, gradient)
    read = torch.from_numpy(rows).requires_grad_()
    ((read[:, first] * read[:, second]).sum(2) * torch.from_numpy(slopes)).sum().backward()
    np.testing.assert_allclose(gradient, read.grad.numpy(), rtol=1e-4, atol=1e-5)
