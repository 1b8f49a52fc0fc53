"""Codecs on vectors that share a direction, on queries of any length, on outliers: what plain vectors keep is kept."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from methods import BudgetError, MethodError, for_budget, get
from methods.base import Metric
from methods.checks import data
from methods.fitting.offset_choice import offset_finds_more, offset_pays
from methods.fitting.principal_axes import principal_axes, robust_mean

DIM, BYTES = 64, 20
OWN = ["bebr", "transform_coding", "trellis", "rq_trellis"]
GRIDS = ["saq", "mrq", "ash"]
PARAMS = {"bebr": {"epochs": 0}, "rq_trellis": {"state_bits": 10}, "ash": {"iterations": 3}}


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def plain(rows, seed):
    spectrum = 1 / np.sqrt(1 + np.arange(DIM) / 8)
    return unit(np.random.default_rng(seed).standard_normal((rows, DIM)) * spectrum)


def cone(vectors, cosine):
    common = np.random.default_rng(9).standard_normal(DIM)
    return unit(np.sqrt(1 - cosine) * vectors + np.sqrt(cosine) * common / np.linalg.norm(common))


BASE, QUERIES = plain(3000, 0), plain(200, 1)


def recall(name, base, queries, metric="cosine", code_bytes=BYTES, **params):
    codec = for_budget(name, DIM, code_bytes, metric, **PARAMS.get(name, {}), **params).fit(base)
    values = data.metric_values(queries, base, Metric(metric))
    true = np.argsort(-values if codec.metric.descending else values, axis=1)[:, :10]
    ids = codec.searcher(codec.encode(base)).search(queries, 10)[1]
    return codec, float(np.mean([np.isin(a, b).mean() for a, b in zip(true, ids)]))


@functools.cache
def on_plain(name, metric="cosine"):
    """Codec and recall on vectors without a common direction, with which others are compared."""
    return recall(name, BASE, QUERIES, metric)


@pytest.mark.thorough
@pytest.mark.parametrize("name", OWN + GRIDS)
def test_a_common_direction_costs_little(name):
    _, without = on_plain(name)
    for cosine in (0.5, 0.9):
        codec, within = recall(name, cone(BASE, cosine), cone(QUERIES, cosine))
        assert within > without - 0.03
        assert name not in OWN or "direction" in codec.parts()


@pytest.mark.thorough
@pytest.mark.parametrize("name", OWN)
def test_plain_vectors_pay_no_bytes_for_an_offset(name):
    codec, _ = on_plain(name)
    assert "direction" not in codec.parts()


@pytest.mark.thorough
@pytest.mark.parametrize("name", OWN + GRIDS)
def test_the_order_does_not_depend_on_the_length_of_a_query(name):
    base = cone(BASE, 0.5)
    codec = for_budget(name, DIM, BYTES, "ip", **PARAMS.get(name, {})).fit(base)
    searcher = codec.searcher(codec.encode(base))
    for count in (3, 50):
        queries = cone(QUERIES[:count], 0.5)
        ids = searcher.search(queries, 10)[1]
        for length in (1e-2, 1e3):
            again = searcher.search(queries * np.float32(length), 10)[1]
            assert np.mean([np.isin(a, b).mean() for a, b in zip(ids, again)]) > 0.995


@pytest.mark.thorough
@pytest.mark.parametrize("name", OWN + GRIDS)
@pytest.mark.parametrize("size", [1e-4, 1e4])
def test_the_scale_of_all_vectors_does_not_matter(name, size):
    _, ordinary = on_plain(name, "ip")
    _, scaled = recall(name, BASE * np.float32(size), QUERIES * np.float32(size), "ip")
    assert abs(scaled - ordinary) < 0.02


@pytest.mark.thorough
@pytest.mark.parametrize("name", OWN + GRIDS)
@pytest.mark.parametrize(("metric", "times"), [("l2", 100), ("l2", 1000), ("ip", 1000)])
def test_one_vector_too_long_costs_the_others_nothing(name, metric, times):
    _, ordinary = on_plain(name, metric)
    base = BASE.copy()
    base[17] *= times
    _, with_outlier = recall(name, base, QUERIES, metric)
    assert with_outlier > ordinary - 0.03


@pytest.mark.thorough
@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("metric", ["ip", "cosine"])
def test_a_constant_dimension_costs_little(name, metric):
    _, without = on_plain(name)
    base, queries = (np.where(np.arange(DIM) == 5, np.float32(7.5), vectors) for vectors in (BASE, QUERIES))
    codec, constant = recall(name, base, queries, metric)
    assert constant > without - 0.03
    assert "direction" in codec.parts()


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["transform_coding", "trellis", "saq", "mrq", "ash"])
def test_lengths_that_vary_cost_nothing_under_ip(name):
    lengths = np.random.default_rng(5).lognormal(0, 0.7, (len(BASE), 1)).astype(np.float32)
    _, ordinary = on_plain(name, "ip")
    _, varied = recall(name, BASE * lengths, QUERIES, "ip")
    assert varied > ordinary - 0.03


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["transform_coding", "trellis", "rq_trellis"])
@pytest.mark.parametrize("code_bytes", [2, 3, 9, 65])
def test_search_finds_what_decoded_vectors_find(name, code_bytes):
    code_bytes = max(code_bytes, 3 if name == "rq_trellis" else 2)
    for metric, base, queries in (("ip", BASE, QUERIES), ("cosine", cone(BASE, 0.75), cone(QUERIES, 0.75))):
        codec, searched = recall(name, base, queries, metric, code_bytes)
        decoded = codec.decode(codec.encode(base)).astype(np.float64)
        true = np.argsort(-data.metric_values(queries, base, Metric(metric)), axis=1)[:, :10]
        ids = np.argsort(-(unit(queries) @ decoded.T), axis=1, kind="stable")[:, :10]
        assert searched > np.mean([np.isin(a, b).mean() for a, b in zip(true, ids)]) - 0.02


@pytest.mark.parametrize("name", GRIDS)
def test_decoded_products_with_the_mean_are_exact_under_ip(name):
    base = cone(BASE, 0.5)
    codec = for_budget(name, DIM, BYTES, "ip", **PARAMS.get(name, {})).fit(base)
    mean = codec.parts()["mean"].astype(np.float64)
    decoded = codec.decode(codec.encode(base)).astype(np.float64)
    assert np.abs((decoded - base) @ mean).max() < 2e-3 * (base @ mean).std()


@pytest.mark.parametrize("name", OWN)
def test_an_offset_is_refused_where_nothing_is_left_for_levels(name):
    with pytest.raises(BudgetError, match="its smallest code"):
        for_budget(name, DIM, 2, "ip", offset=True)
    with pytest.raises(MethodError, match="neither true, false nor null"):
        for_budget(name, DIM, BYTES, "ip", offset="no")


@pytest.mark.thorough
@pytest.mark.parametrize("name", OWN)
def test_codecs_with_an_offset_are_rebuilt_from_their_parts(name):
    base = cone(BASE, 0.75)
    codec = for_budget(name, DIM, BYTES, "cosine", offset=True, **PARAMS.get(name, {})).fit(base)
    again = get(name).from_parts(codec.params(), codec.parts())
    codes = codec.encode(base)
    assert codes.shape[1] == codec.code_size <= BYTES
    assert np.array_equal(again.encode(base), codes)
    for a, b in zip(*(each.searcher(codes).search(QUERIES, 10) for each in (codec, again))):
        assert np.array_equal(a, b)


def test_an_offset_pays_where_vectors_share_a_direction_alone():
    assert offset_pays(cone(BASE, 0.5), Metric.IP, 20, 0)
    assert not offset_pays(BASE, Metric.IP, 20, 0)
    assert not offset_pays(cone(BASE, 0.5), Metric.L2, 20, 0)
    assert not offset_pays(cone(BASE, 0.5), Metric.IP, 1, 0)
    assert offset_pays(cone(BASE[:50], 0.5), Metric.IP, 20, 0)
    assert not offset_pays(np.zeros((300, 8), np.float32), Metric.IP, 20, 0)


def test_an_offset_that_is_tried_has_to_find_more():
    vectors = unit(BASE)

    def codec(with_offset, without):
        return lambda offset: for_budget("int8" if (with_offset if offset else without) else "sign", DIM, DIM, "ip")

    assert offset_finds_more(codec(True, False), vectors, 0)
    assert not offset_finds_more(codec(False, True), vectors, 0)
    assert not offset_finds_more(codec(True, True), vectors, 0)
    assert offset_finds_more(codec(False, True), vectors[:150], 0)  # too few to try


@pytest.mark.thorough
def test_residual_stages_leave_an_offset_out_where_it_finds_no_more():
    """In small codes a stage's byte says where along the mean a vector lies, and an offset costs one of few symbols."""
    centers = 2 * unit(plain(30, 3))
    base = cone(unit(np.repeat(centers, 100, axis=0) + 0.3 * BASE), 0.5)
    assert offset_pays(base, Metric.IP, 5, 0)
    codec = for_budget("rq_trellis", DIM, 6, "cosine", **PARAMS["rq_trellis"]).fit(base)
    assert "direction" not in codec.parts()


