"""Vectors of any scale give the codes of ordinary ones, and ordinary ones are not scaled."""

from __future__ import annotations

import numpy as np
import pytest

from methods import Metric, for_budget, get
from methods.checks import data
from methods.encoding.units import power_of_two, typical_length, unit_of

SCALED = [
    ("rabitq", {"bits": 1}),
    ("rabitq", {"bits": 3}),
    ("eden", {"bits": 1}),
    ("eden", {"bits": 4}),
    ("turboquant", {"bits": 4}),
    ("float16", {}),
]


def test_powers_of_two_are_the_nearest():
    np.testing.assert_array_equal(
        power_of_two(np.array([1.0, 1.4, 1.5, 0.3, 0.0, 1e-40])), [1, 1, 2, 0.25, 1, 2.0**-100]
    )


def test_ordinary_lengths_have_unit_one():
    assert [unit_of(length) for length in (0.02, 1.0, 5000.0, 0.0)] == [1, 1, 1, 1]
    assert unit_of(1e-4) == 2.0**-13
    assert unit_of(1e15) == 2.0**50


def test_zero_rows_do_not_count_for_a_length():
    assert typical_length(np.array([[0, 0], [0, 0], [3, 4]], np.float32)) == 5
    assert typical_length(np.zeros((3, 2), np.float32)) == 1


@pytest.mark.thorough
@pytest.mark.parametrize("exponent", [-66, -50, -27, -13, 27, 49])
@pytest.mark.parametrize(("name", "params"), SCALED)
def test_codes_of_any_scale_find_the_same(name, params, exponent):
    """1e-20, 1e-15, 1e-8, 1e-4, 1e8, 1e15."""
    scale = np.float32(2.0**exponent)
    for metric in (Metric.IP, Metric.L2):
        if metric is Metric.L2 and exponent == -66:
            continue  # squares leave float32
        found = []
        for factor in (np.float32(1), scale):
            codec = get(name)(32, metric, **params).fit(data.train() * factor)
            codes = codec.encode(data.base() * factor)
            queries = data.queries() * (factor if metric is Metric.L2 else np.float32(1))
            assert np.isfinite(codec.decode(codes)).all()
            again = type(codec).from_parts(codec.params(), codec.parts())
            for searcher in (codec.searcher(codes), again.searcher(codes)):
                few = [searcher.search(queries[at : at + 4], 10)[1] for at in range(0, 40, 4)]
                found += [searcher.search(queries, 10)[1], np.concatenate(few)]
        for ids in found[1:]:
            assert np.mean([np.isin(a, b).mean() for a, b in zip(found[0], ids)]) > 0.98


@pytest.mark.parametrize("exponent", [-66, -20, 20, 49])
@pytest.mark.parametrize(("name", "params"), SCALED)
def test_products_find_the_same_for_queries_of_any_length(name, params, exponent):
    codec = get(name)(32, "ip", **params).fit(data.train())
    searcher = codec.searcher(codec.encode(data.base()))
    scores, expected = searcher.search(data.queries(), 10)
    scaled, ids = searcher.search(data.queries() * np.float32(2.0**exponent), 10)
    assert np.mean([np.isin(a, b).mean() for a, b in zip(expected, ids)]) > 0.98
    np.testing.assert_allclose(scaled / 2.0**exponent, scores, rtol=1e-3, atol=1e-3 * np.abs(scores).max())


@pytest.mark.parametrize("name", ["rabitq", "eden"])
def test_an_outlier_does_not_move_the_center(name):
    vectors = data.train().copy()
    expected = get(name)(32, "l2", rotation="none").fit(vectors).center_
    vectors[3] *= 1e7
    found = get(name)(32, "l2", rotation="none").fit(vectors).center_
    assert np.linalg.norm(found - expected) < 0.02 * np.linalg.norm(data.train(), axis=1).mean()


@pytest.mark.parametrize("scale", [2.0**-100, 2.0**45])
@pytest.mark.parametrize("name", ["pq", "opq", "quips", "anisotropic_pq", "pq_fastscan", "rq", "prq", "lsq"])
def test_centroids_are_learned_of_vectors_of_any_scale(name, scale):
    """Found by searching too, for queries of ordinary length."""
    by, found = np.float32(scale), []
    for factor in (np.float32(1), by):
        codec = for_budget(name, 32, 4, "ip").fit(data.train()[:400] * factor)
        again = type(codec).from_parts(codec.params(), codec.parts())
        codes = again.encode(data.base() * factor)
        assert np.array_equal(codes, codec.encode(data.base() * factor))
        found.append((codec.searcher(codes).search(data.queries(), 10)[1], codec.decode(codes) / factor))
    assert np.mean([np.isin(a, b).mean() for a, b in zip(found[0][0], found[1][0])]) > 0.98
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-4)
