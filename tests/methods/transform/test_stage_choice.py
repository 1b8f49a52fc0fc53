"""How many stages a code has, and codes by distance that have neither factor nor product."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from methods import MethodError, Metric, for_budget, get
from methods.transform.rq_trellis.product_choice import LastBytes, last_bytes
from methods.transform.rq_trellis.quantizer import unsaid
from methods.transform.rq_trellis.stage_choice import _Trial, chosen_stages


def never(count):
    raise AssertionError("a codec was tried")


def found(monkeypatch, recalls):
    """Held-out recalls by number of stages, in place of a trial."""
    monkeypatch.setattr(_Trial, "of_levels_alone", lambda trial: recalls.get(0, 0.0))
    monkeypatch.setattr(_Trial, "of_stages", lambda trial, counts: {count: recalls[count] for count in counts})


def chosen(n, room, metric=Metric.IP, small=True, longer=1.0):
    vectors = np.random.default_rng(0).standard_normal((n, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    vectors[::2] *= np.float32(longer)
    return chosen_stages(room, small, metric, vectors, 1.25, None, 0)


@pytest.mark.parametrize(
    ("n", "room", "small", "stages"),
    [
        (4000, 23, True, 1),
        (4000, 31, True, 2),
        (5000, 23, True, 2),
        (5000, 30, False, 1),
        (5000, 31, False, 2),
        (5000, 2, True, 1),
        (16_384, 2, True, 1),
        (16_384, 6, True, 2),
        (16_384, 7, True, 4),
        (16_384, 47, True, 4),
        (16_384, 30, False, 1),
        (16_384, 31, False, 2),
    ],
)
def test_stages_by_inner_product_of_vectors_and_bytes(n, room, small, stages, monkeypatch):
    found(monkeypatch, {1: 0.5, 2: 0.5, 4: 0.5})
    assert chosen(n, room, small=small) == stages


def test_two_stages_by_inner_product_where_lengths_vary(monkeypatch):
    found(monkeypatch, {1: 0.5, 2: 0.5, 4: 0.5})
    assert chosen(16_384, 11, longer=1.5) == 2


@pytest.mark.parametrize(
    ("metric", "recalls", "small", "stages"),
    [
        (Metric.IP, (0.51, 0.5, 0.5), True, 4),
        (Metric.IP, (0.52, 0.5, 0.5), True, 1),
        (Metric.IP, (0.5, 0.55, 0.5), True, 2),
        (Metric.IP, (0.5, 0.5, 0.51), False, 2),
        (Metric.IP, (0.5, 0.5, 0.52), False, 4),
        (Metric.L2, (0.502, 0.501, 0.5), False, 1),
        (Metric.L2, (0.5, 0.502, 0.501), False, 2),
        (Metric.L2, (0.5, 0.501, 0.502), False, 4),
        (Metric.L2, (0.503, 0.5, 0.49), True, 2),
        (Metric.L2, (0.505, 0.5, 0.5), True, 1),
        (Metric.L2, (0.5, 0.51, 0.511), True, 4),
    ],
)
def test_held_out_vectors_decide_and_by_inner_product_only_clearly(metric, recalls, small, stages, monkeypatch):
    found(monkeypatch, dict(zip((1, 2, 4), recalls)))
    assert chosen(16_384, 40, metric, small=small) == stages


@pytest.mark.parametrize(
    ("n", "alone", "stages"), [(199, 0.1, 0), (200, 0.503, 1), (200, 0.505, 0), (16_383, 0.505, 0)]
)
def test_by_distance_few_vectors_have_one_stage_or_none(n, alone, stages, monkeypatch):
    found(monkeypatch, {0: alone, 1: 0.5})
    assert chosen(n, 40, Metric.L2) == stages


@pytest.mark.parametrize(("alone", "stages"), [(0.513, 2), (0.515, 0)])
def test_by_distance_levels_alone_have_to_find_more_than_any_stages(alone, stages, monkeypatch):
    found(monkeypatch, {0: alone, 1: 0.5, 2: 0.51, 4: 0.5})
    assert chosen(16_384, 40, Metric.L2) == stages


@pytest.mark.parametrize(("n", "gap", "stages"), [(3, 9, 0), (150, 0, 0), (150, 9, 1), (300, 0, 0), (300, 9, 1)])
def test_by_distance_few_vectors_of_clusters_far_apart_have_a_stage(n, gap, stages):
    rng = np.random.default_rng(0)
    clusters = np.float32(gap) * rng.standard_normal((20, 64), np.float32)
    vectors = rng.standard_normal((n, 64), np.float32) + clusters[rng.integers(0, 20, n)]
    assert chosen_stages(7, False, Metric.L2, vectors, 1.25, None, 0) == stages


@pytest.mark.parametrize(("n", "stages"), [(199, 0), (2000, 1)])
def test_by_distance_enough_vectors_along_few_axes_have_a_stage(n, stages):
    rng = np.random.default_rng(10)
    vectors = rng.standard_normal((n, 3), np.float32) @ rng.standard_normal((3, 24), np.float32)
    vectors += np.float32(0.1) * rng.standard_normal((n, 24), np.float32)
    assert chosen_stages(3, False, Metric.L2, vectors, 1.25, None, 0) == stages


def test_by_inner_product_there_is_always_a_stage(monkeypatch):
    found(monkeypatch, {0: 0.9, 1: 0.5, 2: 0.5, 4: 0.5})
    assert chosen(16_384, 40) == 4


@pytest.mark.parametrize("metric", [Metric.IP, Metric.L2])
@pytest.mark.parametrize("n", [200, 5000])
def test_a_trial_searches_vectors_that_it_was_not_trained_on(n, metric):
    vectors = np.random.default_rng(0).standard_normal((n, 32)).astype(np.float32)
    trial = _Trial.of(vectors, 7, True, metric, 1.25, None, 0)
    parts = (trial.sample, *trial.held_out[:2])
    rows = {row.tobytes() for part in parts for row in part}
    assert len(rows) == sum(map(len, parts))
    before = [part.copy() for part in parts]
    first = trial.of_levels_alone(), trial.of_stages([1])
    assert (trial.of_levels_alone(), trial.of_stages([1])) == first
    for part, given in zip(parts, before):
        np.testing.assert_array_equal(part, given)


def test_sparse_vectors_get_more_stages_than_independent_values():
    rng = np.random.default_rng(0)
    independent = rng.standard_normal((16_384, 32), np.float32)
    sparse = independent * (rng.random(independent.shape) < 0.06)
    given = 7, False, Metric.L2
    assert chosen_stages(*given, sparse, 1.25, None, 0) == 4
    assert chosen_stages(*given, independent, 1.25, None, 0) == 0


@pytest.mark.parametrize("metric", [Metric.IP, Metric.L2])
@pytest.mark.parametrize(
    ("kind", "small"), [("zeros", True), ("one", False), ("two", True), ("dim", True), ("huge", False), ("tiny", True)]
)
def test_stages_of_unusual_vectors(kind, small, metric):
    vectors = np.zeros((16_384, 16), np.float32)
    rng = np.random.default_rng(0)
    if kind == "one":
        vectors += 1
    elif kind == "two":
        vectors[::2, 0], vectors[1::2, 1] = 1, 2
    elif kind == "dim":
        vectors[:, 3] = rng.standard_normal(len(vectors))
    elif kind in ("huge", "tiny"):
        vectors[:] = rng.standard_normal(vectors.shape) * (1e12 if kind == "huge" else 1e-12)
    count = chosen_stages(7, small, metric, vectors, 1.25, None, 0)
    assert count in (0, 1, 2, 4)


@pytest.mark.parametrize(("kind", "metric"), [("clusters", "cosine"), ("clusters", "l2"), ("independent", "l2")])
def test_a_codec_that_chooses_stages_has_the_codes_of_one_that_is_told(kind, metric, clustered):
    base = clustered(16_384, 24) if kind == "clusters" else np.random.default_rng(0).standard_normal((16_384, 24))
    given = {"state_bits": 10, "gamma": 1.25, "scale": "renormalized"}
    codec = for_budget("rq_trellis", 24, 8, metric, **given).fit(base)
    assert codec.params()["stages"] is None
    stages = len(codec.parts().get("codebooks", ()))
    assert (stages == 0) == (kind == "independent")
    told = for_budget("rq_trellis", 24, 8, metric, stages=stages, **given).fit(base)
    again = get("rq_trellis").from_parts(codec.params(), codec.parts())
    codes = codec.encode(base[:100])
    assert codes.shape == (100, 8)
    for other in (told, again):
        assert np.array_equal(other.encode(base[:100]), codes)
        assert np.array_equal(other.decode(codes), codec.decode(codes))


@pytest.mark.parametrize("metric", ["ip", "cosine", "l2"])
def test_codes_without_stages_are_those_of_trellis(metric, clustered):
    base, queries = clustered(2000, 24), clustered(20, 24, 1)
    codec, trellis = (
        for_budget(name, 24, 10, metric, state_bits=10, **more).fit(base)
        for name, more in (("rq_trellis", {"stages": 0}), ("trellis", {}))
    )
    codes = codec.encode(base)
    assert codec.code_size == trellis.code_size == 10
    assert np.array_equal(codes, trellis.encode(base))
    assert np.array_equal(codec.decode(codes), trellis.decode(codes))
    for ours, others in zip(codec.searcher(codes).search(queries, 5), trellis.searcher(codes).search(queries, 5)):
        np.testing.assert_array_equal(ours, others)
    again = get("rq_trellis").from_parts(codec.params(), codec.parts())
    assert np.array_equal(again.encode(base), codes)


@pytest.mark.parametrize(("level_bytes", "offset", "least"), [(1, None, 2), (2, True, 3)])
def test_stages_to_be_chosen_need_a_byte_beside_them(level_bytes, offset, least):
    with pytest.raises(MethodError, match=f"level_bytes.*{least} to"):
        get("rq_trellis")(64, "ip", stages=None, level_bytes=level_bytes, offset=offset)


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


def test_stages_need_their_codebooks(sums):
    codec = without_factor(sums)
    parts = {name: part for name, part in codec.parts().items() if name != "codebooks"}
    with pytest.raises(KeyError, match="codebooks"):
        get("rq_trellis").from_parts(codec.params(), parts)
