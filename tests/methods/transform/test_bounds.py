"""What a scan leaves out, because no score of its block can be among the best so far, is not among the nearest."""

from __future__ import annotations

import numpy as np
import pytest

import methods


@pytest.mark.thorough
@pytest.mark.parametrize("metric", ["ip", "l2"])
@pytest.mark.parametrize(
    ("name", "params"), [("rq_trellis", {"state_bits": 10}), ("trellis", {"state_bits": 10}), ("transform_coding", {})]
)
@pytest.mark.parametrize("offset", [0, 3])
def test_few_neighbors_are_the_first_of_all(name, params, metric, offset):
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((40, 32)).astype(np.float32)
    vectors = centers[rng.integers(40, size=1500)] + 0.4 * rng.standard_normal((1500, 32)).astype(np.float32)
    base, queries = np.float32(offset) + vectors[40:], np.float32(offset) + vectors[:40]
    codec = methods.create(name, dim=32, budget=12, metric=metric, **params).fit(base)
    searcher = codec.searcher(codec.encode(base))
    (few_scores, few), (scores, ids) = searcher.search(queries, 3), searcher.search(queries, len(base))
    assert np.array_equal(few, ids[:, :3])
    assert np.array_equal(few_scores, scores[:, :3])
