"""A random rotation changes no score, and helps a codec whose levels suit no skewed dimension."""

from __future__ import annotations

import numpy as np
import pytest

from methods import Metric, for_budget, get


@pytest.mark.parametrize("metric", list(Metric))
def test_exact_inside_means_exact_scores(metric, gaussian):
    vectors = gaussian(100, 12)
    codec = for_budget("random_rotation", 12, 48, metric, codec="float32").fit(vectors)
    exact = get("float32")(12, metric).fit(vectors)
    found = codec.searcher(codec.encode(vectors)).search(vectors[:7], 10)
    expected = exact.searcher(exact.encode(vectors)).search(vectors[:7], 10)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-4)
    np.testing.assert_array_equal(found[1], expected[1])


def test_spreads_energy_for_a_codec_with_one_range():
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((500, 32)) * np.where(np.arange(32) == 3, 30, 1)).astype(np.float32)
    error = []
    for name, params in (("int8_global", {}), ("random_rotation", {"codec": "int8_global"})):
        codec = for_budget(name, 32, 32, Metric.IP, **params).fit(vectors)
        error.append(float(((codec.decode(codec.encode(vectors)) - vectors) ** 2).mean()))
    assert error[1] < 0.3 * error[0]
