"""Ranges of levels where lengths vary: recall decides, and equal lengths are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from methods import Metric, get
from methods.fitting.ranges import learned_ranges

NAMES = ("int8", "int6", "int4", "int8_global")


@pytest.fixture(scope="module")
def sets():
    """Vectors of 48 dimensions about 100 centers, and queries like them."""
    rng = np.random.default_rng(6)
    rows = rng.standard_normal((100, 48))[rng.integers(100, size=2100)] + 0.8 * rng.standard_normal((2100, 48))
    return rows[:2000].astype(np.float32), rows[2000:].astype(np.float32)


def nearest(queries, vectors, metric):
    scores = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    if metric is Metric.L2:
        scores -= (vectors.astype(np.float64) ** 2).sum(axis=1) / 2
    return np.argsort(-scores, axis=1)[:, :10]


def recall(name, vectors, queries, metric):
    codec = get(name)(48, metric).fit(vectors)
    _, ids = codec.searcher(codec.encode(vectors)).search(queries, 10)
    return np.mean([np.isin(a, b).mean() for a, b in zip(nearest(queries, vectors, metric), ids)])


@pytest.mark.parametrize("times", [100, 1000])
@pytest.mark.parametrize("name", NAMES)
def test_one_row_far_too_long_costs_others_nothing_by_distance(sets, name, times):
    vectors, queries = sets
    expected = recall(name, vectors, queries, Metric.L2)
    vectors = vectors.copy()
    vectors[17] *= times
    assert recall(name, vectors, queries, Metric.L2) > expected - 0.01


@pytest.mark.parametrize("name", NAMES)
def test_by_product_a_row_far_too_long_costs_itself_at_most(sets, name):
    vectors, queries = sets
    expected = recall(name, vectors, queries, Metric.IP)
    vectors = vectors.copy()
    vectors[17] *= 1000
    assert recall(name, vectors, queries, Metric.IP) > expected - 0.05  # one of ten neighbors of half of the queries


@pytest.mark.parametrize("name", NAMES)
def test_many_long_rows_keep_their_range_by_product(sets, name):
    """One in fifty is long: these alone are ever found."""
    vectors, queries = sets
    expected = recall(name, vectors, queries, Metric.IP)
    vectors = vectors.copy()
    vectors[::50] *= 100
    assert recall(name, vectors, queries, Metric.IP) > expected - 0.03


@pytest.mark.parametrize("metric", [Metric.IP, Metric.L2])
def test_ranges_do_not_depend_on_the_scale_of_vectors(sets, metric):
    vectors = sets[0].copy()
    vectors[17] *= 100
    expected = learned_ranges(vectors, metric, 8, 0)
    for exponent in (-50, 40):
        scale = np.float32(2.0**exponent)
        for found, before in zip(learned_ranges(vectors * scale, metric, 8, 0), expected):
            np.testing.assert_array_equal(found / scale, before)


@pytest.mark.parametrize("clip", [False, True])
def test_a_row_outside_the_trial_does_not_set_the_range(sets, clip):
    vectors = np.tile(sets[0], (10, 1))
    vectors[-1] *= 1000
    _, width = learned_ranges(vectors, Metric.L2, 8, 0, clip=clip)
    assert width.max() < 3 * np.ptp(sets[0], axis=0).max()


def test_a_few_vectors_have_ranges(sets):
    for n in (1, 2, 3):
        vectors = sets[0][:n].copy()
        vectors[0] *= 1000
        low, width = learned_ranges(vectors, Metric.L2, 4, 0, clip=True)
        assert np.isfinite(low).all()
        assert (width >= 0).all()
