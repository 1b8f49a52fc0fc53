"""Vectors that fill few of their dimensions: padded with zeros, of low rank, fewer than dimensions."""

from __future__ import annotations

import numpy as np
import pytest

from methods import Metric, for_budget
from methods.checks import data

FILLED, DIM = 8, 256


def padded(vectors):
    return np.hstack([vectors, np.zeros((len(vectors), DIM - FILLED))]).astype(np.float32)


def rotated(vectors):
    return (padded(vectors) @ np.linalg.qr(np.random.default_rng(1).standard_normal((DIM, DIM)))[0]).astype(np.float32)


def recall(codec, base, queries, k=10):
    ids = codec.searcher(codec.encode(base)).search(queries, k)[1]
    values = data.metric_values(queries, base, codec.metric) * (-1 if codec.metric.descending else 1)
    true = np.argsort(values, axis=1)[:, :k]
    return np.mean([np.isin(a, b).mean() for a, b in zip(ids, true)])


@pytest.mark.thorough
@pytest.mark.parametrize("kind", [padded, rotated])
@pytest.mark.parametrize(
    ("method", "metric"), [("transform_coding", "ip"), ("transform_coding", "l2"), ("trellis", "ip"), ("trellis", "l2")]
)
def test_levels_fit_values_where_most_axes_have_none(method, metric, kind):
    rng = np.random.default_rng(0)
    base, queries = kind(rng.standard_normal((1000, FILLED))), kind(rng.standard_normal((50, FILLED)))
    codec = for_budget(method, DIM, 64, Metric(metric)).fit(base)
    assert recall(codec, base, queries) > 0.96
    errors = np.linalg.norm(codec.decode(codec.encode(base)) - base, axis=1) / np.linalg.norm(base, axis=1)
    assert np.quantile(errors, 0.9) < 0.02
