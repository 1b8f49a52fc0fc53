"""LEMUR: rows predict scores, for documents that came later too, and features grow with their vectors."""

from __future__ import annotations

import numpy as np
import pytest

from methods import registry
from methods.errors import MethodError
from methods.kernels.sets.chamfer import chamfer_search, chamfer_terms
from methods.multivector import Ragged
from methods.multivector._token_features import TokenFeatures, unit_tokens
from methods.multivector.checks import base, queries, sets
from methods.multivector.lemur import Lemur
from methods.multivector.stretch import Stretch

SMALL = {"features": 96, "tokens": 1024, "epochs": 0}
FLOATS = {"codec": "float32", "codec_params": {"dim": 64, "metric": "ip"}}


def recall(codec, documents, asked, k=5):
    ids = codec.searcher(codec.encode(documents)).search(asked, k)[1]
    true = chamfer_search(asked.vectors, asked.offsets, documents.vectors, documents.offsets, k)[1]
    return np.mean([np.isin(row, other).mean() for row, other in zip(true, ids)])


def test_documents_that_came_later_are_found_without_training():
    known, later = base()[:45], base()[45:]
    codec = Lemur(16, 64, **FLOATS, **SMALL).fit(known)
    before = {name: array.copy() for name, array in codec.parts().items()}
    found = recall(codec, later, queries())
    assert found > 0.6
    assert found > recall(Lemur(16, 64, **FLOATS, **SMALL).fit(later), later, queries()) - 0.15
    assert all(np.array_equal(array, before[name]) for name, array in codec.parts().items())


def test_scores_are_near_chamfer_but_for_a_constant_of_the_query():
    codec = Lemur(16, 64, **FLOATS, **SMALL).fit(base())
    asked = queries()
    scores = codec._query_vectors(asked) @ codec._document_vectors(base()).T
    terms = chamfer_terms(asked.vectors, base().vectors, base().offsets)
    true = np.add.reduceat(terms, asked.offsets[:-1], axis=1).T
    correlations = [np.corrcoef(a, b)[0, 1] for a, b in zip(scores, true)]
    assert np.mean(correlations) > 0.85


@pytest.mark.thorough
def test_training_brings_features_nearer_to_the_terms():
    errors = []
    for epochs in (0, 150):
        codec = Lemur(16, 8, "float32", features=8, tokens=1024, epochs=epochs).fit(base())
        tokens = codec.tokens_.astype(np.float32)
        terms = chamfer_terms(tokens, base().vectors, base().offsets).T
        features = codec.features_(tokens)
        errors.append(np.square(terms - features @ np.linalg.lstsq(features, terms)[0]).mean())
    assert errors[1] < 0.95 * errors[0]


def test_features_grow_with_a_vector_and_zeros_have_none():
    stretch = Stretch(np.full(5, 0.3, np.float32), 2.0)
    features = TokenFeatures.random(5, 7, stretch, np.random.default_rng(0))
    vectors = np.random.default_rng(1).standard_normal((4, 5)).astype(np.float32)
    np.testing.assert_allclose(features(100 * vectors), 100 * features(vectors), rtol=1e-4)
    assert not features(np.zeros((2, 5), np.float32)).any()
    again = TokenFeatures.from_parts(features.parts())
    np.testing.assert_array_equal(again(vectors), features(vectors))


def test_tokens_are_of_unit_length_and_lack_a_part_of_what_all_share():
    rng = np.random.default_rng(0)
    shared = np.eye(6, dtype=np.float32)[0]
    vectors = (0.3 * rng.standard_normal((300, 6)) + shared).astype(np.float32)
    tokens = unit_tokens(vectors, Stretch(shared), rng).astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(tokens, axis=1), 1, atol=2e-3)
    assert tokens[:, 0].mean() < 0.85 * (vectors / np.linalg.norm(vectors, axis=1, keepdims=True))[:, 0].mean()


@pytest.mark.parametrize(("n", "low", "high", "dim"), [(3, 1, 2, 5), (1, 4, 5, 7), (40, 1, 2, 3)])
def test_few_documents_of_few_vectors_and_odd_dimensions(n, low, high, dim):
    documents = sets("few", n, low, high, dim)
    codec = registry.configured(registry.get("lemur", "multivector"), dim, 64, documents.lengths, **SMALL)
    codec.fit(documents)
    scores, ids = codec.searcher(codec.encode(documents)).search(documents, 3)
    assert np.isfinite(scores[ids >= 0]).all()
    assert (ids[:, : min(n, 3)] >= 0).all()


def test_halves_in_another_order_of_memory_are_taken():
    halves = base().vectors.astype(np.float16)
    documents = Ragged(np.asfortranarray(halves), base().offsets)
    codes = [
        Lemur(16, 64, **FLOATS, **SMALL).fit(each).encode(each) for each in (documents, Ragged(halves, base().offsets))
    ]
    assert np.array_equal(codes[0].data, codes[1].data)


def test_more_axes_than_features_are_refused():
    with pytest.raises(MethodError, match="out_dim=97 is out of range; use an integer from 1 to 96"):
        Lemur(16, 97, **SMALL)
