"""Vectors that share a direction are stretched along it; what a product is does not change, but for a constant."""

from __future__ import annotations

import numpy as np
import pytest

from methods import registry
from methods.multivector import Ragged
from methods.multivector.checks import base, queries, recall, sets
from methods.multivector.common_length import CommonLength
from methods.multivector.fde import FixedDimensionalEncoding
from methods.multivector.muvera import Muvera
from methods.multivector.robustness import measure
from methods.multivector.stretch import Stretch

DIM, WIDE = 16, 32


def cone(vectors, cosine=0.75):
    """Unit vectors about a direction, two of them at ``cosine`` on average."""
    common = np.random.default_rng(1).standard_normal(vectors.shape[1])
    found = np.sqrt(1 - cosine) * vectors + np.sqrt(cosine) * common / np.linalg.norm(common)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def wide(role, n, low, high):
    return sets(role, n, low, high, WIDE)


def in_a_cone(plain, cosine=0.75):
    return Ragged(cone(plain.vectors, cosine), plain.offsets)


def recalls(codec, documents, asked):
    return measure(codec, documents, asked).search.mean()


def test_products_are_kept_but_for_a_constant():
    vectors, asked = cone(base().vectors), cone(queries().vectors)
    stretch = Stretch.fit(vectors)
    found = stretch.queries(asked) @ stretch.apply(vectors).T
    expected = asked @ vectors.T - (asked @ stretch.mean)[:, None]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(stretch.restore(stretch.apply(vectors)), vectors, atol=1e-6)
    again = Stretch.from_parts(DIM, stretch.parts())
    assert np.array_equal(again.apply(vectors), stretch.apply(vectors))


def test_projected_vectors_have_nothing_along_the_mean():
    stretch, vectors = Stretch.fit(cone(base().vectors)), cone(queries().vectors)
    projected = stretch.project(vectors)
    np.testing.assert_allclose(projected @ stretch.mean, 0, atol=1e-6)
    np.testing.assert_allclose(stretch.project(projected), projected, atol=1e-6)
    assert np.array_equal(stretch.project(vectors[3:4])[0], projected[3])


def test_errors_of_products_are_least_at_the_factor():
    vectors = cone(base().vectors)
    fitted = Stretch.fit(vectors)

    def error(factor):
        stretch = Stretch(fitted.mean, factor)
        return np.square(stretch.apply(vectors)).mean() * np.square(stretch.queries(vectors)).mean()

    assert fitted.factor > 1.5
    assert error(fitted.factor) < min(error(0.8 * fitted.factor), error(1.25 * fitted.factor), error(1))


@pytest.mark.parametrize("scale", [1e-15, 1e-4, 1, 1e4, 1e15])
def test_the_factor_is_the_same_at_every_scale(scale):
    vectors = cone(base().vectors)
    found = Stretch.fit(vectors * np.float32(scale))
    assert found.factor == pytest.approx(Stretch.fit(vectors).factor, rel=1e-3)


def test_without_a_common_direction_nothing_changes():
    for vectors in (base().vectors, np.zeros((9, DIM), np.float32), cone(base().vectors)[:1]):
        stretch = Stretch.fit(vectors)
        assert stretch.is_identity
        assert stretch.apply(vectors) is vectors
        assert not stretch.parts()
    assert np.isfinite(Stretch.fit(np.ones((9, DIM), np.float32)).apply(base().vectors)).all()


def test_one_long_vector_hides_no_direction_and_makes_none():
    vectors, plain = cone(base().vectors), base().vectors.copy()
    expected = Stretch.fit(vectors)
    vectors[3] = 1000 * vectors[3]
    plain[3] *= 1000
    assert Stretch.fit(vectors).factor == pytest.approx(expected.factor, rel=0.05)
    assert Stretch.fit(plain).is_identity


