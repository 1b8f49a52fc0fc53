"""Transform codes at dimensions small and large, few training vectors, and vectors that are not of unit length."""

from __future__ import annotations

import numpy as np
import pytest

from methods import Metric, for_budget
from methods.checks import data

METHODS = ("transform_coding", "trellis", "rq_trellis")
FIXED = {"gamma": 1.25, "scale": "least_squares"}


def vectors(n, dim, seed, lengths):
    """Variances that fall as those of embeddings do, in rotated axes; of unit length, or of very different ones."""
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((n, dim)) / (1 + np.arange(dim) / (dim / 16))
    found = found[:, np.random.default_rng(9).permutation(dim)] + 0.05
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return (found * (rng.lognormal(0, 0.7, (n, 1)) if lengths else 1)).astype(np.float32)


@pytest.mark.thorough
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("dim", "metric"),
    [
        (64, "l2"),
        (64, "ip"),
        (100, "l2"),
        (100, "cosine"),
        pytest.param(1536, "ip", marks=pytest.mark.slow),
        pytest.param(1536, "l2", marks=pytest.mark.slow),
        pytest.param(3072, "cosine", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("lengths", [False, True], ids=["unit", "any"])
def test_a_thousand_training_vectors_find_most_neighbors_at_an_eighth(name, dim, metric, lengths):
    """Or on twice as many as there are dimensions: of fewer than those, axes know nothing of what is outside them."""
    many = max(1000, 2 * dim)
    base, queries = vectors(many + 1000, dim, 0, lengths), vectors(50, dim, 1, lengths)
    codec = for_budget(name, dim, dim // 2, metric, **FIXED).fit(base[:many])
    codes = codec.encode(base)
    assert codes.shape[1] <= dim // 2
    ids = codec.searcher(codes).search(queries, 10)[1]
    values = data.metric_values(queries, base, Metric(metric))
    true = np.argsort(values if metric == "l2" else -values, axis=1)[:, :10]
    assert np.mean([np.isin(found, wanted).mean() for found, wanted in zip(ids, true)]) > (0.8 if dim <= 100 else 0.7)
    decoded = data.metric_values(queries, codec.decode(codes), Metric(metric))
    again = np.argsort(decoded if metric == "l2" else -decoded, axis=1)[:, :10]
    assert np.mean([np.isin(found, wanted).mean() for found, wanted in zip(ids, again)]) > 0.97
