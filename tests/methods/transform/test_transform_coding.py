"""Transform coding: what the bits go to, what the scales do, what the search finds, unusual data."""

from __future__ import annotations

import numpy as np
import pytest

from methods import BudgetError, MethodError, Metric, for_budget, get
from methods.checks import data
from methods.encoding.gaussian_levels import distortions
from methods.fitting.allocation import allocate, rotated_axes
from methods.transform.transform_coding.codec import TransformCoding


def spectrum(n, dim, seed=0, mean=0.0):
    """Vectors whose standard deviations fall as 1 / (1 + j / 8), rotated, about a mean."""
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(np.random.default_rng(99).standard_normal((dim, dim)))[0]
    return (((rng.standard_normal((n, dim)) / (1 + np.arange(dim) / 8)) @ rotation) + mean).astype(np.float32)


def recall(codec, base, queries, metric, k=10):
    ids = codec.searcher(codec.encode(base)).search(queries, k)[1]
    values = data.metric_values(queries, base, metric)
    true = np.argsort(-values if metric.descending else values, axis=1)[:, :k]
    return np.mean([np.isin(a, b).mean() for a, b in zip(ids, true)])


@pytest.mark.parametrize(("code_bytes", "size"), [(2, 2), (24, 24), (192, 192), (385, 385), (1000, 385)])
def test_every_budget_is_used_up_to_8_bits_a_dimension(code_bytes, size):
    assert TransformCoding.for_budget(384, code_bytes, Metric.IP).code_size == size


def test_the_smallest_code_is_named():
    with pytest.raises(BudgetError, match="2 B"):
        TransformCoding.for_budget(384, 1, Metric.IP)


@pytest.mark.parametrize("total", [1, 20, 60, 128])
def test_allocation_gives_out_all_bits_and_the_best_are_first(total):
    bits = allocate(1 / (1 + np.arange(16.0)) ** 2, total, 1.0, distortions())
    assert bits.sum() == total
    assert bits.max() <= 8
    assert (np.diff(bits) <= 0).all()


def test_allocation_has_the_least_error():
    variances = 1 / (1 + np.arange(6.0)) ** 2
    bits = allocate(variances, 12, 1.0, distortions())
    error = (variances * distortions()[bits]).sum()
    for take in np.flatnonzero(bits > 0):
        for give in range(6):
            other = bits.copy()
            other[take] -= 1
            other[give] += 1
            if other.max() <= 8:
                assert (variances * distortions()[other]).sum() >= error - 1e-12


@pytest.mark.parametrize("dim", [384, 100, 7])
def test_axes_stay_orthonormal_and_keep_the_variance(dim):
    axes = np.linalg.qr(np.random.default_rng(0).standard_normal((dim, dim)))[0].astype(np.float32)
    variances = (1 / (1 + np.arange(dim))).astype(np.float32)
    matrix, spread = rotated_axes(axes, variances, 3)
    used = matrix[:, :dim]
    assert np.allclose(used.T @ used, np.eye(dim), atol=1e-5)
    assert (matrix[:, dim:] == 0).all()
    counts = np.minimum(8, dim - 8 * np.arange(len(spread)))
    assert (spread * counts).sum() == pytest.approx(variances.sum(), rel=1e-4)


def test_error_is_near_what_the_levels_promise():
    vectors = spectrum(4000, 64)
    codec = TransformCoding(64, Metric.L2, level_bytes=24, gamma=1.0, scale="least_squares").fit(vectors)
    error = ((codec.decode(codec.encode(vectors)) - vectors) ** 2).sum(axis=1).mean()
    quantizer = codec.quantizer_
    kept = (8 * quantizer.spreads.astype(np.float64) ** 2 * distortions()[quantizer.bits]).sum()
    dropped = (vectors - vectors.mean(axis=0)).var(axis=0).sum() - (8 * quantizer.spreads.astype(np.float64) ** 2).sum()
    assert error == pytest.approx(kept + dropped, rel=0.05)


