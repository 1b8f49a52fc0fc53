"""Token codes of levels are scanned, and found to score as what they decode to."""

from __future__ import annotations

import copy
import functools

import numpy as np
import pytest

from methods import registry
from methods.multivector import Ragged
from methods.multivector.common_length import CommonLength
from methods.multivector.product_rows import ProductSetSearcher
from methods.multivector.scanned_levels import LevelSetSearcher
from methods.multivector.token_store import DecodingSetSearcher

DIM, DOCUMENTS, K = 24, 90, 5  # more documents than are decoded for K
CODECS = {"transform_coding": {}, "trellis": {}, "rq_trellis": {"state_bits": 10}, "saq": {}, "mrq": {"bits": 2}}


def made(n, seed, apart=0.0, zeros=False):
    """Sets of 1 to 9 unit vectors in clusters; ``apart`` from the origin, and with vectors of zeros in every third."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(1, 10, n))])
    centers = np.random.default_rng(9).standard_normal((30, DIM)) * np.geomspace(2, 0.3, DIM)
    vectors = centers[rng.integers(0, 30, offsets[-1])] + 0.4 * rng.standard_normal((offsets[-1], DIM)) + apart
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    if zeros:
        vectors[offsets[:-1:3]] = 0
    return Ragged(vectors, offsets)


@functools.cache
def fitted(name, apart):
    params = {"codec": name, "codec_params": CODECS[name]}
    cls = registry.get("token_codec", "multivector")
    return registry.configured(cls, DIM, 100, made(300, 0).lengths, **params).fit(made(300, 0, apart))


def both_searches(codec, documents, asked):
    codes = codec.encode(documents)
    searcher = codec.searcher(codes)
    assert isinstance(searcher, LevelSetSearcher)
    assert searcher.nbytes - searcher.padding <= codes.nbytes
    return searcher.search(asked, K), DecodingSetSearcher(codec, codes, codec.codec_.code_size).search(asked, K)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize(("apart", "zeros"), [(0.0, False), (0.0, True), (2.0, True)])
def test_scanned_codes_score_as_they_decode(name, apart, zeros):
    codec = fitted(name, apart)
    assert codec.stretch_.is_identity == (not apart)
    assert_agree(codec, made(DOCUMENTS, 1, apart, zeros), made(40, 2, apart))


def test_lengths_that_decoding_changes_are_no_part_of_the_scan():
    codec = copy.copy(fitted("trellis", 0.0))
    codec.length_ = CommonLength(1.0)
    assert_agree(codec, made(DOCUMENTS, 1), made(40, 2))


def assert_agree(codec, documents, asked):
    found, expected = both_searches(codec, documents, asked)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-5)
    assert (found[1] == expected[1]).mean() > 0.98  # but for equal scores


def test_the_scan_itself_is_near_and_counts_documents_of_zeros_alone():
    codec, documents = fitted("rq_trellis", 2.0), made(DOCUMENTS, 1, 2.0, True)
    documents.vectors[documents.offsets[3] : documents.offsets[4]] = 0
    codes = codec.encode(documents)
    asked = made(12, 3, 2.0)
    decoded = codec.decode(codes)
    exact = np.maximum.reduceat(asked.vectors @ decoded.vectors.T, decoded.offsets[:-1], axis=1)
    exact = np.add.reduceat(exact, asked.offsets[:-1], axis=0)
    rough = codec.searcher(codes)._scanned(asked)
    assert np.abs(rough - exact).max() < 0.03 * np.abs(exact).max()
    assert not rough[:, 3].any()


@functools.cache
def fitted_product(name):
    params = {"codec": name, "codec_params": {"iterations": 3}}
    cls = registry.get("token_codec", "multivector")
    return registry.configured(cls, DIM, 40, made(300, 0).lengths, **params).fit(made(300, 0))


@pytest.mark.parametrize("name", ["pq", "opq"])
@pytest.mark.parametrize("length", [0.0, 1.0])
def test_product_codes_become_floats_a_document_at_a_time(name, length):
    codec, documents, asked = copy.copy(fitted_product(name)), made(DOCUMENTS, 1), made(40, 2)
    codec.length_ = CommonLength(length)
    codes = codec.encode(documents)
    searcher = codec.searcher(codes)
    assert isinstance(searcher, ProductSetSearcher)
    assert searcher.nbytes == codes.nbytes
    found, expected = (
        each.search(asked, K) for each in (searcher, DecodingSetSearcher(codec, codes, codec.codec_.code_size))
    )
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5, atol=1e-5)
    assert (found[1] == expected[1]).mean() > 0.98  # but for equal scores


def test_product_codes_beside_zeros_or_of_other_maps_are_decoded():
    codec = fitted_product("pq")
    assert isinstance(codec.searcher(codec.encode(made(DOCUMENTS, 1, 0.0, True))), DecodingSetSearcher)
    cls = registry.get("token_codec", "multivector")
    params = {"codec": "quips", "codec_params": {"dim": DIM, "metric": "ip", "subquantizers": 4, "iterations": 2}}
    mapped = cls(DIM, **params).fit(made(300, 0))
    assert isinstance(mapped.searcher(mapped.encode(made(DOCUMENTS, 1))), DecodingSetSearcher)