def test_an_outlier_is_neither_the_first_axis_nor_the_mean():
    base = BASE.copy()
    base[17] *= 1000
    mean, weights = robust_mean(base)
    assert np.linalg.norm(mean) < 0.1
    assert weights[17] < 0.1
    assert (np.delete(weights, 17) == 1).all()
    _, axes, _ = principal_axes(base, 1)
    assert abs(axes[:, 0] @ unit(base[17:18])[0]) < 0.9


def test_axes_can_leave_a_direction_out():
    direction = np.eye(DIM, dtype=np.float32)[0]
    _, axes, variances = principal_axes(BASE, DIM, without=direction)
    assert np.abs(axes[0, :-1]).max() < 1e-3
    assert variances[-1] < 1e-6


@pytest.mark.thorough
@pytest.mark.parametrize("name", OWN)
def test_copies_of_few_vectors_cost_the_others_little(name):
    base = BASE.copy()
    base[::2] = base[1::2][np.random.default_rng(0).integers(10, size=len(base) // 2)]
    _, without = on_plain(name, "ip")
    _, copied = recall(name, base, QUERIES, "ip")
    assert copied > without - 0.03


def test_many_vectors_near_the_mean_make_no_outliers_of_the_others(gaussian):
    vectors = gaussian(900, 4)
    vectors[:300] -= vectors[:300].mean(axis=0)
    vectors[300:] *= np.float32(1e-4)
    _, weights = robust_mean(vectors)
    assert (weights[:300] == 1).all()
    vectors[7] *= 1000
    _, weights = robust_mean(vectors)
    assert np.flatnonzero(weights < 1).tolist() == [7]


def test_even_errors_need_an_offset_where_little_varies_along_the_mean():
    base = np.where(np.arange(DIM) == 5, np.float32(7.5), BASE)
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    assert offset_pays(base, Metric.IP, 20, 0, even=True)
    assert not offset_pays(BASE, Metric.IP, 20, 0, even=True)