def test_each_scale_does_what_it_is_for():
    vectors = spectrum(2000, 64, mean=0.1)
    errors, lengths, products = {}, {}, {}
    centered = vectors - vectors.mean(axis=0)
    for rule in ("least_squares", "renormalized", "unbiased"):
        codec = TransformCoding(64, Metric.IP, level_bytes=12, gamma=1.0, scale=rule).fit(vectors)
        decoded = codec.decode(codec.encode(vectors)) - codec.quantizer_.mean
        errors[rule] = ((decoded - centered) ** 2).sum()
        lengths[rule] = np.abs(np.linalg.norm(decoded, axis=1) / np.linalg.norm(centered, axis=1) - 1).max()
        products[rule] = np.abs((decoded * centered).sum(axis=1) / (centered**2).sum(axis=1) - 1).max()
    assert errors["least_squares"] == min(errors.values())
    assert lengths["renormalized"] < 0.02 < lengths["least_squares"]
    assert products["unbiased"] < 0.02 < products["renormalized"]


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("nq", [1, 30])
def test_search_ranks_by_decoded_vectors(metric, nq):
    base, queries = spectrum(3000, 64, mean=0.2), spectrum(nq, 64, seed=1, mean=0.2)
    codec = for_budget("transform_coding", 64, 33, metric).fit(base)
    codes = codec.encode(base)
    scores, ids = codec.searcher(codes).search(queries, 10)
    if metric is Metric.COSINE:
        queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    exact = data.metric_values(queries, codec.decode(codes), metric.inner)
    assert np.abs(np.take_along_axis(exact, ids, 1) - scores).max() < 0.01 * np.abs(exact).max()


def test_finds_more_than_uniform_bits_at_equal_bytes():
    base, queries = spectrum(5000, 64), spectrum(200, 64, seed=1)
    ours = for_budget("transform_coding", 64, 24, Metric.IP).fit(base)
    eden = for_budget("eden", 64, 24, Metric.IP).fit(base)
    assert ours.code_size == eden.code_size
    assert recall(ours, base, queries, Metric.IP) > recall(eden, base, queries, Metric.IP) + 0.05


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("dim", "n", "metric"),
    [
        (64, 1000, "ip"),
        (64, 1000, "l2"),
        (100, 1000, "ip"),
        (100, 1000, "l2"),
        (768, 200, "ip"),
        pytest.param(1536, 200, "ip", marks=pytest.mark.slow),
        pytest.param(3072, 100, "l2", marks=pytest.mark.slow),
    ],
)
def test_any_dimension_and_few_training_vectors(dim, n, metric):
    base, queries = spectrum(n, dim, mean=0.05), spectrum(10, dim, seed=1, mean=0.05)
    codec = for_budget("transform_coding", dim, dim // 2, metric).fit(base)
    codes = codec.encode(base)
    assert codes.shape == (n, dim // 2)
    assert recall(codec, base, queries, Metric(metric)) > 0.85


def test_norms_that_differ_a_hundredfold_under_l2():
    rng = np.random.default_rng(0)
    base = spectrum(2000, 64) * np.exp(rng.uniform(-2.3, 2.3, (2000, 1))).astype(np.float32)
    codec = for_budget("transform_coding", 64, 48, "l2").fit(base)
    decoded = codec.decode(codec.encode(base))
    assert recall(codec, base, base[:50] * 1.01, Metric.L2) > 0.6
    assert (np.linalg.norm(decoded - base, axis=1) / np.linalg.norm(base, axis=1)).mean() < 0.3


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"scale": "half"}, "use one of"),
        ({"gamma": 0}, "out of range"),
        ({"level_bytes": 0}, "level_bytes=0 is out of range; use an integer from 1 to 64"),
    ],
)
def test_wrong_parameters_are_refused(params, message):
    with pytest.raises(MethodError, match=message):
        get("transform_coding")(64, "ip", **params)


@pytest.mark.parametrize("name", ["transform_coding", "trellis"])
@pytest.mark.parametrize("gap", [10, 10_000])
def test_a_tenth_in_a_far_cluster_costs_the_others_nothing(name, gap):
    vectors, far = spectrum(1100, 32), np.arange(1100) % 10 == 0
    vectors[far] += np.float32(gap * np.linalg.norm(vectors, axis=1).mean() / np.sqrt(32))
    base, queries, queries_far = vectors[:1000], vectors[1000:], far[1000:]
    near, others = base[~far[:1000]], queries[~queries_far]
    fitted = {"level_bytes": 7, "gamma": 1.25, "scale": "least_squares", "metric": Metric.L2}
    alone = recall(get(name)(32, **fitted).fit(near), near, others, Metric.L2)
    assert recall(get(name)(32, **fitted).fit(base), base, others, Metric.L2) > alone - 0.02
