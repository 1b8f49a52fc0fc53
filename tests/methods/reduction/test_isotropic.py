"""Isotropy in front of a codec: scores are those of vectors before the map, in all its kinds."""

from __future__ import annotations

import json

import numpy as np
import pytest

from methods import MethodError, Metric, for_budget, load
from methods.errors import NotInFaiss, UnsupportedMetric

TRANSFORMS = [{"transform": name} for name in ("center", "whiten", "ica", "all_but_the_top")]
TRANSFORMS += [{"transform": "whiten", "axes": "pca"}, {"transform": "whiten", "shrinkage": 0.5}]
DIM = 16


def name_of(params):
    return " ".join(str(value) for value in params.values())


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(4)
    spread = rng.standard_normal((400, DIM)) / np.sqrt(1 + np.arange(DIM))
    made = spread @ np.linalg.qr(rng.standard_normal((DIM, DIM)))[0] + 0.3
    made[7] = 0
    return made.astype(np.float32)


def exact(queries, vectors, metric):
    if metric is Metric.L2:
        return np.square(queries[:, None].astype(np.float64) - vectors).sum(axis=2)
    if metric is Metric.COSINE:
        queries, vectors = (x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9) for x in (queries, vectors))
    return queries.astype(np.float64) @ vectors.T


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("params", TRANSFORMS, ids=name_of)
def test_exact_inside_means_exact_scores(params, metric, vectors):
    codec = for_budget("isotropic", DIM, 4 * DIM, metric, codec="float32", **params).fit(vectors)
    codes, queries = codec.encode(vectors), 2 * vectors[:5] + 0.1
    scores, ids = codec.searcher(codes).search(queries, 400)
    decoded = codec.decode(codes)
    expected = exact(queries, decoded if params["transform"] == "all_but_the_top" else vectors, metric)
    if metric is Metric.COSINE and params["transform"] == "all_but_the_top":
        expected = exact(queries / np.linalg.norm(queries, axis=1, keepdims=True), decoded, Metric.IP)
    np.testing.assert_allclose(scores, np.take_along_axis(expected, ids, 1), atol=2e-4 * np.abs(expected).max())


def test_what_is_taken_away_is_the_mean_and_the_top_directions(vectors):
    codec = for_budget("isotropic", DIM, 64, Metric.IP, codec="float32", transform="all_but_the_top", removed=3)
    inside = codec.fit(vectors).transform_.transform(vectors)
    kept = np.sort(np.linalg.eigvalsh(np.cov(vectors.T)))
    np.testing.assert_allclose(np.sort(np.linalg.eigvalsh(np.cov(inside.T)))[3:], kept[:-3], atol=1e-5)
    np.testing.assert_allclose(np.linalg.eigvalsh(np.cov(inside.T))[:3], 0, atol=1e-6)


def test_whitened_queries_are_compared_in_another_similarity(vectors):
    params = {"codec": "float32", "transform": "whiten", "shrinkage": 0}
    codec = for_budget("isotropic", DIM, 64, Metric.IP, queries="mapped", **params).fit(vectors)
    searcher = codec.searcher(codec.encode(vectors))
    scores, ids = searcher.search(vectors[:4], 5)
    inside = codec.transform_.transform(vectors)
    products = inside[:4] @ inside.T
    np.testing.assert_allclose(scores, np.sort(products, axis=1)[:, ::-1][:, :5], rtol=1e-3)
    assert not searcher.estimates_metric
    assert not np.array_equal(ids, np.argsort(-vectors[:4] @ vectors.T, axis=1)[:, :5])


@pytest.mark.parametrize("params", TRANSFORMS, ids=name_of)
def test_a_saved_codec_is_the_same(params, vectors, tmp_path):
    codec = for_budget("isotropic", DIM, 2, Metric.COSINE, codec="sign", **params).fit(vectors, seed=3)
    again = load(codec.save(tmp_path / "codec"))
    codes = codec.encode(vectors)
    np.testing.assert_array_equal(again.encode(vectors), codes)
    for found, expected in zip(*(each.searcher(codes).search(vectors[:9], 5) for each in (again, codec))):
        np.testing.assert_array_equal(found, expected)
    assert json.dumps(codec.params())


