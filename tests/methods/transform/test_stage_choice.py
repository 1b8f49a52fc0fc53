"""How many stages a short code has, and codes by distance that have neither factor nor product."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from methods import MethodError, Metric, for_budget, get
from methods.transform.rq_trellis.product_choice import LastBytes, last_bytes
from methods.transform.rq_trellis.quantizer import unsaid
from methods.transform.rq_trellis.stage_choice import chosen_stages


def never(count):
    raise AssertionError("a codec was tried")


@pytest.mark.parametrize(
    ("n", "room", "stages"),
    [(4000, 23, 1), (5000, 23, 2), (16_384, 6, 2), (16_384, 7, 4), (16_384, 31, 4), (5000, 2, 1)],
)
def test_stages_by_training_vectors_and_bytes(n, room, stages):
    assert chosen_stages(never, room, Metric.IP, np.zeros((n, 2), np.float32), 0) == stages


def test_two_stages_by_inner_product_where_lengths_vary():
    vectors = np.random.default_rng(0).standard_normal((16_384, 64)).astype(np.float32)
    assert chosen_stages(never, 11, Metric.IP, vectors, 0) == 4
    vectors[::2] *= np.float32(1.5)
    assert chosen_stages(never, 11, Metric.IP, vectors, 0) == 2


@pytest.mark.parametrize(("better", "chosen"), [(1, 1), (4, 4)])
def test_by_distance_a_trial_decides(better, chosen):
    vectors = np.random.default_rng(0).standard_normal((16_384, 8)).astype(np.float32)

    def codec(count):
        return for_budget("int8" if count == better else "sign", 8, 16, "l2")

    assert chosen_stages(codec, 7, Metric.L2, vectors, 0) == chosen


@pytest.mark.parametrize("metric", ["ip", "l2"])
def test_a_codec_that_chooses_stages_is_rebuilt_from_its_parts(metric, clustered):
    base = clustered(5000, 64)
    codec = for_budget("rq_trellis", 64, 8, metric, state_bits=10, gamma=1.0).fit(base)
    assert codec.params()["stages"] is None
    assert len(codec.parts()["codebooks"]) == 2
    again = get("rq_trellis").from_parts(codec.params(), codec.parts())
    codes = codec.encode(base[:100])
    assert codes.shape == (100, 8)
    assert np.array_equal(again.encode(base[:100]), codes)
    assert np.array_equal(again.decode(codes), codec.decode(codes))


def test_stages_to_be_chosen_need_a_byte_beside_them():
    with pytest.raises(MethodError, match="level_bytes"):
        get("rq_trellis")(64, "l2", stages=None, level_bytes=1)


@pytest.fixture(scope="module")
def sums():
    """Sums of a centroid of each of three codebooks, and noise: (4000, 64)."""
    rng = np.random.default_rng(0)
    books = rng.standard_normal((3, 32, 64), np.float32) * np.array([1, 0.8, 0.6], np.float32)[:, None, None]
    noise = np.float32(0.8) * rng.standard_normal((4000, 64), np.float32)
    return sum(book[rng.integers(0, 32, 4000)] for book in books) + noise


def without_factor(base, **params):
    return get("rq_trellis")(64, "l2", stages=4, level_bytes=3, state_bits=10, **params).fit(base)


def test_codes_without_factor_are_searched_as_they_are_decoded(sums):
    codec = without_factor(sums)
    parts = codec.parts()
    assert 1 <= parts["level_gain"][0] <= 1.3
    assert not {"product_levels", "factor_scale", "factor_levels"} & set(parts)
    assert parts["bits"].sum() == 4  # the factor's byte is one of levels
    codes, queries = codec.encode(sums), sums[:50] + np.float32(0.1)
    assert codes.shape == (4000, 8)
    distances = ((queries[:, None] - codec.decode(codes)) ** 2).sum(axis=2)
    scores, ids = codec.searcher(codes).search(queries, 10)
    np.testing.assert_allclose(scores, np.sort(distances, axis=1)[:, :10], rtol=1e-4)
    np.testing.assert_allclose(np.take_along_axis(distances, ids, axis=1), scores, rtol=1e-4)
    again = get("rq_trellis").from_parts(codec.params(), parts)
    assert np.array_equal(again.encode(sums[:200]), codes[:200])
    assert np.array_equal(again.decode(codes), codec.decode(codes))


def test_more_candidates_leave_less_without_a_factor(sums):
    one, more = without_factor(sums), without_factor(sums, candidates=8)
    centered = sums - one.quantizer_.mean
    assert one.quantizer_.has_factor is more.quantizer_.has_factor is False
    left = [unsaid(each.quantizer_.encode(centered)[1], has_factor=False) for each in (one, more)]
    assert left[1].mean() < 0.99 * left[0].mean()
    as_coded = dataclasses.replace(one.quantizer_, gain=1.0)
    exact = ((centered - as_coded.decode(one.encode(sums), np.ones(4000, np.float32))) ** 2).sum(axis=1)
    np.testing.assert_allclose(left[0], exact, rtol=1e-3)


def test_large_codes_have_a_factor(sums):
    codec = get("rq_trellis")(64, "l2", stages=2, level_bytes=14, state_bits=10, gamma=1.0).fit(sums)
    assert "product_levels" in codec.parts()


def test_few_training_vectors_have_a_factor(sums):
    assert last_bytes(64, 3, never, "renormalized", sums[:1000], 0, small=True) == LastBytes(1)
