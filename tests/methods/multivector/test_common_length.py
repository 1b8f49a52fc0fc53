"""Unit vectors decode to unit vectors, and a mean over documents heeds no dimension that says nothing in it."""

from __future__ import annotations

import numpy as np
import pytest

from methods import registry
from methods.checks.kinds import unit
from methods.multivector import Ragged
from methods.multivector.checks import base, sets
from methods.multivector.common_length import CommonLength, order_error
from methods.multivector.kinds import KINDS
from methods.multivector.mean_pooling import MeanPooling
from methods.multivector.robustness import measure
from methods.multivector.stretch import Stretch
from methods.multivector.token_codec import TokenCodec

DIM = 16
ROGUE = KINDS["rogue dimensions"]


def asked():
    return sets("many queries", 200, 2, 8)


def recall(codec, documents, queries):
    return measure(codec, documents, queries).search.mean()


def without_length(monkeypatch):
    monkeypatch.setattr(CommonLength, "fit", lambda *_: CommonLength())


def token_codec(codec="pq", code_bytes=160):
    return registry.configured(registry.get("token_codec", "multivector"), DIM, code_bytes, base().lengths, codec=codec)


def test_unit_vectors_decode_to_unit_vectors():
    codec = token_codec().fit(base())
    assert codec.length_.length == 1
    decoded = codec.decode(codec.encode(base()))
    np.testing.assert_allclose(np.linalg.norm(decoded.vectors, axis=1), 1, atol=1e-6)
    again = TokenCodec.from_parts(codec.params(), codec.parts())
    assert np.array_equal(again.decode(codec.encode(base())).vectors, decoded.vectors)


@pytest.mark.parametrize("scale", [1e-12, 1e-3, 100])
def test_a_length_other_than_one_is_kept(scale):
    vectors = base().vectors * np.float32(scale)
    found = CommonLength.fit(
        vectors, lambda some: some * np.linspace(0.9, 1.1, len(some), dtype=np.float32)[:, None], 0
    )
    assert found.length == pytest.approx(scale, rel=1e-5)
    np.testing.assert_allclose(found.apply(1.1 * vectors), vectors, rtol=1e-4)


@pytest.mark.parametrize("scale", [1e-15, 1, 1e15])
def test_what_is_far_from_the_length_stays_as_it_is(scale):
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((500, 19)) * rng.lognormal(0, 1, (500, 1)) * scale).astype(np.float32)
    vectors[3] = 0
    before, lengths = vectors.copy(), np.linalg.norm(vectors.astype(np.float64), axis=1)
    length = float(np.float32(4 * scale))
    near = (lengths > length / 2) & (lengths < length * 2)
    assert 0.1 < near.mean() < 0.9
    scaled = CommonLength(length).apply(vectors)
    assert np.array_equal(scaled[~near], vectors[~near])
    assert np.array_equal(vectors, before)
    np.testing.assert_allclose(np.linalg.norm(scaled[near].astype(np.float64), axis=1), length, rtol=1e-6)


def test_vectors_of_many_lengths_have_none_in_common():
    lengths = np.random.default_rng(0).lognormal(0, 0.2, (base().total, 1)).astype(np.float32)
    halved = lambda some: some / 2  # noqa: E731
    for vectors in (base().vectors * lengths, np.zeros((50, DIM), np.float32), base().vectors[:20]):
        assert not CommonLength.fit(vectors, halved, 0).length


def test_what_is_exact_is_left_as_it_is():
    found = CommonLength.fit(base().vectors, lambda some: some, 0)
    assert not found.length
    assert found.apply(base().vectors) is base().vectors
    assert not found.parts()


def test_one_long_vector_takes_no_length_from_the_others():
    vectors = sets("base", 120, 5, 30).vectors.copy()
    vectors[7] *= 100
    noisy = lambda some: some * np.random.default_rng(0).uniform(0.8, 1.2, (len(some), 1)).astype(np.float32)  # noqa: E731
    found = CommonLength.fit(vectors, noisy, 0)
    assert found.length == 1
    given = found.apply(np.concatenate([vectors[6:8], np.zeros((1, DIM), np.float32)]))
    np.testing.assert_allclose(np.linalg.norm(given, axis=1), [1, 100, 0], rtol=1e-5)


def test_an_error_that_all_share_is_no_error_of_order():
    vectors = base().vectors
    shift = np.random.default_rng(0).standard_normal(DIM).astype(np.float32)
    assert order_error(vectors[:20], vectors[20:], vectors[20:] + shift) < 1e-12
    assert order_error(vectors[:20], vectors[20:], vectors[20:] * np.float32(0.5)) > 1e-6


def test_rogue_dimensions_cost_token_codes_little(monkeypatch):
    plain = recall(token_codec(), base(), asked())
    rogue = ROGUE.make(base(), asked())
    found = recall(token_codec(), *rogue)
    assert found > plain - 0.03
    without_length(monkeypatch)
    assert found > recall(token_codec(), *rogue) + 0.05


@pytest.mark.parametrize("codec", ["pq", "int4"])
def test_a_length_gains_on_plain_vectors_too(codec, monkeypatch):
    with_length = recall(token_codec(codec, 200), base(), asked())
    without_length(monkeypatch)
    assert with_length > recall(token_codec(codec, 200), base(), asked())


def rogue(given, factor, cone):
    """Sets of unit vectors, two of whose dimensions are so many times as large; in a cone, about a direction."""
    factors = np.ones(given.dim)
    factors[[3, 9]] = factor
    vectors = unit(given.vectors * factors)
    if cone:
        vectors = unit(0.5 * vectors + np.sqrt(0.75) * unit(np.random.default_rng(0).standard_normal((1, given.dim))))
    return Ragged(vectors.astype(np.float32), given.offsets)


@pytest.mark.parametrize("cone", [False, True])
@pytest.mark.parametrize("factor", [5, 30])
def test_mean_pooling_weighs_rogue_dimensions(factor, cone, monkeypatch):
    documents = rogue(sets("base", 150, 5, 30, 64), factor, cone)
    queries = rogue(sets("many queries", 200, 2, 8, 64), factor, cone)
    codec = MeanPooling.for_budget(64, 256, documents.lengths)
    weighed = recall(codec, documents, queries)
    assert np.flatnonzero(codec.weights_ != 1).tolist() == [3, 9]
    again = MeanPooling.from_parts(codec.params(), codec.parts())
    assert np.array_equal(again.encode(documents).data, codec.encode(documents).data)
    monkeypatch.setattr("methods.multivector.mean_pooling._ROGUE", np.inf)
    assert weighed > recall(codec, documents, queries) + 0.05


def test_mean_pooling_weighs_no_ordinary_dimension():
    codec = MeanPooling.for_budget(DIM, 64, base().lengths).fit(base())
    assert (codec.weights_ == 1).all()
    assert "weights" not in codec.parts()
    assert Stretch.fit(base().vectors).is_identity
