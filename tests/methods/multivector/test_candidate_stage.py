"""Candidates by centroids: few documents are searched by codes, nearly the same are found, and every byte counts."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from methods import BudgetError, MethodError, registry
from methods.kernels.sets.centroid_scores import numbered_chamfer
from methods.kernels.sets.chamfer import chamfer_search
from methods.multivector import Codes, Ragged
from methods.multivector.candidate_stage import CandidateSetSearcher, centroid_count, numbers_of
from methods.multivector.centroid_tree import CentroidTree
from methods.multivector.centroids import centroid_products
from methods.multivector.checks import base, queries, recall
from methods.multivector.token_codec import TokenCodec

DIM, K = 16, 5


@functools.cache
def fitted(candidates, codec="transform_coding"):
    cls = registry.get("token_codec", "multivector")
    params = {"codec": codec, "candidates": candidates}
    size = 300 + (round(2 * base().lengths.mean()) if candidates else 0)
    return registry.configured(cls, DIM, size, base().lengths, **params).fit(base())


def with_candidates(codec, candidates):
    return TokenCodec.from_parts({**codec.params(), "candidates": candidates}, codec.parts())


@pytest.mark.parametrize("codec", ["transform_coding", "pq", "int8"])
def test_few_candidates_find_nearly_what_all_decoded_codes_do(codec):
    numbered = fitted(1, codec)
    assert numbered.codec_params == fitted(0, codec).codec_params
    codes = numbered.encode(base())
    found = with_candidates(numbered, 18).searcher(codes).search(queries(), K)
    decoded = numbered.decode(codes)
    expected = chamfer_search(queries().vectors, queries().offsets, decoded.vectors, decoded.offsets, K)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    assert (found[1] == expected[1]).mean() > 0.98  # but for equal scores
    few = with_candidates(numbered, 6).searcher(codes).search(queries(), K)
    assert recall(few[1]) > recall(found[1]) - 0.02
    assert recall(found[1]) > 0.9


def test_codes_are_of_what_vectors_have_beyond_their_centroids():
    plain, numbered = (fitted(each, "transform_coding") for each in (0, 1))
    errors = [
        np.square(codec.decode(codec.encode(base())).vectors - base().vectors).sum() for codec in (plain, numbered)
    ]
    assert errors[1] < 0.5 * errors[0]
    few = registry.configured(TokenCodec, DIM, 100, base().lengths, codec="pq", candidates=1).fit(base())
    assert few.whole_.length == 1  # of decoded vectors with their centroids, not of residuals
    assert np.allclose(np.linalg.norm(few.decode(few.encode(base())).vectors, axis=1), 1, atol=1e-5)
    leaves = Ragged(few.tree_.leaves[:9].copy(), np.array([0, 4, 9]))
    assert (
        np.square(few.decode(few.encode(leaves)).vectors - leaves.vectors).sum() < 0.1 * np.square(leaves.vectors).sum()
    )


def test_codes_that_do_not_decode_are_searched_as_they_are():
    plain, numbered = fitted(0, "sign"), fitted(1, "sign")
    codes, expected = numbered.encode(base()), plain.encode(base())
    assert np.array_equal(codes.rows(2 + plain.codec_.code_size)[:, 2:], expected.rows(plain.codec_.code_size))
    searcher = with_candidates(numbered, 18).searcher(codes)
    for one, other in zip(searcher.search(queries(), K), plain.searcher(expected).search(queries(), K)):
        assert np.array_equal(one, other)
    assert not searcher.estimates_metric


def test_only_candidates_are_searched_by_their_codes():
    codec, searched = fitted(1), []
    codes = codec.encode(base())
    searcher = with_candidates(codec, 4).searcher(codes)
    inner = searcher.searcher_of
    searcher.searcher_of = lambda numbers, some: searched.append(len(some)) or inner(numbers, some)
    ids = searcher.search(queries(), K)[1]
    assert searched == [4 * K] * len(queries())
    for i, row in enumerate(ids):
        rough = numbered_chamfer(
            searcher.numbers, searcher._offsets, centroid_products(searcher.tree.leaves, queries().set(i))
        )
        assert np.isin(row, np.argsort(-rough)[: 4 * K]).all()


def test_scores_by_numbers_are_chamfer_of_the_centroids():
    rng = np.random.default_rng(0)
    leaves, query = rng.standard_normal((9, 4)).astype(np.float32), rng.standard_normal((3, 4)).astype(np.float32)
    numbers, offsets = rng.integers(0, 9, 12).astype(np.uint16), np.array([0, 1, 7, 12])
    products = leaves[numbers] @ query.T
    expected = np.maximum.reduceat(products, offsets[:-1], axis=0).sum(axis=1)
    np.testing.assert_allclose(numbered_chamfer(numbers, offsets, leaves @ query.T), expected, rtol=1e-6)


def test_two_bytes_a_vector_are_counted_and_so_are_the_centroids():
    plain, codec = fitted(0), fitted(1)
    assert np.array_equal(codec.code_sizes(base().lengths) - plain.code_sizes(base().lengths), 2 * base().lengths)
    codes = codec.encode(base())
    assert codec.searcher(codes).nbytes == codes.nbytes
    extra = {name: array.nbytes for name, array in codec.parts().items() if name not in plain.parts()}
    assert extra["tree.leaves"] == 4 * DIM * len(codec.tree_)
    assert 0.8 * centroid_count(base().total) < len(codec.tree_) <= centroid_count(base().total)
    cls = registry.get("token_codec", "multivector")
    with pytest.raises(BudgetError) as error:
        registry.configured(cls, DIM, 20, base().lengths, codec="int8", candidates=8)
    smallest = registry.configured(cls, DIM, error.value.smallest, base().lengths, codec="int8", candidates=8)
    assert np.ceil(smallest.code_sizes(base().lengths).mean()) <= error.value.smallest


@pytest.mark.parametrize("name", ["transform_coding", "pq"])
def test_padding_is_no_candidate_for_anything(name):
    codec, zeros = with_candidates(fitted(1, name), 4), np.zeros((3, DIM), np.float32)
    padded = Ragged.from_list([np.concatenate([zeros, base().set(i)]) for i in range(len(base()))] + [zeros])
    searcher, plain = codec.searcher(codec.encode(padded)), codec.searcher(codec.encode(base()))
    masked = Ragged.from_list([np.concatenate([queries().set(i), zeros]) for i in range(len(queries()))])
    scores, ids = searcher.search(masked, K)
    expected = plain.search(queries(), K)
    assert (ids == expected[1]).mean() > 0.99  # a document's score is at least 0 for each vector of a query
    np.testing.assert_allclose(scores, expected[0], rtol=1e-5)
    rough = numbered_chamfer(
        searcher.numbers, searcher._offsets, centroid_products(searcher.tree.leaves, queries().set(0))
    )
    assert rough[-1] == 0
    assert np.array_equal(codec.decode(codec.encode(padded)).zeros(), padded.zeros())


def test_a_leaf_is_the_nearest_of_its_branch_at_any_length():
    vectors = base().vectors
    tree = CentroidTree.fit(vectors, 64, 0)
    numbers = tree.assign(vectors)
    branches = np.square(vectors[:, None] - tree.branches).sum(axis=2).argmin(axis=1)
    for branch, end in enumerate(tree.ends):
        start = tree.ends[branch - 1] if branch else 0
        own = branches == branch
        nearest = np.square(vectors[own][:, None] - tree.leaves[start:end]).sum(axis=2).argmin(axis=1)
        assert (numbers[own] == start + nearest).mean() > 0.99
    assert len(np.unique(numbers)) > 0.9 * len(tree)
    far = CentroidTree.fit(np.ldexp(vectors, 80), 64, 0)
    assert np.array_equal(far.assign(np.ldexp(vectors, 80)), numbers)
    assert np.array_equal(numbers_of(Ragged(np.zeros((2, DIM), np.float32), np.array([0, 2])), tree), [len(tree)] * 2)


def test_fewer_vectors_than_leaves_make_fewer_leaves():
    tree = CentroidTree.fit(np.eye(3, dtype=np.float32), 256, 0)
    assert len(tree) == 3
    assert sorted(tree.assign(np.eye(3, dtype=np.float32))) == [0, 1, 2]


def test_numbers_of_other_codecs_are_refused():
    codes = fitted(1).encode(base())
    other = Codes(np.full_like(codes.data, 255), codes.offsets, codes.fixed)
    with pytest.raises(MethodError, match="another codec's"):
        fitted(1).searcher(other)


@pytest.mark.parametrize("wrong", [-1, 1.5, True])
def test_candidates_that_are_no_number_are_refused(wrong):
    with pytest.raises(MethodError, match=f"candidates={wrong} is out of range"):
        TokenCodec(DIM, candidates=wrong)


def test_a_search_for_everything_needs_no_candidates():
    searcher = fitted(1).searcher(fitted(1).encode(base()))
    assert isinstance(searcher, CandidateSetSearcher)
    assert sorted(searcher.search(queries()[:1], 90)[1][0]) == list(range(90))


@pytest.mark.parametrize("distinct", [0, 1, 2, 3])
def test_equal_vectors_have_one_leaf_that_is_theirs(distinct):
    """Of 600 vectors so many are distinct; 0 are zeros."""
    vectors = np.zeros((600, DIM), np.float32)
    if distinct:
        vectors += np.repeat(np.random.default_rng(0).standard_normal((distinct, DIM)), 600 // distinct, axis=0)
    tree = CentroidTree.fit(vectors, 64, 0)
    numbers = tree.assign(vectors)
    assert 0 <= numbers.min() <= numbers.max() < len(tree) <= 64 + len(tree.branches)
    assert len(np.unique(numbers)) == max(1, distinct)
    np.testing.assert_allclose(tree.named(numbers), vectors, atol=1e-5)


@pytest.mark.parametrize("vector", [np.ones(DIM, np.float32) / 4, np.zeros(DIM, np.float32)])
def test_documents_of_equal_vectors_are_searched(vector):
    documents = Ragged(np.tile(vector, (90, 1)), np.arange(0, 91, 3))
    codec = registry.configured(TokenCodec, DIM, 60, documents.lengths, codec="transform_coding", candidates=2)
    scores, ids = codec.fit(documents).searcher(codec.encode(documents)).search(queries(), K)
    assert ids.min() >= 0
    exact = chamfer_search(queries().vectors, queries().offsets, documents.vectors, documents.offsets, K)[0]
    np.testing.assert_allclose(scores, exact, atol=0.02)
