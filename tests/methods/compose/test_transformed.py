"""transform + codec is a codec: the budget's rule, scores, parts, and codecs of every kind inside."""

from __future__ import annotations

import json

import numpy as np
import pytest

from methods import BudgetError, MethodError, Metric, NotDecodable, for_budget

TRANSFORMED = ["pca", "random_projection", "random_rotation", "truncation", "leanvec"]


@pytest.fixture
def vectors():
    rng = np.random.default_rng(4)
    spread = rng.standard_normal((400, 24)) / np.sqrt(1 + np.arange(24))
    return (spread @ np.linalg.qr(rng.standard_normal((24, 24)))[0] + 0.2).astype(np.float32)


@pytest.mark.parametrize(
    ("code_bytes", "params", "out_dim", "codec"),
    [
        (48, {}, 96, "int4"),
        (160, {}, 320, "int4"),
        (192, {}, 256, "int6"),
        (300, {}, 296, "int8"),
        (384, {}, 384, "int8"),
        (48, {"codec": "int8"}, 48, "int8"),
        (48, {"codec": "int6"}, 64, "int6"),
        (48, {"codec": "lvq", "codec_params": {"levels": "8"}}, 40, "lvq"),
        (48, {"codec": "osq", "codec_params": {"bits": 4}}, 80, "osq"),  # (48 - 6) * 2, in eights
        (48, {"codec": "pq"}, 384, "pq"),
        (48, {"out_dim": 32}, 32, "int8"),
        (48, {"out_dim": 64}, 64, "int6"),
        (48, {"out_dim": 90}, 90, "int4"),
        (3, {}, 6, "int4"),
    ],
)
def test_the_most_dimensions_that_fit_are_kept(code_bytes, params, out_dim, codec):
    chosen = for_budget("pca", 384, code_bytes, Metric.IP, **params)
    assert (chosen.out_dim, chosen.codec) == (out_dim, codec)
    assert chosen.code_size <= code_bytes


@pytest.mark.parametrize(
    ("code_bytes", "out_dim", "codec"), [(48, 96, "int4"), (287, 384, "int4"), (288, 384, "int6"), (384, 384, "int8")]
)
def test_a_prefix_gives_up_precision_before_dimensions(code_bytes, out_dim, codec):
    chosen = for_budget("truncation", 384, code_bytes, Metric.IP)
    assert (chosen.out_dim, chosen.codec) == (out_dim, codec)


@pytest.mark.parametrize("name", ["pca", "random_rotation"])
@pytest.mark.parametrize("metric", list(Metric))
def test_scores_are_those_of_the_decoded_vectors(name, metric, vectors):
    params = {"out_dim": 10} if name == "pca" else {}
    codec = for_budget(name, 24, 96, metric, codec="float16", **params).fit(vectors)
    codes = codec.encode(vectors)
    queries = vectors[:6] * np.float32(1.5)
    scores, ids = codec.searcher(codes).search(queries, 400)
    decoded = codec.decode(codes).astype(np.float64)[ids]
    if metric is Metric.COSINE:
        queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    difference = decoded - queries[:, None]
    expected = (difference**2).sum(axis=2) if metric is Metric.L2 else (decoded * queries[:, None]).sum(axis=2)
    np.testing.assert_allclose(scores, expected, atol=2e-3)


@pytest.mark.parametrize("name", TRANSFORMED)
def test_params_and_parts_restore_a_trained_inner_codec(name, vectors):
    params = {} if name == "leanvec" else {"codec": "pq", "codec_params": {"bits": 4}}
    codec = for_budget(name, 24, 20 if name == "leanvec" else 6, Metric.COSINE, **params).fit(vectors, seed=3)
    parts = codec.parts()
    assert {key.split(".")[0] for key in parts} <= {"transform", "codec"}
    again = type(codec).from_parts(json.loads(json.dumps(codec.params())), parts)
    np.testing.assert_array_equal(again.encode(vectors), codec.encode(vectors))


@pytest.mark.parametrize("name", TRANSFORMED)
def test_codes_depend_on_their_vector_alone(name, vectors):
    codec = for_budget(name, 24, 24, Metric.IP).fit(vectors)
    one_by_one = np.concatenate([codec.encode(vector[None]) for vector in vectors])
    np.testing.assert_array_equal(codec.encode(vectors), one_by_one)


def test_a_codec_of_hash_codes_inside_is_searched_on_its_own_scale(vectors):
    codec = for_budget("random_rotation", 24, 3, Metric.IP, codec="sign").fit(vectors)
    codes = codec.encode(vectors)
    searcher = codec.searcher(codes)
    inner = codec.codec_.searcher(codes)
    assert (searcher.descending, searcher.estimates_metric) == (inner.descending, inner.estimates_metric)
    mapped = codec.transform_.transform(vectors[:5])
    np.testing.assert_array_equal(searcher.search(vectors[:5], 3)[0], inner.search(mapped, 3)[0])
    if not codec.codec_.decodable:
        with pytest.raises(NotDecodable):
            codec.decode(codes)


def test_a_transform_may_stand_before_a_transform(vectors):
    codec = for_budget("pca", 24, 24, Metric.L2, codec="random_rotation", codec_params={"codec": "int8"}).fit(vectors)
    decoded = codec.decode(codec.encode(vectors))
    assert np.abs(decoded - vectors).max() < 0.05


def test_errors_name_what_would_be_right():
    with pytest.raises(BudgetError, match=r"random_rotation with int4 cannot go down to 10 bytes .* is 192 B"):
        for_budget("random_rotation", 384, 10, Metric.IP)
    with pytest.raises(BudgetError, match=r"pca with lvq cannot go down to 4 bytes .* is 5 B"):
        for_budget("pca", 384, 4, Metric.IP, codec="lvq")
    with pytest.raises(MethodError, match="pca has no out_dim=400; use an integer from 1 to 384"):
        for_budget("pca", 384, 400, Metric.IP, out_dim=400)
    with pytest.raises(MethodError, match="osq has no parameter 'bit'; did you mean bits"):
        for_budget("pca", 384, 400, Metric.IP, codec="osq", codec_params={"bit": 4})
    with pytest.raises(MethodError, match="no method is called 'int88'"):
        for_budget("pca", 384, 400, Metric.IP, codec="int88")
