"""Bootstrap intervals: 10,000 resamples of 10,000 queries are to take under a second (recall takes .03 s)."""

from __future__ import annotations

import numpy as np
import pytest

from bench.measure.statistics import bootstrap_means


@pytest.mark.parametrize("values", ["recall", "continuous"])
def test_quick_bootstrap(benchmark, values):
    rng = np.random.default_rng(4)
    per_query = rng.random(10_000) if values == "continuous" else rng.integers(0, 11, 10_000) / 10
    benchmark.extra_info["target_s"] = 1.0
    found = benchmark.pedantic(bootstrap_means, ({"a": per_query},), {"resamples": 10_000}, rounds=3, warmup_rounds=1)
    assert found["a"].low < per_query.mean() < found["a"].high
