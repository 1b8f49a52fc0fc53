"""Short codes of vectors of one length say no factor; what they stand for is made that long."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from methods import for_budget, load
from methods.transform.rq_trellis import size_choice
from methods.transform.rq_trellis.equal_lengths import common_length
from methods.vectors import normalized

FAST = {"state_bits": 10, "gamma": 1.25}


def fitted(base, code_bytes=8, metric="ip", **params):
    codec = for_budget("rq_trellis", base.shape[1], code_bytes, metric, **FAST, **params).fit(base)
    assert codec.code_size <= code_bytes
    return codec


@pytest.fixture(autouse=True)
def without_factor_where_it_can_be(monkeypatch):
    monkeypatch.setattr(size_choice, "_FACTOR_LOSS", 1.0)


@pytest.fixture(scope="module")
def unit():
    """Base (3000, 64) and queries (40, 64) of unit norm."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((64, 64)))[0]
    made = (rng.standard_normal((3040, 64)) / np.arange(1, 65) ** 0.5) @ turn
    return normalized(made[:3000].astype(np.float32)), normalized(made[3000:].astype(np.float32))


@pytest.mark.parametrize("metric", ["ip", "cosine"])
@pytest.mark.parametrize(("offset", "length"), [(False, 1), (True, 1), (True, 3)])
def test_decoded_vectors_have_the_length_and_are_what_scores_are_of(unit, metric, offset, length, tmp_path):
    base, queries = unit
    shift = np.full(64, 0.1 * offset, np.float32)
    base = np.float32(length) * normalized(base + shift)
    codec = fitted(base, metric=metric, offset=offset)
    assert "length" in codec.parts()
    assert not {"factor_scale", "factor_levels"} & set(codec.parts())
    codes, wanted = codec.encode(base), 1 if metric == "cosine" else length
    decoded = codec.decode(codes)
    assert np.allclose(np.linalg.norm(decoded, axis=1), wanted, rtol=1e-4)
    scores, ids = codec.searcher(codes).search(queries, 20)
    exact = queries @ decoded.T
    assert np.abs(np.take_along_axis(exact, ids, 1) - scores).max() < 0.05 * exact.std()
    assert np.abs(-np.sort(-exact, axis=1)[:, :20] - scores).max() < 0.05 * exact.std()
    codec.save(tmp_path / "codec")
    again = load(tmp_path / "codec")
    assert np.array_equal(again.decode(codes), decoded)
    assert np.array_equal(again.encode(base), codes)


def test_searchers_keep_no_more_than_codes_and_give_them_back(unit):
    base = unit[0]
    codec = fitted(base, offset=True)
    codes = codec.encode(base)
    searcher = codec.searcher(codes)
    assert searcher.nbytes - searcher.padding == codes.nbytes
    assert np.array_equal(searcher.codes_of(np.array([70, 3, 2999])), codes[[70, 3, 2999]])


def test_a_byte_more_of_levels_finds_more(unit):
    base, queries = unit
    true = np.argsort(-queries @ base.T, axis=1)[:, :10]

    def recall(**params):
        codec = fitted(base, offset=False, **params)
        ids = codec.searcher(codec.encode(base)).search(queries, 10)[1]
        return np.mean([np.isin(a, b).mean() for a, b in zip(ids, true)])

    assert recall() > recall(scale="renormalized") + 0.02


def test_no_rows_have_codes_with_and_without_factors(unit):
    for params in ({}, {"scale": "renormalized"}):
        codec = fitted(unit[0], **params)
        searcher = codec.searcher(codec.encode(unit[0]))
        assert searcher.codes_of(np.empty(0, np.int64)).shape == (0, codec.code_size)


@pytest.mark.parametrize("offset", [False, True])
def test_codes_do_not_depend_on_what_is_beside_them(unit, offset):
    base, queries = unit
    codec = fitted(base, offset=offset, candidates=3)
    codes = codec.encode(base)
    parts = [codec.encode(each) for each in (base[:1], base[1:70], base[70:])]
    assert np.array_equal(np.vstack(parts), codes)
    searcher = codec.searcher(codes)
    together = searcher.search(queries, 9)
    for query in range(5):
        alone = searcher.search(queries[query : query + 1], 9)
        assert np.array_equal(alone[1][0], together[1][query])
        assert np.allclose(alone[0][0], together[0][query], rtol=1e-5)


@pytest.mark.parametrize("offset", [False, True])
def test_sets_have_the_largest_product_of_decoded_vectors(unit, offset):
    base, queries = unit
    codec, ends = fitted(base, offset=offset), np.array([0, 100, 101, 3000])
    codes = codec.encode(base)
    exact = queries @ codec.decode(codes).T
    wanted = np.stack([exact[:, low:high].max(axis=1) for low, high in itertools.pairwise(ends)], axis=1)
    assert np.abs(codec.searcher(codes).largest_products(queries, ends) - wanted).max() < 0.05 * exact.std()


def test_held_out_vectors_may_refuse(unit, monkeypatch):
    monkeypatch.setattr(size_choice, "_FACTOR_LOSS", -1.0)
    assert "length" not in fitted(unit[0]).parts()


def test_whatever_is_encoded_is_taken_for_as_long(unit):
    base, _ = unit
    codec = fitted(base)
    decoded = codec.decode(codec.encode(np.vstack([3 * base[:4], 0 * base[:1]])))
    assert np.allclose(np.linalg.norm(decoded, axis=1), 1, rtol=1e-4)
    assert np.array_equal(decoded[:4], codec.decode(codec.encode(base[:4])))


@pytest.mark.parametrize(
    "kind", ["varied", "zero", "long code", "many bytes", "rule", "few", "constant", "narrow cone"]
)
def test_other_codes_say_a_factor(unit, kind):
    base, params, code_bytes = unit[0].copy(), {}, 8
    if kind == "varied":
        base *= np.linspace(1, 1.01, len(base), dtype=np.float32)[:, None]
    if kind == "zero":
        base[17] = 0
    if kind == "long code":
        code_bytes = 16
    if kind == "many bytes":
        base, code_bytes = normalized(np.hstack([base] * 6)), 40
    if kind == "constant":
        base, params = normalized(np.insert(base, 7, np.float32(5), axis=1)), {"offset": False}
    if kind == "narrow cone":
        base, params = normalized(base + np.float32(1)), {"offset": True}
    if kind == "rule":
        params = {"scale": "renormalized"}
    if kind == "few":
        base = base[:1500]
    assert "length" not in fitted(base, code_bytes, **params).parts()


def test_a_common_length_is_that_of_all():
    ones = normalized(np.random.default_rng(0).standard_normal((50, 9)).astype(np.float32))
    for size in (1, 5, 1e-20, 1e18):
        assert common_length(np.float32(size) * ones, np.float32(size) * ones) == pytest.approx(size)
    assert common_length(ones.astype(np.float16).astype(np.float32), ones) == pytest.approx(1, abs=1e-3)
    for other in (np.vstack([ones, 1.1 * ones[:1]]), np.vstack([ones, 0 * ones[:1]]), 0 * ones):
        assert common_length(other, ones) is None
    assert common_length(ones, 0.3 * ones) == pytest.approx(1)
    assert common_length(ones, 0.2 * ones) is None
