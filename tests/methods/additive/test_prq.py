"""PRQ: the rule that splits a budget, and that a product of residual quantizers is what is decoded."""

from __future__ import annotations

import numpy as np
import pytest

from methods import Metric
from methods.additive.prq import PRQ
from methods.checks import data
from methods.product.pq import PQ


@pytest.mark.parametrize(
    ("dim", "code_bytes", "codebooks", "splits"), [(384, 192, 2, 96), (384, 49, 2, 24), (384, 1, 1, 1), (3, 12, 2, 3)]
)
def test_a_budget_becomes_subvectors_of_two_bytes(dim, code_bytes, codebooks, splits):
    codec = PRQ.for_budget(dim, code_bytes, Metric.IP)
    assert (codec.codebooks, codec.splits, codec.code_size) == (codebooks, splits, codebooks * splits)


@pytest.mark.parametrize("splits", [1, 4, 5])
def test_each_subvector_is_the_sum_of_its_centroids(splits):
    codec = PRQ(32, Metric.L2, 2, splits).fit(data.train())
    codes = codec.encode(data.base())
    books = codec.parts()["codebooks"]
    sums = [books[2 * s][codes[:, 2 * s]] + books[2 * s + 1][codes[:, 2 * s + 1]] for s in range(splits)]
    padded = np.concatenate(sums, axis=1)
    assert np.allclose(codec.decode(codes), padded[:, codec._subspaces.columns], atol=1e-5)


def test_error_is_no_more_than_that_of_pq_of_equal_bytes():
    train, base = data.vectors("train", 3000), data.base()
    errors = [
        float(((codec.decode(codec.encode(base)) - base) ** 2).sum())
        for codec in (PRQ.for_budget(32, 8, "l2").fit(train), PQ.for_budget(32, 8, "l2").fit(train))
    ]
    assert errors[0] <= errors[1]
