"""Residual stages with a trellis: what the stages add, what the search computes, unusual data."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from methods import BudgetError, MethodError, Metric, for_budget, get
from methods.checks import data
from methods.encoding.factor_and_product import FactorAndProduct
from methods.encoding.size_and_factor import SizeAndFactor
from methods.fitting.residual import residual_encoder
from methods.transform.rq_trellis.quantizer import unsaid
from methods.transform.rq_trellis.stages import nearest_sums
from methods.vectors import normalized

FIXED = {"gamma": 1.25, "scale": "least_squares"}


def recall(name, code_bytes, metric, base, queries, train=None, **params):
    codec = for_budget(name, base.shape[1], code_bytes, metric, **params).fit(base if train is None else train)
    codes = codec.encode(base)
    assert codes.shape[1] <= code_bytes
    values = data.metric_values(queries, base, Metric(metric))
    true = np.argsort(-values if metric == "ip" else values, axis=1)[:, :10]
    ids = codec.searcher(codes).search(queries, 10)[1]
    return np.mean([np.isin(a, b).mean() for a, b in zip(ids, true)])


@pytest.mark.thorough
@pytest.mark.parametrize(("metric", "least"), [("ip", 0.82), ("l2", 0.65)])
def test_a_stage_finds_more_than_levels_alone_among_clusters(metric, least, clustered):
    base, queries = clustered(4000, 64), clustered(200, 64, 1)
    staged = recall("rq_trellis", 16, metric, base, queries, **FIXED)
    assert staged > least
    assert staged > recall("trellis", 16, metric, base, queries, **FIXED) + 0.03


@pytest.mark.parametrize("metric", ["ip", "l2"])
@pytest.mark.parametrize("stages", [1, 3])
@pytest.mark.parametrize("nq", [1, 30])
def test_scores_are_of_decoded_vectors_up_to_the_rounding_of_queries(metric, stages, nq, clustered):
    base, queries = clustered(500, 40), clustered(nq, 40, 1)
    codec = for_budget("rq_trellis", 40, 24, metric, stages=stages, **FIXED).fit(base)
    codes = codec.encode(base)
    scores, ids = codec.searcher(codes).search(queries, 500)
    exact = data.metric_values(queries, codec.decode(codes), Metric(metric))
    assert np.abs(np.take_along_axis(exact, ids, axis=1) - scores).max() < 0.05 * exact.std()


@pytest.mark.parametrize("metric", ["ip", "cosine"])
def test_scores_have_a_constant_dimension_that_codes_leave_out(metric, clustered):
    plain, asked = normalized(clustered(3000, 40)), normalized(clustered(60, 40, 1))
    base, queries = (np.insert(each, 7, np.float32(5), axis=1) for each in (plain, asked))
    codec = for_budget("rq_trellis", 41, 8, metric, offset=False, **FIXED).fit(base)
    assert "direction" not in codec.parts()
    mean = codec.parts()["mean"]
    assert abs(mean[7]) > 0.9 * np.linalg.norm(mean)
    codes = codec.encode(base)
    scores, ids = codec.searcher(codes).search(queries, 3000)
    compared = normalized(queries) if metric == "cosine" else queries
    exact = data.metric_values(compared, codec.decode(codes), Metric.IP)
    assert np.abs(np.take_along_axis(exact, ids, axis=1) - scores).max() < 0.05 * exact.std()


def test_a_constant_dimension_costs_small_codes_without_an_offset_little(clustered):
    plain, asked = normalized(clustered(3000, 40)), normalized(clustered(60, 40, 1))
    with_it, without = (
        recall(
            "rq_trellis",
            8,
            "ip",
            *(np.insert(each, 7, np.float32(value), axis=1) for each in (plain, asked)),
            offset=False,
            **FIXED,
        )
        for value in (5, 0)
    )
    assert with_it > without - 0.03


def test_trials_are_of_the_codec_as_it_was_asked_for():
    codec = get("rq_trellis")(48, "ip", None, 11, scale="renormalized", gamma=1.5, candidates=8, offset=True)
    tried = codec._of_trial(stages=2, level_bytes=9)
    assert (tried.stages, tried.level_bytes, tried.state_bits, tried.candidates) == (2, 9, 10, 1)
    assert (tried.gamma, tried.scale, tried.offset, tried.metric) == (1.5, "renormalized", True, codec.metric)


@pytest.mark.thorough
@pytest.mark.parametrize("metric", ["ip", "l2"])
def test_a_factor_restores_the_length_and_under_l2_of_the_residual(metric, clustered):
    base = clustered(3000, 64)
    codec = for_budget("rq_trellis", 64, 40, metric, stages=1, gamma=1.25, scale="renormalized").fit(base)
    codes = codec.encode(base)
    given, decoded = base - codec.quantizer_.mean, codec.decode(codes) - codec.quantizer_.mean
    if metric == "l2":
        centroids = codec.quantizer_.coarse.sa_decode(np.ascontiguousarray(codes[:, :1]))
        given, decoded = given - centroids, decoded - centroids
    wanted, found = (np.linalg.norm(vectors, axis=1) for vectors in (given, decoded))
    assert (np.abs(found - wanted) <= 0.01 * wanted + 1e-4).all()  # a byte of factor


@pytest.mark.parametrize("stages", [1, 2])
def test_nearest_sums_are_those_of_all_sums_of_centroids(stages):
    rng = np.random.default_rng(0)
    codebooks, vectors = rng.standard_normal((stages, 16, 12), np.float32), rng.standard_normal((40, 12), np.float32)
    numbers = nearest_sums(residual_encoder(codebooks, 4), vectors, 5)
    assert numbers.shape == (40, 5, stages)
    sums = codebooks[np.arange(stages), numbers].sum(axis=2)
    errors = np.square(vectors[:, None] - sums).sum(axis=2)
    assert (np.diff(errors, axis=1) >= -1e-4).all()
    if stages == 1:
        every = np.square(vectors[:, None] - codebooks[0]).sum(axis=2)
        np.testing.assert_allclose(errors, np.sort(every, axis=1)[:, :5], rtol=1e-4)
    assert nearest_sums(residual_encoder(codebooks, 4), vectors[:0], 5).shape == (0, 5, stages)
    assert nearest_sums(residual_encoder(codebooks, 4), vectors, 64).shape == (40, 16, stages)  # no more than centroids


@pytest.mark.parametrize("metric", ["ip", "l2"])
def test_more_candidates_leave_less_error_of_every_vector(metric, gaussian):
    base = gaussian(600, 32)
    one, more = (
        for_budget("rq_trellis", 32, 8, metric, stages=2, state_bits=10, candidates=count, **FIXED).fit(base)
        for count in (1, 6)
    )
    np.testing.assert_array_equal(one.parts()["codebooks"], more.parts()["codebooks"])
    centered = base - one.quantizer_.mean
    left = [unsaid(each.quantizer_.encode(centered)[1]) for each in (one, more)]
    assert (left[1] <= left[0] * (1 + 1e-5)).all()
    assert left[1].mean() < 0.98 * left[0].mean()
    errors = [np.square(each.decode(each.encode(base)) - base).sum() for each in (one, more)]
    assert errors[1] < 0.99 * errors[0]


@pytest.mark.parametrize("candidates", [0, 65, 2.5])
def test_numbers_of_candidates_out_of_range_are_refused(candidates):
    with pytest.raises(MethodError, match="candidates"):
        for_budget("rq_trellis", 32, 8, "ip", candidates=candidates)


def test_the_resident_bytes_are_the_codes(clustered):
    base = clustered(300, 32)
    codec = for_budget("rq_trellis", 32, 12, "l2", **FIXED).fit(base)
    searcher = codec.searcher(codec.encode(base))
    assert searcher.nbytes - searcher.padding == 300 * codec.code_size == 300 * 12


def product_of(pair, codes):
    own = codes[:, -len(pair.product_tables) :]
    return sum(table[own[:, byte]] for byte, table in enumerate(pair.product_tables))


@pytest.mark.parametrize(
    ("size", "factor_error", "product_error"), [(1, 0.12, 0.15), (2, 0.01, 0.015), (3, 0.01, 1e-4)]
)
def test_factors_and_products_are_as_near_as_their_bytes_allow(size, factor_error, product_error):
    rng = np.random.default_rng(0)
    factors, products = rng.lognormal(2, 0.5, 5000), rng.standard_normal(5000)
    pair = FactorAndProduct.fit(factors, products, size)
    codes = pair.encode(factors, products)
    assert codes.shape == (5000, size)
    assert np.abs(np.log(pair.factor_table[codes[:, 0]] / factors)).mean() < factor_error
    assert np.abs(product_of(pair, codes) - products).mean() < product_error


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_vector_that_is_its_centroid_keeps_the_factor_zero(size):
    factors = np.where(np.arange(1000) % 4 == 0, 0, np.random.default_rng(0).uniform(1, 3, 1000))
    pair = FactorAndProduct.fit(factors, np.zeros(1000), size)
    read = pair.factor_table[pair.encode(factors, np.zeros(1000))[:, 0]]
    assert (read[factors == 0] == 0).all()
    assert (read[factors > 0] > 0.5).all()


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("factors", [np.zeros(5), np.ones(5), np.ones(1), np.array([1e-20, 1e20])])
def test_any_sample_gives_tables_that_are_finite(size, factors):
    pair = FactorAndProduct.fit(factors, np.zeros(len(factors)), size)
    codes = pair.encode(np.append(factors, [0, 1e30]), np.zeros(len(factors) + 2))
    assert np.isfinite(pair.factor_table[codes[:, 0]]).all()
    assert np.isfinite(product_of(pair, codes)).all()


@pytest.mark.thorough
@pytest.mark.parametrize(("code_bytes", "sizes"), [(12, {1}), (40, {2, 3})])
def test_short_codes_share_a_byte_and_large_ones_do_not(code_bytes, sizes, clustered):
    base = clustered(3000, 64)
    codec = for_budget("rq_trellis", 64, code_bytes, "l2", **FIXED, state_bits=10).fit(base)
    assert {(21,): 1, (256,): 2, (2, 256): 3}[codec.parts()["product_levels"].shape] in sizes
    assert codec.encode(base[:2]).shape == (2, code_bytes)


@pytest.mark.parametrize(
    ("count", "size_error", "factor_error"), [(12, 0.1, 0.01), (5, 0.25, 0.004), (256, 0.01, 0.001)]
)
def test_sizes_and_factors_are_as_near_as_their_bytes_allow(count, size_error, factor_error):
    rng = np.random.default_rng(0)
    wanted, factors = rng.lognormal(0, 0.5, 5000), rng.lognormal(1, 0.05, 5000)
    factors[::7] = 0
    sizes = SizeAndFactor.sizes_for(wanted, count)
    places = np.abs(np.log(sizes) - np.log(wanted)[:, None]).argmin(axis=1)
    both = SizeAndFactor.fit(sizes, factors)
    codes = both.encode(places, factors)
    assert codes.shape == (5000, both.size) == (5000, 2 if count == 256 else 1)
    read_places, read = both.decode(codes)
    assert np.array_equal(read_places, places)
    assert np.array_equal(read == 0, factors == 0)
    telling = factors > 0
    assert np.abs(np.log(read[telling] / factors[telling])).mean() < factor_error
    assert np.abs(np.log(sizes[places] / wanted)).mean() < size_error
    np.testing.assert_array_equal(both.size_table[codes[:, -1]], sizes[places])
    np.testing.assert_array_equal(both.factor_table[codes[:, 0]], read)


@pytest.mark.parametrize("count", [5, 12, 256])
@pytest.mark.parametrize("sample", [np.zeros(5), np.ones(1), np.array([]), np.array([1e-20, 1e20])], ids=str)
def test_any_sample_gives_sizes_that_are_positive(count, sample):
    sizes = SizeAndFactor.sizes_for(sample, count)
    both = SizeAndFactor.fit(sizes, sample)
    assert (sizes > 0).all()
    assert np.isfinite(sizes).all()
    assert (np.diff(sizes) >= 0).all()
    codes = both.encode(np.zeros(3, np.int64), np.array([0, 1, 1e30]))
    assert np.isfinite(both.decode(codes)[1]).all()
    assert (both.size_table > 0).all()


def clusters_of_all_radii(n, seed=0, lengths=0.0):
    rng = np.random.default_rng(0)
    centers = 3 * rng.standard_normal((64, 64))
    rng = np.random.default_rng(seed + 1)
    near = rng.lognormal(-0.5, 0.9, (n, 1)) * rng.standard_normal((n, 64))
    vectors = centers[rng.integers(0, 64, n)] + near
    vectors *= np.exp(rng.normal(0, lengths, (n, 1))) / np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


# Of varied lengths not in 12 bytes: there, others are found as often without sizes (.958) as with them.
@pytest.mark.parametrize(
    ("lengths", "code_bytes", "count"), [(0.0, 12, 12), (0.0, 40, 12), (0.2, 16, 5), (0.2, 40, 256)]
)
def test_levels_are_as_large_as_residuals_by_inner_product(lengths, code_bytes, count):
    base = clusters_of_all_radii(5000, 0, lengths)
    codec = for_budget("rq_trellis", 64, code_bytes, "ip", state_bits=10, gamma=1.25, offset=False).fit(base)
    assert codec.parts()["level_sizes"].shape == (count,)
    codes = codec.encode(base)
    assert codes.shape[1] == code_bytes
    error = np.square(codec.decode(codes) - base).sum(axis=1)
    alone = codec.quantizer_
    plain = dataclasses.replace(alone, sizes=None, gain=1.0)
    its_codes, products = plain.encode(base - plain.mean)
    factors = (np.sqrt(products[:, 2] / products[:, 1])).astype(np.float32)
    without = np.square(plain.decode(its_codes, factors) + plain.mean - base).sum(axis=1)
    assert error.mean() < 0.9 * without.mean()


@pytest.mark.parametrize("count", [1999, 2000])
def test_few_training_vectors_have_no_sizes(count):
    codec = for_budget("rq_trellis", 64, 12, "ip", state_bits=10, gamma=1.25).fit(clusters_of_all_radii(count))
    assert ("level_sizes" in codec.parts()) == (count == 2000)


def test_residuals_of_one_length_have_no_sizes_where_lengths_vary(gaussian):
    base = gaussian(4000, 64) * np.random.default_rng(1).lognormal(0, 0.3, (4000, 1)).astype(np.float32)
    codec = for_budget("rq_trellis", 64, 12, "ip", state_bits=10, gamma=1.25).fit(base)
    assert "level_sizes" not in codec.parts()
    assert codec.parts()["factor_scale"].shape == (4,)


@pytest.mark.thorough
@pytest.mark.parametrize("where", ["training", "base"])
def test_vectors_far_longer_than_the_rest_stay_far(where, clustered):
    """One of a hundred times the length, among the training vectors or after them."""
    base, queries = clustered(3000, 64), clustered(100, 64, 1)
    base[17] *= 100
    trained = base if where == "training" else np.delete(base, 17, axis=0)
    codec = for_budget("rq_trellis", 64, 32, "l2", **FIXED).fit(trained)
    ids = codec.searcher(codec.encode(base)).search(queries, 10)[1]
    true = np.argsort(data.metric_values(queries, base, Metric.L2), axis=1)[:, :10]
    assert not (ids == 17).any()
    assert np.mean([np.isin(a, b).mean() for a, b in zip(ids, true)]) > 0.8


def test_the_smallest_code_is_named():
    with pytest.raises(BudgetError, match="3 B"):
        for_budget("rq_trellis", 64, 2, "ip")
    with pytest.raises(BudgetError, match="4 B"):
        for_budget("rq_trellis", 64, 3, "l2", stages=2)


@pytest.mark.parametrize(
    ("dim", "code_bytes", "by_product", "by_distance"),
    [(64, 49, 2, 2), (64, 33, 2, None), (64, 32, None, None), (64, 4, None, None), (64, 3, 1, 1), (32, 31, 1, 1)],
)
def test_stages_of_codes_of_few_bits_a_dimension_are_chosen(dim, code_bytes, by_product, by_distance):
    for metric, stages in (("ip", by_product), ("l2", by_distance)):
        codec = for_budget("rq_trellis", dim, code_bytes, metric)
        assert (codec.stages, codec.code_size) == (stages, code_bytes)


@pytest.mark.parametrize(("params", "says"), [({"stages": 9}, "0 to 8"), ({"scale": "best"}, "least_squares")])
def test_wrong_parameters_are_refused(params, says):
    with pytest.raises(MethodError, match=says):
        for_budget("rq_trellis", 64, 16, "ip", **params)


@pytest.mark.thorough
@pytest.mark.parametrize(("metric", "least", "margin"), [("ip", 0.94, 0.02), ("l2", 0.86, 0.04)])  # l2 stores products
def test_few_training_vectors_cost_little_more_than_with_levels_alone(metric, least, margin):
    spread = (1 / np.arange(1, 65)).astype(np.float32)
    rng = np.random.default_rng(0)
    base, queries, train = (rng.standard_normal((n, 64), np.float32) * spread for n in (4000, 100, 200))
    found, levels = (recall(name, 16, metric, base, queries, train, **FIXED) for name in ("rq_trellis", "trellis"))
    assert found > least
    assert found > levels - margin


@pytest.mark.parametrize(("dim", "n"), [(100, 300), (7, 50), (64, 1)])
def test_any_dimension_and_few_training_vectors(dim, n, clustered):
    base = clustered(n, dim)
    codec = for_budget("rq_trellis", dim, max(dim // 4, 6), "l2", **FIXED).fit(base)
    codes = codec.encode(base)
    assert np.array_equal(codes, codec.encode(base))
    assert np.isfinite(codec.decode(codes)).all()


def test_the_parts_rebuild_it(clustered):
    base = clustered(500, 64)
    codec = get("rq_trellis")(64, "l2", stages=2, level_bytes=16).fit(base)
    again = get("rq_trellis").from_parts(codec.params(), codec.parts())
    assert np.array_equal(again.encode(base), codec.encode(base))


def test_stages_of_few_centroids_are_searched_by_the_same_beam(clustered):
    base = clustered(700, 24)  # 64 vectors a centroid make eight of them
    codec = for_budget("rq_trellis", 24, 12, "ip", stages=3, **FIXED).fit(base)
    assert codec.parts()["codebooks"].shape == (3, 8, 24)
    codes = codec.encode(base)
    assert codes[:, :3].max() == 7
    codebooks, found = codec.parts()["codebooks"], np.zeros_like(base)
    for stage in range(3):
        found += codebooks[stage][codes[:, stage]]
    shapes = base / np.linalg.norm(base, axis=1, keepdims=True)
    stages = np.ascontiguousarray(codec.quantizer_.finder.nearest(shapes))
    np.testing.assert_allclose(codec.quantizer_.coarse.sa_decode(stages), found, atol=1e-4)


@pytest.mark.parametrize("n", [300, 2100])
@pytest.mark.parametrize("dim", [1, 2, 300])
def test_the_smallest_code_by_distance_leaves_a_byte_to_levels(dim, n):
    vectors = np.random.default_rng(0).standard_normal((n, dim)).astype(np.float32)
    codec = for_budget("rq_trellis", dim, 3, "l2", state_bits=10).fit(vectors)
    assert codec.encode(vectors).shape == (n, 3)


@pytest.mark.parametrize("gap", [3, 10])
def test_a_scan_tells_documents_of_far_clusters_apart_as_decoded_codes_do(gap):
    rng = np.random.default_rng(0)
    sides = np.where(rng.random(2400) < 0.5, gap, -gap).astype(np.float32)
    vectors = rng.standard_normal((2400, 64), dtype=np.float32)
    vectors += sides[:, None] * rng.standard_normal(64, dtype=np.float32)
    base, queries = vectors[:2000], vectors[2000:]
    codec = for_budget("rq_trellis", 64, 32, "l2", state_bits=10).fit(base)
    codes = codec.encode(base)
    exact = ((queries[:, None] - base) ** 2).sum(axis=2).argsort(axis=1)[:, :10]
    decoded = ((queries[:, None] - codec.decode(codes)) ** 2).sum(axis=2).argsort(axis=1)[:, :10]
    recalls = [
        np.mean([np.isin(a, b).mean() for a, b in zip(ids, exact)])
        for ids in (codec.searcher(codes).search(queries, 10)[1], decoded)
    ]
    assert recalls[0] > recalls[1] - 0.01


@pytest.mark.parametrize(("gap", "centroids"), [(0, 16), (10, 256)])
def test_clusters_far_apart_get_a_centroid_each(gap, centroids, gaussian):
    clusters = np.resize(gaussian(60, 32, 1), (1500, 32))
    base = gaussian(1500, 32) + gap * clusters
    codec = for_budget("rq_trellis", 32, 12, "l2", stages=1, state_bits=10, **FIXED).fit(base)
    assert codec.parts()["codebooks"].shape == (1, centroids, 32)
    near_own = ((codec.decode(codec.encode(base)) - base) ** 2).sum(axis=1) < 32
    assert near_own.mean() > 0.9


def test_a_far_cluster_does_not_move_the_mean_by_distance(gaussian):
    base = gaussian(500, 16)
    base[:10] += 10_000
    codec = for_budget("rq_trellis", 16, 12, "l2", state_bits=10, **FIXED).fit(base)
    assert np.abs(codec.parts()["mean"]).max() < 1


@pytest.mark.parametrize("n", [1, 2, 4, 64])
def test_codes_under_l2_are_the_same_in_parts_of_any_size(n):
    for seed in range(3):
        base = np.random.default_rng(seed).standard_normal((900, 33)).astype(np.float32) + 1
        codec = for_budget("rq_trellis", 33, 12, "l2", state_bits=10).fit(base[:n])
        parts = np.concatenate([codec.encode(base[start : start + 7]) for start in range(0, 900, 7)])
        np.testing.assert_array_equal(parts, codec.encode(base))
