"""The click models: shapes, their pairs of fields, and that each learns from rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.click_models import MODELS, new_model


@pytest.mark.parametrize("name", MODELS)
def test_a_model_gives_one_logit_an_example_and_trains_all_of_its_weights(name):
    torch.manual_seed(0)
    model = new_model(name, 3, 4)
    rows = torch.randn(8, 3, 4, requires_grad=True)
    logits = model(rows)
    assert logits.shape == (8,)
    logits.square().sum().backward()
    assert float(rows.grad.abs().min(0).values.max()) > 0
    for label, weight in model.named_parameters():
        assert weight.grad is not None, label


@pytest.mark.thorough
@pytest.mark.parametrize("name", MODELS)
def test_a_model_learns_a_product_of_two_fields(name):
    torch.manual_seed(0)
    model, rows = new_model(name, 3, 4), torch.randn(512, 3, 4)
    labels = ((rows[:, 0] * rows[:, 1]).sum(1) > 0).float()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(rows), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.35


def test_dlrm_reads_the_products_of_all_pairs():
    model = new_model("dlrm", 3, 4)
    rows = torch.randn(2, 3, 4)
    seen = []
    model.top.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    model(rows)
    values = rows.numpy()
    products = [(values[:, i] * values[:, j]).sum(1) for i, j in ((0, 1), (0, 2), (1, 2))]
    np.testing.assert_allclose(seen[0][:, 12:].numpy(), np.stack(products, 1), rtol=1e-5, atol=1e-6)
