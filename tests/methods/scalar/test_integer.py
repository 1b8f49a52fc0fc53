"""Integer codes: faiss's format, ranges of training, outliers clipped only where that helps."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from methods import MethodError, Metric, for_budget, get
from methods.fitting.ranges import clipped_ranges

QUANTIZER = {
    "int8": faiss.ScalarQuantizer.QT_8bit,
    "int6": faiss.ScalarQuantizer.QT_6bit,
    "int4": faiss.ScalarQuantizer.QT_4bit,
    "int8_global": faiss.ScalarQuantizer.QT_8bit_uniform,
}


@pytest.fixture
def vectors(gaussian):
    return gaussian(500, 19, seed=3)


@pytest.mark.parametrize("name", QUANTIZER)
def test_min_max_ranges_give_the_codes_of_faiss(name, vectors):
    codec = get(name)(19, **({} if name == "int8_global" else {"ranges": "minmax"})).fit(vectors)
    index = faiss.IndexScalarQuantizer(19, QUANTIZER[name], faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    np.testing.assert_array_equal(codec.encode(vectors), index.sa_encode(vectors))


@pytest.mark.parametrize(("name", "size"), [("int8", 19), ("int6", 15), ("int4", 10), ("int8_global", 19)])
def test_code_bytes_round_up(name, size):
    assert for_budget(name, 19, 100, Metric.IP).code_size == size


@pytest.mark.parametrize("name", ["int8", "int6", "int4"])
def test_error_is_at_most_half_a_step_within_the_range(name, vectors):
    codec = get(name)(19, ranges="minmax").fit(vectors)
    error = np.abs(codec.decode(codec.encode(vectors)) - vectors)
    assert (error <= 0.501 * codec.width_ / (2**codec.bits - 1)).all()


def test_clipping_outliers_lowers_the_error_at_4_bits():
    vectors = np.random.default_rng(3).standard_t(4, (4000, 12)).astype(np.float32)
    whole = vectors.min(axis=0), np.ptp(vectors, axis=0)
    codec, error = get("int4")(12).fit(vectors), {}
    for ranges, (low, width) in {"minmax": whole, "clipped": clipped_ranges(vectors, *whole, bits=4)}.items():
        codec._load_parts({"low": low, "width": width})
        error[ranges] = float(((codec.decode(codec.encode(vectors)) - vectors) ** 2).mean())
    assert error["clipped"] < 0.5 * error["minmax"]


def test_ranges_without_outliers_are_left_nearly_whole():
    columns = np.random.default_rng(3).uniform(-1, 1, (1000, 4)).astype(np.float32)
    low, width = columns.min(axis=0), np.ptp(columns, axis=0)
    clipped = clipped_ranges(columns, low, width, bits=8)
    np.testing.assert_allclose(clipped[0], low, atol=0.01)
    np.testing.assert_allclose(clipped[1], width, rtol=0.01)


def test_a_constant_dimension_decodes_exactly(vectors):
    vectors[:, 5] = 0.75
    codec = get("int4")(19, ranges="clipped").fit(vectors)
    np.testing.assert_array_equal(codec.decode(codec.encode(vectors))[:, 5], 0.75)


def test_unknown_ranges_are_refused():
    with pytest.raises(MethodError, match="int4 has no ranges='quantile'; use one of minmax, clipped"):
        for_budget("int4", 8, 4, Metric.IP, ranges="quantile")


@pytest.mark.thorough
@pytest.mark.parametrize("n", [1, 2, 3, 30, 500])
@pytest.mark.parametrize("dim", [1, 3, 15, 16, 19, 31, 100])
@pytest.mark.parametrize("metric", ["ip", "l2"])
@pytest.mark.parametrize("name", QUANTIZER)
def test_scores_are_those_of_decoded_vectors_at_any_dimension_and_count(name, metric, dim, n):
    """The scan of dimensions that fill no registers reads beyond each code, but for the last ones."""
    rng = np.random.default_rng(5)
    vectors, queries = (rng.standard_normal((m, dim)).astype(np.float32) for m in (n, 7))
    codec = get(name)(dim, metric).fit(rng.standard_normal((200, dim)).astype(np.float32))
    codes = codec.encode(vectors)
    searcher = codec.searcher(codes)
    decoded = codec.decode(codes).astype(np.float64)
    exact = queries @ decoded.T if metric == "ip" else -((queries[:, None] - decoded) ** 2).sum(axis=2)
    scores, ids = searcher.search(queries, min(n, 10))
    np.testing.assert_allclose(np.abs(scores), np.abs(np.take_along_axis(exact, ids, axis=1)), rtol=1e-4, atol=1e-4)
    best = -np.sort(-exact, axis=1)[:, : min(n, 10)]
    np.testing.assert_allclose(np.take_along_axis(exact, ids, axis=1), best, rtol=1e-4, atol=1e-4)
    assert searcher.nbytes - searcher.padding == codes.nbytes
    assert searcher.padding < 2 * 128


@pytest.mark.parametrize("metric", ["ip", "l2", "cosine"])
@pytest.mark.parametrize("name", QUANTIZER)
def test_many_queries_find_what_few_find(name, metric):
    rng = np.random.default_rng(7)
    vectors, queries = (rng.standard_normal((n, 19)).astype(np.float32) for n in (400, 60))
    codec = get(name)(19, metric).fit(vectors)
    searcher = codec.searcher(codec.encode(vectors))
    scores, ids = searcher.search(queries, 5)
    few = [searcher.search(queries[at : at + 10], 5) for at in range(0, 60, 10)]
    np.testing.assert_allclose(scores, np.concatenate([found for found, _ in few]), rtol=1e-4, atol=1e-4)
    assert (ids == np.concatenate([found for _, found in few])).mean() > 0.98  # 4 bits tie


def test_many_queries_far_from_the_origin_find_what_few_find():
    rng = np.random.default_rng(7)
    vectors, queries = (1000 + rng.standard_normal((n, 64)).astype(np.float32) for n in (400, 60))
    codec = get("int8")(64, "l2").fit(vectors)
    searcher = codec.searcher(codec.encode(vectors))
    scores, ids = searcher.search(queries, 5)
    few = [searcher.search(queries[at : at + 10], 5) for at in range(0, 60, 10)]
    np.testing.assert_allclose(scores, np.concatenate([found for found, _ in few]), rtol=1e-3)
    assert (ids == np.concatenate([found for _, found in few])).mean() > 0.98


@pytest.mark.parametrize("name", QUANTIZER)
def test_codes_at_the_end_are_found_once(name, vectors):
    codec = get(name)(19).fit(vectors)
    codes = codec.encode(np.ones((40, 19), np.float32))
    _, ids = codec.searcher(codes).search(np.ones((1, 19), np.float32), 40)
    np.testing.assert_array_equal(np.sort(ids[0]), np.arange(40))


@pytest.mark.parametrize("name", QUANTIZER)
def test_where_distances_overflow_no_id_is_given_twice(name, vectors):
    codec = get(name)(19, "l2").fit(vectors)
    codes = codec.encode(np.ones((50, 19), np.float32))
    _, ids = codec.searcher(codes).search(np.full((1, 19), 1e20, np.float32), 50)
    found = ids[0][ids[0] >= 0]
    assert len(np.unique(found)) == len(found)