def test_parts_are_the_mean_and_what_the_map_needs(vectors):
    sizes = {}
    for params in TRANSFORMS[:4]:
        codec = for_budget("isotropic", DIM, 2, Metric.IP, codec="sign", **params).fit(vectors)
        parts = codec.parts()
        own = {name: array.nbytes for name, array in parts.items() if name.startswith("transform.")}
        sizes[params["transform"]] = sum(own.values()) // 4
    assert sizes == {
        "center": DIM,
        "whiten": DIM + DIM * DIM,
        "ica": DIM + DIM * DIM,
        "all_but_the_top": DIM + DIM,
    }


@pytest.mark.parametrize("params", TRANSFORMS, ids=name_of)
@pytest.mark.parametrize("count", [1, 2, 6])
def test_few_training_vectors_lose_nothing_of_others(count, params, vectors):
    codec = for_budget("isotropic", DIM, 4 * DIM, Metric.IP, codec="float32", **params).fit(vectors[20 : 20 + count])
    decoded = codec.decode(codec.encode(vectors))
    assert np.isfinite(decoded).all()
    if params["transform"] != "all_but_the_top":
        np.testing.assert_allclose(decoded, vectors, atol=1e-4)


def test_one_long_vector_does_not_decide_the_map(vectors):
    broken = vectors.copy()
    broken[0] *= 1000
    mapped = for_budget("isotropic", DIM, 64, Metric.IP, codec="float32").fit(broken).transform_.transform(vectors)
    variances = np.linalg.eigvalsh(np.cov(mapped[1:].T))
    assert variances[-1] < 50 * variances[0]  # 1e4 times without care


def test_whitening_keeps_a_code_from_a_direction_that_all_vectors_share():
    rng = np.random.default_rng(0)
    base, queries = (rng.standard_normal((count, DIM)).astype(np.float32) / 4 + 1 for count in (1000, 100))
    truth = np.argsort(-queries.astype(np.float64) @ base.T, axis=1)[:, :10]

    def recall(name, **params):
        codec = for_budget(name, DIM, 8, Metric.IP, **params).fit(base)
        ids = codec.searcher(codec.encode(base)).search(queries, 10)[1]
        return np.mean([np.isin(row, found).mean() for row, found in zip(truth, ids)])

    assert recall("isotropic", codec="int4") > recall("int4") - 0.02


@pytest.mark.parametrize(
    ("params", "error", "match"),
    [
        ({"transform": "zca"}, MethodError, "transform='zca' is unknown; use one of center, whiten"),
        ({"axes": "ica"}, MethodError, "axes='ica' is unknown; use one of zca, pca"),
        ({"queries": "both"}, MethodError, "queries='both' is unknown; use one of undone, mapped"),
        ({"shrinkage": 1.5}, MethodError, "shrinkage=1.5 is out of range; use a number from 0 to 1"),
        ({"removed": -1}, MethodError, "removed=-1 is out of range; use an integer of at least 0"),
        ({"iterations": 0}, MethodError, "iterations=0 is out of range; use an integer of at least 1"),
        ({"codec": "sign"}, UnsupportedMetric, "isotropic with whiten and sign does not support metric=l2"),
    ],
)
def test_what_cannot_work_is_refused(params, error, match):
    with pytest.raises(error, match=match):
        for_budget("isotropic", DIM, 16, Metric.L2, **params)


def test_bits_are_compared_by_distance_where_the_map_keeps_it(vectors):
    for params in ({"transform": "center"}, {"transform": "whiten", "queries": "mapped"}):
        codec = for_budget("isotropic", DIM, 2, Metric.L2, codec="sign", **params).fit(vectors)
        assert codec.searcher(codec.encode(vectors)).search(vectors[:3], 4)[1].shape == (3, 4)


def test_faiss_has_no_such_index(vectors):
    codec = for_budget("isotropic", DIM, 8, Metric.IP, codec="int4").fit(vectors)
    with pytest.raises(NotInFaiss, match="isotropic has no index in faiss"):
        codec.to_faiss(codec.encode(vectors))
