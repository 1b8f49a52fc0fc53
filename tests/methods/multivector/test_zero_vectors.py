"""Vectors of zeros, which sets are padded with: they stay zeros, teach nothing and change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from methods import registry
from methods.errors import BudgetError
from methods.kernels.encoding.residuals import decode_residuals, decode_residuals_reference
from methods.kernels.scanning.hamming import HammingScanner
from methods.kernels.sets.chamfer import chamfer_search
from methods.kernels.sets.maxsim import least_distances
from methods.multivector import Ragged
from methods.multivector.checks import base, queries, recall
from methods.multivector.colbert_residual import ColbertResidual
from methods.multivector.mean_pooling import MeanPooling
from methods.multivector.rescore import CodecSetStore, RescoredSetSearcher, plan
from methods.multivector.token_codec import TokenCodec
from methods.multivector.zero_vectors import Places, ZeroCode, split_zeros

METHODS = registry.names("multivector")
DIM = 16


def configured(name, code_bytes=320, **params):
    cls = registry.get(name, "multivector")
    return registry.configured(cls, DIM, code_bytes, base().lengths, **{**cls.check_params, **params})


def padded(sets, count=6, *, before=False, zero=0.0):
    """``sets`` with ``count`` vectors of zeros after (or before) those of each."""
    zeros = np.full((count, sets.dim), zero, np.float32)
    return Ragged.from_list(
        [np.concatenate([zeros, sets.set(i)] if before else [sets.set(i), zeros]) for i in range(len(sets))]
    )


def exact(asked, documents, k):
    return chamfer_search(asked.vectors, asked.offsets, documents.vectors, documents.offsets, k)


def near(ids, expected):
    return np.mean([np.isin(row, true).mean() for row, true in zip(ids, expected)])


@pytest.mark.parametrize("name", METHODS)
def test_padding_teaches_a_method_nothing(name):
    plain = configured(name).fit(base(), seed=0)
    for sets in (padded(base()), padded(base(), before=True, zero=-0.0)):
        again = configured(name).fit(sets, seed=0)
        assert plain.parts().keys() == again.parts().keys()
        assert all(np.array_equal(array, again.parts()[key]) for key, array in plain.parts().items())


@pytest.mark.parametrize("name", METHODS)
def test_documents_of_zeros_teach_a_method_nothing(name):
    sets = Ragged.from_list([*(base().set(i) for i in range(len(base()))), np.zeros((3, DIM), np.float32)])
    plain, again = configured(name).fit(base(), seed=0), configured(name).fit(sets, seed=0)
    assert all(np.array_equal(array, again.parts()[key]) for key, array in plain.parts().items())


@pytest.mark.thorough
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("name", METHODS)
def test_padded_documents_are_found_as_others_are(name, before):
    plain, sets = configured(name).fit(base(), seed=0), padded(base(), before=before)
    codec = configured(name).fit(sets, seed=0)
    expected = recall(plain.searcher(plain.encode(base())).search(queries(), 5)[1])
    ids = codec.searcher(codec.encode(sets)).search(queries(), 5)[1]
    assert near(ids, exact(queries(), sets, 5)[1]) > expected - 0.03


def test_padding_changes_no_pooled_vector():
    for codec in (configured("mean_pooling", 64).fit(base()), configured("muvera", 320).fit(base())):
        plain = codec.encode(base()).data
        assert np.array_equal(plain, codec.encode(padded(base())).data)
        assert np.array_equal(plain, codec.encode(padded(base(), before=True, zero=-0.0)).data)


@pytest.mark.thorough
@pytest.mark.parametrize("size", ["smallest", "middle", "largest"])
@pytest.mark.parametrize(
    "codec", ["pq", "int8", "int4", "float16", "rabitq", "opq", "bebr", "transform_coding", "lvq", "osq"]
)
def test_zeros_decode_to_zeros_by_every_code_and_others_do_not(codec, size):
    params = {"codec": codec, "codec_params": {"epochs": 1} if codec == "bebr" else {}}
    with pytest.raises(BudgetError) as error:
        configured("token_codec", 0, **params)
    smallest = error.value.smallest
    code_bytes = {"smallest": smallest, "middle": max(80, smallest), "largest": 1280}[size]
    found = configured("token_codec", code_bytes, **params)
    sets = padded(base(), zero=-0.0)
    for train in (base(), sets):
        found.fit(train)
        decoded = found.decode(found.encode(sets))
        zeros = sets.zeros()
        assert not decoded.vectors[zeros].any()
        assert decoded.vectors[~zeros].any(axis=1).mean() > 0.99
        again = type(found).from_parts(found.params(), found.parts())
        assert np.array_equal(again.decode(found.encode(sets)).vectors, decoded.vectors)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_residuals_of_zeros_decode_to_zeros(bits):
    codec, sets = ColbertResidual(DIM, bits).fit(padded(base())), padded(base(), before=True)
    decoded, zeros = codec.decode(codec.encode(sets)), sets.zeros()
    assert not decoded.vectors[zeros].any()
    np.testing.assert_allclose(np.linalg.norm(decoded.vectors[~zeros], axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_nothing_but_zeros_scores_nothing_but_zeros(name):
    sets = Ragged(np.zeros((40, DIM), np.float32), np.arange(0, 41, 4))
    codec = configured(name).fit(sets)
    for documents in (sets, sets[:1]):
        scores, ids = codec.searcher(codec.encode(documents)).search(queries(), 3)
        assert np.isfinite(scores[:, : len(documents)]).all()
        assert (ids[:, : len(documents)] >= 0).all()
        if codec.searcher(codec.encode(documents)).estimates_metric:
            assert not scores[:, : len(documents)].any()


@pytest.mark.parametrize("name", ["token_codec", "single_vector_heuristic"])
def test_exact_codes_of_padded_sets_have_exact_scores(name):
    """Also where the largest product is that with a vector of zeros."""
    some = [*(base().set(i)[:2] for i in range(20)), np.zeros((3, DIM), np.float32), np.zeros((1, DIM), np.float32)]
    sets = Ragged.from_list([np.concatenate([each, np.zeros((i % 3, DIM), np.float32)]) for i, each in enumerate(some)])
    codec = registry.configured(registry.get(name, "multivector"), DIM, 4 * DIM * 8, sets.lengths, codec="float32").fit(
        sets
    )
    scores, ids = codec.searcher(codec.encode(sets)).search(queries(), len(sets))
    expected = exact(queries(), sets, len(sets))
    np.testing.assert_allclose(scores, expected[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(ids, expected[1])


@pytest.mark.parametrize("name", METHODS)
def test_query_vectors_of_zeros_change_no_result(name):
    codec = configured(name).fit(base())
    searcher = codec.searcher(codec.encode(base()))
    plain = searcher.search(queries(), 5)
    for sets in (padded(queries()), padded(queries(), before=True, zero=-0.0)):
        scores, ids = searcher.search(sets, 5)
        np.testing.assert_array_equal(ids, plain[1])
        np.testing.assert_array_equal(scores, plain[0])


@pytest.mark.parametrize("name", METHODS)
def test_to_a_query_of_zeros_all_documents_score_zero(name):
    codec = configured(name).fit(base())
    asked = Ragged.from_list([queries().set(0), np.zeros((2, DIM), np.float32), queries().set(1)])
    searcher = codec.searcher(codec.encode(base()))
    scores, ids = searcher.search(asked, 4)
    assert not scores[1].any()
    assert ids[1].tolist() == [0, 1, 2, 3]
    assert np.array_equal(ids[[0, 2]], searcher.search(queries()[:2], 4)[1])
    assert searcher.search(asked[1:2], len(base()) + 1)[1][0, -2:].tolist() == [len(base()) - 1, -1]


def test_from_zeros_half_of_the_bits_differ():
    sets = Ragged(np.stack([np.ones(DIM), np.zeros(DIM), -np.ones(DIM)]).astype(np.float32), np.array([0, 1, 2, 3]))
    codec = TokenCodec(DIM, "sign", {"dim": DIM, "metric": "ip", "threshold": "zero"}).fit(sets)
    scores, ids = codec.searcher(codec.encode(sets)).search(sets[:1], 3)
    assert scores.tolist() == [[0, -8, -16]]
    assert ids.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("codec", "params"), [("sign", {"scoring": "asymmetric"}), ("bebr", {"scoring": "adc"}), ("sign", {})]
)
def test_padding_costs_binary_codes_nothing(codec, params):
    plain = configured("token_codec", 160, codec=codec, codec_params=params).fit(base())
    sets = padded(base())
    found = recall(plain.searcher(plain.encode(base())).search(queries(), 5)[1])
    searcher = plain.searcher(plain.encode(sets))
    assert searcher.nbytes - searcher.padding <= plain.encode(sets).nbytes
    assert near(searcher.search(queries(), 5)[1], exact(queries(), sets, 5)[1]) > found - 0.02


@pytest.mark.parametrize("rescored", ["int8", "float16", "residual"])
def test_stores_for_rescoring_keep_zeros(rescored):
    sets = padded(base())
    codec, store = plan("mean_pooling", DIM, 4096, sets.lengths, rescore=rescored)
    codec.fit(sets), store.fit(sets)
    kept = CodecSetStore(store, store.encode(sets))
    assert not kept.gather(np.arange(5)).vectors[sets[:5].zeros()].any()
    searcher = RescoredSetSearcher(codec.searcher(codec.encode(sets)), kept, factor=len(base()), carving=0.9)
    ids = searcher.search(padded(queries()), 5)[1]
    assert near(ids, exact(queries(), sets, 5)[1]) > 0.9


def test_a_set_keeps_its_nonzero_vectors_first():
    vectors = np.zeros((7, 2), np.float32)
    vectors[[1, 3, 4]] = [[1, 0], [2, 0], [3, 0]]
    vectors[0] = -0.0
    sets = Ragged(vectors, np.array([0, 3, 5, 7]))
    assert sets.zeros().tolist() == [True, False, True, False, False, True, True]
    less = sets.without_zeros()
    assert less.vectors[:, 0].tolist() == [1, 2, 3, 0]
    assert less.lengths.tolist() == [1, 2, 1]
    assert less.without_zeros().offsets.tolist() == less.offsets.tolist()
    assert sets.first(sets.zeros(), np.array([2, 1, 1])).vectors[:, 0].tolist() == [0, 1, 2, 0]
    assert sets[1:2].without_zeros().vectors is not None
    assert base().without_zeros() is base()


def test_the_mean_of_a_padded_document_is_that_of_its_vectors():
    codec = MeanPooling(2).fit(Ragged(np.eye(2, dtype=np.float32), np.array([0, 2])))
    sets = Ragged(np.array([[1, 0], [0, 1], [0, 0], [0, 0]], np.float32), np.array([0, 4]))
    assert codec.encode(sets).data.view(np.float32).tolist() == [0.5, 0.5]


def test_a_code_of_one_byte_is_kept_for_zeros_and_others_get_the_next():
    vectors = np.concatenate([np.linspace(-1, -0.5, 128), np.linspace(0.5, 1, 128)])[:, None].astype(np.float32)
    codec = registry.for_budget("pq", 1, 1, "ip").fit(np.repeat(vectors, 20, axis=0))
    zero = ZeroCode.choose(codec, vectors, 0)
    codes = zero.encode(codec.encode, np.concatenate([vectors, [[0]]]).astype(np.float32))
    assert zero.among(codes).tolist() == [False] * 256 + [True]
    decoded = zero.decode(codec.decode, codes, 1)
    assert decoded[-1] == 0
    assert np.abs(decoded[:-1] - vectors).max() < 0.01


def test_places_tell_where_codes_begin_and_who_has_zeros():
    rows, zeros = np.arange(6, dtype=np.uint8)[:, None], np.array([False, True, True, False, False, True])
    kept, places = split_zeros(rows, np.array([0, 2, 3, 5, 6]), zeros)
    assert kept.ravel().tolist() == [0, 3, 4]
    assert places.offsets.tolist() == [0, 1, 1, 3, 3]
    assert places.zeros.tolist() == [True, True, False, True]
    assert places.nbytes == 32
    which, at, begins = places.take(np.array([2, 0, 1]))
    assert (which.tolist(), at.tolist(), begins.tolist()) == ([1, 2, 0], [0, 1, 2], [0, 2, 4, 5])
    assert not Places(np.array([0, 1]), np.array([False])).any_zeros


def test_kernels_know_zeros():
    codes = np.zeros((3, 6), np.uint8)
    codes[:, 0] = [0, 2, 1]  # two centroids, and the number behind them
    centroids, weights = np.eye(2, 8, dtype=np.float32), np.array([-0.1, 0.1, 0.2, 0.3], np.float32)
    found = decode_residuals(codes, centroids, weights)
    assert not found[1].any()
    assert found[[0, 2]].any(axis=1).all()
    np.testing.assert_allclose(found, decode_residuals_reference(codes, centroids, weights), atol=1e-6)


def test_least_distances_are_bounded_where_asked():
    codes = np.array([[0xFF, 0xFF], [0, 1]], np.uint8)
    found = least_distances(
        HammingScanner(codes), np.array([0, 1, 1, 2]), np.zeros((2, 2), np.uint8), np.array([16, 8, 8])
    )
    assert found.tolist() == [32, 16, 2]
