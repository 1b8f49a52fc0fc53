"""center=offset: any codec on what vectors have beyond their mean and its direction."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest

from methods import BudgetError, MethodError, Metric, checks, for_budget, registry
from methods.compose.centered import centered
from methods.errors import UnsupportedMetric
from methods.vectors import normalized

OFFERED = [name for name in registry.names() if registry.offers_center(registry.get(name))]
LONG = ("anisotropic_pq", "lsq", "opq", "prq", "quips", "rq")  # trained for seconds; the others stand for them here
DIM = 32
BYTES = {"int8": 34, "int8_global": 34, "int6": 26, "nvq": 31, "lvq": 22, "int4": 18, "random_rotation": 18}
BYTES |= {"eden": 18, "rabitq": 30, "turboquant": 12, "random_projection": 14, "lsq": 4, "rq": 6}
SHOWN = ("int8", "lvq", "pq", "rabitq", "random_projection", "turboquant")  # every way of coding and of scanning once
FAST = {"anisotropic_pq": {"refinements": 1, "iterations": 4}, "lsq": {"iterations": 1, "restarts": 1}}


# What codes lose on kinds of vectors without a common direction is the method's own; the tests below are about one.
CHECKS = [check for check in checks.checks() if check.name != "keeps_its_recall_on_every_kind"]


def _case(name: str):
    return pytest.param(centered(registry.get(name)), marks=() if name in SHOWN else pytest.mark.slow, id=name)


@pytest.mark.thorough
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize("method", [_case(name) for name in OFFERED if name not in LONG])
def test_the_checks_of_every_method(method, check):
    """Quickly on the methods of :data:`SHOWN`; those that code and scan as one of them does are slow tests."""
    check(method)


@functools.cache
def _kind(share: float) -> tuple[np.ndarray, np.ndarray]:
    """1,500 vectors and 200 queries, both of unit norm; ``share`` is the average cosine of two of them."""
    rng = np.random.default_rng(0)
    spread = (
        rng.standard_normal((1700, DIM))
        / np.sqrt(1 + np.arange(DIM))
        @ np.linalg.qr(rng.standard_normal((DIM, DIM)))[0]
    )
    common = normalized(rng.standard_normal((1, DIM)))
    found = normalized(np.sqrt(1 - share) * normalized(spread) + np.sqrt(share) * common)
    return found[:1500], found[1500:]


def _recall(name: str, share: float, metric: str = "ip", scale: float = 1.0, **params) -> float:
    base, queries = _kind(share)
    truth = np.argsort(-(queries.astype(np.float64) @ base.T), axis=1)[:, :10]
    codec = for_budget(name, DIM, BYTES.get(name, 10), metric, **FAST.get(name, {}), **params).fit(base)
    ids = codec.searcher(codec.encode(base)).search(queries * np.float32(scale), 10)[1]
    return float(np.mean([np.isin(row, found).mean() for row, found in zip(truth, ids)]))


@pytest.mark.thorough
@pytest.mark.parametrize("name", OFFERED)
def test_a_common_direction_costs_no_recall(name):
    plain = _recall(name, 0.0, center="offset")
    for metric, scale in (("ip", 0.01), ("cosine", 1.0)):
        assert _recall(name, 0.9, metric, scale, center="offset") > plain - 0.04  # other draws differ by .02


@pytest.mark.parametrize("name", ["pq", "eden", "turboquant", "int4", "random_projection"])
def test_without_it_a_common_direction_costs_much(name):
    assert _recall(name, 0.9, center="offset") > _recall(name, 0.9) + 0.05


@pytest.mark.parametrize("name", ["pq", "int8", "rabitq", "random_projection"])
def test_no_order_depends_on_the_length_of_a_query(name):
    base, queries = _kind(0.75)
    codec = for_budget(name, DIM, 40, "ip", center="offset").fit(base)
    searcher = codec.searcher(codec.encode(base))
    for few in (queries[:3], queries):
        expected = searcher.search(few, 10)[1]
        for scale in (2.0**-20, 2.0**-7, 2.0**20):
            assert (searcher.search(few * np.float32(scale), 10)[1] == expected).mean() > 0.99


@pytest.mark.parametrize("scale", [1e-12, 1e-4, 1e4, 1e12])
def test_codes_do_not_depend_on_the_scale_of_the_vectors(scale):
    base, queries = _kind(0.75)
    found = []
    for factor in (np.float32(1), np.float32(scale)):
        codec = for_budget("pq", DIM, 10, "ip", center="offset").fit(base * factor)
        found.append(codec.searcher(codec.encode(base * factor)).search(queries, 10)[1])
    assert np.mean([np.isin(a, b).mean() for a, b in zip(*found)]) > 0.97


@pytest.mark.parametrize(("name", "size", "steps"), [("pq", 6, 10), ("lvq", 72, 1000)])
def test_an_error_along_the_mean_counts_for_nothing(name, size, steps):
    base = np.hstack([_kind(0.9)[0]] * 2)
    codec = for_budget(name, 2 * DIM, size, "ip", center="offset").fit(base)
    errors = (codec.decode(codec.encode(base)) - base) @ codec.direction_
    assert np.abs(errors).max() < (base @ codec.direction_).std() / steps


def test_scores_are_unbiased_where_vectors_are_their_own_queries():
    base, _ = _kind(0.5)
    codec = for_budget("pq", DIM, 5, "ip", center="offset").fit(base)
    codes = codec.encode(base)
    scores, ids = codec.searcher(codes).search(base, len(base))
    own = scores[ids == np.arange(len(base))[:, None]]
    assert np.median(own) == pytest.approx(1, abs=0.01)
    assert np.median((base * codec.decode(codes)).sum(axis=1)) < 0.97  # decoded vectors are the nearest, and shorter


@pytest.mark.parametrize("name", ["pq", "turboquant"])
def test_one_long_row_costs_the_others_nothing(name):
    base, queries = _kind(0.75)
    longer = base.copy()
    longer[17] *= 1000
    kept = np.arange(len(base)) != 17
    truth = np.argsort(-(queries.astype(np.float64) @ base[kept].T), axis=1)[:, :10]
    recalls = []
    for rows in (base, longer):
        codec = for_budget(name, DIM, 14, "ip", center="offset").fit(rows)
        ids = codec.searcher(codec.encode(rows)[kept]).search(queries, 10)[1]
        recalls.append(np.mean([np.isin(row, found).mean() for row, found in zip(truth, ids)]))
    assert recalls[1] > recalls[0] - 0.02


@pytest.mark.parametrize("name", ["pq", "random_rotation"])
def test_a_stored_codec_comes_back_by_name_and_parameters(name):
    base, queries = _kind(0.5)
    codec = for_budget(name, DIM, 20, "cosine", center="offset").fit(base)
    params = json.loads(json.dumps(codec.params()))
    again = registry.class_of(name, params).from_parts(params, codec.parts())
    codes = codec.encode(base)
    assert np.array_equal(again.encode(base), codes)
    assert np.array_equal(again.searcher(codes).search(queries, 5)[1], codec.searcher(codes).search(queries, 5)[1])


def test_a_codec_inside_another_takes_it_too():
    base, queries = _kind(0.5)
    codec = for_budget("pca", DIM, 10, "ip", codec="pq", codec_params={"center": "offset"}).fit(base)
    codes = codec.encode(base)
    again = type(codec).from_parts(json.loads(json.dumps(codec.params())), codec.parts())
    assert type(codec.codec_) is type(again.codec_) is centered(registry.get("pq"))
    assert np.array_equal(again.searcher(codes).search(queries, 5)[1], codec.searcher(codes).search(queries, 5)[1])


@pytest.mark.parametrize(
    ("budget", "size", "inner"), [(10, 10, 9), (62, 62, 61), (63, 62, 61), (64, 64, 62), (96, 96, 94)]
)
def test_the_inner_code_gets_what_the_offset_leaves(budget, size, inner):
    codec = for_budget("pq", 384, budget, "ip", center="offset")
    assert codec.code_size == size
    assert codec.params() == for_budget("pq", 384, inner, "ip").params() | {"center": "offset"}


def test_the_smallest_code_has_one_byte_for_the_offset():
    assert for_budget("pq", DIM, 2, "ip", center="offset").code_size == 2
    with pytest.raises(BudgetError, match="smallest code is 2 B"):
        for_budget("pq", DIM, 1, "ip", center="offset")


def test_null_is_the_method_itself():
    assert type(for_budget("pq", DIM, 10, "ip", center=None)) is registry.get("pq")
    assert registry.class_of("pq", {"center": None}) is registry.get("pq")


def test_l2_says_that_it_would_change_nothing():
    with pytest.raises(UnsupportedMetric, match="ip and cosine"):
        for_budget("pq", DIM, 10, Metric.L2, center="offset")


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("pq", {"center": "mean"}, "use offset, or null"),
        ("pq", {"centre": "offset"}, "did you mean center"),
        ("pq", {"center": "offset", "renormalize": True}, "renormalize=true is for vectors of unit norm"),
        ("turboquant", {"center": "offset", "store_norm": False}, "store_norm=false is for vectors of unit norm"),
        ("float16", {"center": "offset"}, "no parameter 'center'"),
    ],
)
def test_what_cannot_be_is_refused(name, params, message):
    with pytest.raises(MethodError, match=message):
        for_budget(name, DIM, 200, "ip", **params)
