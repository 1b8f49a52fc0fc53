"""QUIPS: the error of inner products, what the maps do, and that queries see decoded vectors."""

from __future__ import annotations

import numpy as np
import pytest

from methods.checks import data
from methods.errors import UnsupportedMetric
from methods.product.pq import PQ
from methods.product.quips import QUIPS


def skewed(n, seed=0):
    """Vectors of 16 dimensions whose second moments are far from even within every subspace."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(7).standard_normal((16, 16)) * np.linspace(2, 0.05, 16) ** 2
    return (rng.standard_normal((n, 16)) @ mixing).astype(np.float32)


@pytest.mark.parametrize("subquantizers", [2, 4])
def test_products_err_less_than_those_of_product_quantization(subquantizers):
    """The paper: the codebooks minimize the expected squared error of products with queries of these moments."""
    train, base, queries = skewed(3000), skewed(1000, seed=1), skewed(300, seed=2)
    errors = {}
    for cls, params in ((QUIPS, {"shuffle": False}), (PQ, {})):
        codec = cls(16, "ip", subquantizers, bits=5, **params).fit(train)
        errors[cls] = ((queries @ (codec.decode(codec.encode(base)) - base).T) ** 2).mean()
    assert errors[QUIPS] < 0.9 * errors[PQ]


def test_it_is_product_quantization_where_moments_are_even():
    rng = np.random.default_rng(0)
    vectors = np.linalg.qr(rng.standard_normal((16, 16)))[0].repeat(40, axis=0).astype(np.float32)
    vectors = np.concatenate([vectors, -vectors])
    codec = QUIPS(16, "ip", 4, bits=4, shuffle=False).fit(vectors)
    assert np.allclose(codec.roots_, np.eye(4), atol=1e-3)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("nq", [1, 40])
def test_scores_are_products_with_decoded_vectors(shuffle, nq):
    codec = QUIPS(32, "ip", 5, bits=6, shuffle=shuffle).fit(data.train())
    codes, queries = codec.encode(data.base()), data.queries()[:nq]
    scores, ids = codec.searcher(codes).search(queries, 10)
    exact = np.take_along_axis(queries @ codec.decode(codes).T, ids, 1)
    assert np.abs(scores - exact).max() < 1e-4 * np.abs(exact).max()


def test_dimensions_are_shuffled_under_the_seed():
    first, again, other = (QUIPS(32, "ip", 4, bits=4).fit(data.train(), seed) for seed in (3, 3, 4))
    assert np.array_equal(first.order_, again.order_)
    assert not np.array_equal(first.order_, other.order_)
    assert sorted(first.order_) == list(range(32))


def test_distances_are_refused():
    with pytest.raises(UnsupportedMetric, match="cosine, ip"):
        QUIPS(32, "l2", 4)