@pytest.mark.thorough
@pytest.mark.parametrize("cosine", [0.5, 0.75])
@pytest.mark.parametrize("name", ["token_codec", "single_vector_heuristic", "muvera", "mean_pooling"])
def test_a_common_direction_costs_little(name, cosine):
    documents, asked = wide("base", 150, 5, 30), wide("many queries", 300, 2, 8)
    codec = registry.configured(registry.get(name, "multivector"), WIDE, 320, documents.lengths)
    plain = recalls(codec, documents, asked)
    assert recalls(codec, in_a_cone(documents, cosine), in_a_cone(asked, cosine)) > plain - 0.03


def token_codec(codec, documents):
    code_bytes = 20 * int(documents.lengths.mean())
    return registry.configured(
        registry.get("token_codec", "multivector"), WIDE, code_bytes, documents.lengths, codec=codec
    )


@pytest.mark.thorough
@pytest.mark.parametrize("codec", ["pq", "int4", "opq", "osq", "transform_coding"])
def test_a_common_direction_costs_little_by_every_code(codec):
    documents, asked = wide("base", 150, 5, 30), wide("many queries", 300, 2, 8)
    code = token_codec(codec, documents)
    plain = recalls(code, documents, asked)
    assert recalls(code, in_a_cone(documents), in_a_cone(asked)) > plain - 0.03


@pytest.mark.parametrize("codec", ["rabitq", "eden"])
def test_stretching_helps_codes_whose_errors_are_alike_in_all_directions(codec, monkeypatch):
    documents, asked = in_a_cone(wide("base", 150, 5, 30)), in_a_cone(wide("many queries", 300, 2, 8))
    monkeypatch.setattr(CommonLength, "fit", lambda *_: CommonLength())  # which helps these as well
    code = token_codec(codec, documents)
    stretched = recalls(code, documents, asked)
    monkeypatch.setattr(Stretch, "fit_for", lambda codec, vectors: Stretch.none(WIDE))
    assert stretched > recalls(code, documents, asked) + 0.1


@pytest.mark.parametrize("name", ["token_codec", "muvera", "mean_pooling"])
def test_queries_that_do_not_share_the_direction_cost_little(name):
    documents, asked = wide("base", 150, 5, 30), wide("many queries", 300, 2, 8)
    codec = registry.configured(registry.get(name, "multivector"), WIDE, 320, documents.lengths)
    plain = recalls(codec, documents, asked)
    assert recalls(codec, in_a_cone(documents), asked) > plain - 0.03


def test_an_encoding_is_centered_where_vectors_share_a_direction():
    asked = {None: (False, True), True: (True, True), False: (False, False)}
    for center, (plainly, coned) in asked.items():
        codec = Muvera.for_budget(DIM, 64, base().lengths, center=center)
        assert codec.fit(base()).fde_.center is plainly
        assert codec.fit(in_a_cone(base())).fde_.center is coned
        again = Muvera.from_parts(codec.params(), codec.parts())
        assert np.array_equal(again.encode(base()).data, codec.encode(base()).data)


def test_an_encoding_partitions_by_what_is_not_along_the_mean():
    vectors = cone(base().vectors)
    fde = FixedDimensionalEncoding(DIM, 3, 4, fill_empty=False, center=True).fit(vectors, Stretch.fit(vectors))
    for i in range(20):
        one = vectors[i : i + 1]
        elsewhere = fde.encode_queries(one - 3 * fde.stretch_.mean, np.array([0, 1]))
        document, query = fde.encode_documents(one, np.array([0, 1])), fde.encode_queries(one, np.array([0, 1]))
        occupied = [found.reshape(3, 16, DIM).any(axis=2) for found in (document, query, elsewhere)]
        assert np.array_equal(occupied[0], occupied[1])
        assert np.array_equal(occupied[0], occupied[2])
        expected = 3 * float((one[0] - fde.stretch_.mean) @ one[0])
        assert float((document @ query.T)[0, 0]) == pytest.approx(expected, abs=1e-4)


def test_recall_of_plain_vectors_is_what_it_was():
    codec = registry.configured(registry.get("token_codec", "multivector"), DIM, 160, base().lengths).fit(base())
    assert codec.stretch_.is_identity
    assert recall(codec.searcher(codec.encode(base())).search(queries(), 5)[1]) > 0.7
