"""What each method of the track keeps, beyond the checks that all of them pass."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from methods import registry
from methods.errors import BudgetError, MethodError
from methods.kernels.sets.centroid_scores import centroid_chamfer
from methods.kernels.sets.chamfer import chamfer_reference, chamfer_search
from methods.multivector import Ragged
from methods.multivector.checks import base, queries, recall
from methods.multivector.colbert_residual import ColbertResidual
from methods.multivector.idf_pruning import IdfPruning
from methods.multivector.muvera import Muvera
from methods.multivector.rescore import DiskSetStore, RescoredSetSearcher, carve
from methods.multivector.single_vector_heuristic import candidate_lists
from methods.multivector.token_codec import TokenCodec
from methods.multivector.token_pooling import TokenPooling, _cut, _pool
from methods.multivector.token_store import SymbolSetSearcher


def configured(name, code_bytes, **params):
    return registry.configured(registry.get(name, "multivector"), 16, code_bytes, base().lengths, **params)


def fitted_recall(codec):
    codec.fit(base(), seed=0)
    return recall(codec.searcher(codec.encode(base())).search(queries(), 5)[1])


def test_muvera_at_1280_bytes_is_the_papers_10240_dimensions_in_pq_256_8():
    codec = Muvera.for_budget(128, 1280, np.array([150]))
    assert (codec.repetitions, codec.simhash_bits, codec.inner_dim) == (20, 5, 16)
    assert codec.codec_params["dim"] == 10240
    assert codec.codec_params["subquantizers"] == 1280


def test_muvera_narrows_for_fewer_bytes_and_keeps_given_parameters():
    assert Muvera.for_budget(128, 160, np.array([150]))._out_dim == 1280
    assert Muvera.for_budget(128, 1280, np.array([150]), codec="int8")._out_dim == 1280
    given = Muvera.for_budget(128, 64, np.array([150]), repetitions=20, simhash_bits=5, inner_dim=16)
    assert given._out_dim == 10240
    assert Muvera.for_budget(8, 640, np.array([150]), repetitions=2, simhash_bits=3, inner_dim=0)._out_dim == 128


@pytest.mark.thorough
@pytest.mark.parametrize("codec", ["sign", "int8", "rabitq"])
def test_any_dense_method_compresses_the_encoding(codec):
    assert fitted_recall(configured("muvera", 400, codec=codec)) > 0.2


def test_token_codec_scores_binary_codes_by_hamming_distance():
    codec = configured("token_codec", 60, codec="sign").fit(base())
    scores, _ = codec.searcher(codec.encode(base())).search(queries(), 5)
    assert (scores == np.rint(scores)).all()
    assert fitted_recall(configured("token_codec", 60, codec="sign")) > 0.3


def test_a_float_query_against_signs_finds_more_than_its_own_signs():
    found = [
        fitted_recall(configured("token_codec", 60, codec="sign", codec_params={"scoring": scoring}))
        for scoring in ("hamming", "asymmetric")
    ]
    assert found[1] > found[0] + 0.02


@pytest.mark.thorough
@pytest.mark.parametrize("scoring", ["sdc", "adc"])
def test_token_codec_scores_recurrent_binary_codes_without_decoding_them(scoring):
    codec = configured("token_codec", 160, codec="bebr", codec_params={"scoring": scoring}).fit(base())
    codes = codec.encode(base())
    searcher = codec.searcher(codes)
    assert isinstance(searcher, SymbolSetSearcher)
    assert searcher.nbytes - searcher.padding <= codes.nbytes
    held, asked = codec.decode(codes), queries()
    decoded = chamfer_search(asked.vectors, asked.offsets, held.vectors, held.offsets, 5)[1]
    ids = searcher.search(asked, 5)[1]
    assert np.mean([np.isin(row, other).mean() for row, other in zip(ids, decoded)]) > (
        0.95 if scoring == "adc" else 0.7
    )


def test_codes_that_neither_decode_nor_compare_are_refused():
    with pytest.raises(MethodError, match="needs codes that decode to vectors, and those of sign do not"):
        configured("first_k_tokens", 100, codec="sign")


def test_residuals_decode_to_unit_vectors_and_others_are_refused():
    lengths = np.random.default_rng(0).lognormal(0, 0.5, (base().total, 1)).astype(np.float32)
    with pytest.raises(MethodError, match="colbert_residual decodes to unit vectors, and these have lengths up to"):
        configured("colbert_residual", 400).fit(Ragged(base().vectors * lengths, base().offsets))


# bebr is trained in floats: by processor and seed it gains .03 to .09.
@pytest.mark.thorough
@pytest.mark.parametrize(("codec", "gain"), [("sign", 0.05), ("bebr", 0.02)])
def test_encodings_of_queries_are_not_compared_bit_by_bit(codec, gain):
    floats = configured("muvera", 160, codec=codec).fit(base())
    bits = configured("muvera", 160, codec=codec, codec_params={"scoring": "hamming"}).fit(base())
    found, compared = (recall(c.searcher(c.encode(base())).search(queries(), 5)[1]) for c in (floats, bits))
    assert found > compared + gain


def test_pooling_keeps_the_first_vector_and_means_of_clusters():
    vectors = np.array([[9, 9], [0, 1], [0, 1.2], [5, 0], [5.2, 0]], np.float32)
    pooled = _pool(vectors, 3)
    assert pooled[0].tolist() == [9, 9]
    assert sorted(np.round(pooled[1:], 3).tolist()) == [[0, pytest.approx(1.1)], [pytest.approx(5.1), 0]]
    assert _pool(vectors, 1).tolist() == [vectors.mean(axis=0).tolist()]
    assert _pool(vectors, 7) is vectors


@pytest.mark.parametrize("clusters", [1, 2, 7, 39, 40])
def test_clusters_are_those_of_scipy_s_cut(clusters):
    hierarchy = pytest.importorskip("scipy.cluster.hierarchy", reason="token_pooling needs scipy")
    merges = hierarchy.linkage(np.random.default_rng(clusters).standard_normal((40, 8)), "ward")
    assert np.array_equal(_cut(merges, clusters), hierarchy.cut_tree(merges, n_clusters=clusters).ravel())


def test_pooling_uses_the_budget():
    for code_bytes in (60, 120, 240):
        sizes = configured("token_pooling", code_bytes).code_sizes(base().lengths)
        assert 0.85 * code_bytes < sizes.mean() <= code_bytes
    with pytest.raises(MethodError, match=r"factor=0\.5 is out of range"):
        TokenPooling(16, 0.5)


def test_idf_pruning_keeps_what_few_documents_share():
    words = np.eye(8, dtype=np.float32)
    documents = Ragged.from_list([words[[0, 1, 2 + i % 6]] for i in range(60)])
    idf = np.log(60 / np.array([60, 60, *[10] * 6], np.float32))
    codec = IdfPruning.from_parts(IdfPruning(8, 1 / 3, "float32").params(), {"centroids": words, "idf": idf})
    kept = codec.decode(codec.encode(documents))
    assert kept.lengths.tolist() == [1] * 60
    assert np.array_equal(kept.vectors, words[2 + np.arange(60) % 6])


def test_idf_is_the_logarithm_of_the_share_of_documents():
    codec = IdfPruning(16).fit(base())
    assert len(codec.idf_) == len(codec.centroids_)
    assert codec.idf_.min() >= 0
    assert codec.idf_.max() <= np.log(len(base())) + 1e-6


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_residual_takes_four_bytes_and_bits_and_decodes_to_unit_norm(bits):
    codec = ColbertResidual(16, bits).fit(base())
    codes = codec.encode(base())
    assert codes.sizes.tolist() == (base().lengths * (4 + 2 * bits) + 8).tolist()
    decoded = codec.decode(codes)
    np.testing.assert_allclose(np.linalg.norm(decoded.vectors, axis=1), 1, rtol=1e-5)
    cosine = (decoded.vectors * base().vectors).sum(axis=1).mean()
    assert cosine > {1: 0.9, 2: 0.95, 4: 0.99}[bits]


def test_more_residual_bits_find_more_and_below_one_bit_is_refused():
    found = [fitted_recall(ColbertResidual(16, bits)) for bits in (1, 2, 4)]
    assert found[0] <= found[1] + 0.02 <= found[2] + 0.04
    assert found[2] > 0.9
    with pytest.raises(BudgetError, match="colbert_residual cannot go down to 50 bytes"):
        configured("colbert_residual", 50)


def test_centroid_scores_are_chamfer_of_the_centroids():
    rng = np.random.default_rng(0)
    centroids, query = rng.standard_normal((300, 8), np.float32), rng.standard_normal((3, 8), np.float32)
    numbers, offsets = rng.integers(300, size=20), np.array([0, 4, 5, 20])
    codes = np.hstack([numbers.astype("<u4")[:, None].view(np.uint8), np.zeros((20, 2), np.uint8)])
    found = centroid_chamfer(codes, offsets, centroids @ query.T)
    expected = [chamfer_reference(query, centroids[numbers[a:b]]) for a, b in itertools.pairwise(offsets)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_all_vectors_in_float32_give_the_exact_ranking():
    codec = TokenCodec.for_budget(16, 4 * 16 * 40, base().lengths, codec="float32").fit(base())
    scores, ids = codec.searcher(codec.encode(base())).search(queries(), 5)
    expected = chamfer_search(queries().vectors, queries().offsets, base().vectors, base().offsets, 5)
    np.testing.assert_array_equal(ids, expected[1])
    np.testing.assert_allclose(scores, expected[0], rtol=1e-5)


def test_heuristic_candidates_come_once_by_rank_then_score():
    scores = np.array([[0.9, 0.5], [0.8, 0.7]])
    rows = np.array([[0, 3], [5, 1]])  # documents: rows 0-1, 2-3, 4-5
    assert candidate_lists(scores, rows, np.array([0, 2, 4, 6])).tolist() == [0, 2, 1]


def test_rescoring_on_exact_vectors_orders_candidates_exactly():
    codec = configured("mean_pooling", 64).fit(base())
    plain = codec.searcher(codec.encode(base()))
    rescored = RescoredSetSearcher(plain, DiskSetStore(base()), factor=6)
    assert recall(rescored.search(queries(), 5)[1]) > recall(plain.search(queries(), 5)[1])
    everything = RescoredSetSearcher(plain, DiskSetStore(base()), factor=90)
    assert recall(everything.search(queries(), 5)[1]) == 1
    with pytest.raises(MethodError, match="rescore_factor=0"):
        RescoredSetSearcher(plain, DiskSetStore(base()), 0)


def test_carving_keeps_the_sum_and_merges_what_is_near():
    near = np.array([[1, 0], [0.99, 0.14], [0, 1]], np.float32)
    balls = carve(near, 0.7)
    assert balls.total == 2
    np.testing.assert_allclose(balls.vectors.sum(axis=0), near.sum(axis=0), rtol=1e-6)
    assert carve(near, 2.0).total == 3


@pytest.mark.parametrize("scale", [1e-6, 0.01, 30])
def test_carving_heeds_no_scale(scale):
    vectors = queries().vectors[:40]
    balls, scaled = carve(vectors, 0.7), carve(vectors * np.float32(scale), 0.7)
    assert 1 < balls.total < 40
    np.testing.assert_allclose(scaled.vectors, balls.vectors * scale, rtol=1e-5, atol=1e-6 * scale)


def test_the_heuristic_finds_as_many_documents_as_are_asked_for():
    near = np.tile(queries().vectors[:1], (2000, 1))
    documents = Ragged.from_list([*(base().set(i) for i in range(30)), near])
    codec = registry.configured(registry.get("single_vector_heuristic", "multivector"), 16, 600, documents.lengths)
    codec.fit(documents)
    scores, ids = codec.searcher(codec.encode(documents)).search(Ragged(near[:1], np.array([0, 1])), 5)
    assert ids[0, 0] == 30
    assert (ids >= 0).all()
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("dim", [24, 128, 1024])
def test_buckets_of_residuals_are_as_full_for_new_documents(dim):
    centers = np.random.default_rng(3).standard_normal((200, dim))

    def made(n, seed):
        rng = np.random.default_rng(seed)
        vectors = centers[rng.integers(0, 200, 8 * n)] + 0.5 * rng.standard_normal((8 * n, dim))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return Ragged(vectors.astype(np.float32), np.arange(0, 8 * n + 1, 8))

    codec, new = ColbertResidual(dim, 2).fit(made(150, 0)), made(60, 1)
    residuals = codec._residuals(new.vectors)[1]
    shares = np.bincount(np.searchsorted(codec.cutoffs_, residuals).ravel(), minlength=4) / residuals.size
    np.testing.assert_allclose(shares, 0.25, atol=0.02)  # .30 in the outer ones by residuals of training
    decoded = codec.decode(codec.encode(new)).vectors
    assert np.einsum("ij,ij->i", decoded, new.vectors).mean() > 0.95
