"""Chamfer scores equal the plain formula on every path, for halves and floats, whatever the sizes."""

from __future__ import annotations

import kernel_paths
import numpy as np
import pytest

from methods.kernels.errors import KernelError
from methods.kernels.sets.chamfer import chamfer_candidates, chamfer_reference, chamfer_search, chamfer_terms
from methods.kernels.sets.product_chamfer import product_chamfer_search


def sets(lengths, dim, seed, dtype=np.float32):
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return np.random.default_rng(seed).standard_normal((offsets[-1], dim)).astype(dtype), offsets


def reference(queries, query_offsets, vectors, offsets):
    """All scores (nq, n) by the readable formula."""
    return np.array(
        [
            [chamfer_reference(q, d) for d in np.split(vectors, offsets[1:-1])]
            for q in np.split(queries, query_offsets[1:-1])
        ]
    )


@pytest.mark.parametrize("path", kernel_paths.WIDEST)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("dim", [1, 20, 128])
def test_search_equals_the_reference(path, dtype, dim):
    vectors, offsets = sets(np.random.default_rng(1).integers(1, 40, 60), dim, 2, dtype)
    queries, query_offsets = sets([5, 1, 32, 17, 3], dim, 3)
    expected = reference(queries, query_offsets, vectors, offsets)
    scores, ids = chamfer_search(queries, query_offsets, vectors, offsets, 10, 1, path)
    assert scores.dtype == np.float32
    assert ids.dtype == np.int64
    np.testing.assert_allclose(scores, -np.sort(-expected, axis=1)[:, :10], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.take_along_axis(expected, ids, axis=1), scores, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("path", kernel_paths.WIDEST)
@pytest.mark.parametrize("exact", [False, True])
def test_candidates_equal_the_reference(path, exact):
    vectors, offsets = sets([1, 4, 5, 6, 7, 11, 12, 13, 30], 24, 2)
    queries, query_offsets = sets([7, 16, 40], 24, 3)
    expected = reference(queries, query_offsets, vectors, offsets)
    candidates = np.array([[8, 0, -1, 3], [1, 2, 4, 5], [-1, 6, 7, 8]])
    scores = chamfer_candidates(queries, query_offsets, vectors, offsets, candidates, exact=exact, path=path)
    assert (scores == -np.inf).tolist() == (candidates < 0).tolist()
    found, known = candidates >= 0, np.take_along_axis(expected, np.maximum(candidates, 0), axis=1)
    np.testing.assert_allclose(scores[found], known[found], rtol=1e-13 if exact else 1e-5)


def test_threads_change_nothing():
    vectors, offsets = sets(np.random.default_rng(0).integers(1, 9, 101), 16, 1)
    queries, query_offsets = sets([4] * 9, 16, 2)
    one = chamfer_search(queries, query_offsets, vectors, offsets, 20, 1)
    two = chamfer_search(queries, query_offsets, vectors, offsets, 20, 2)
    for a, b in zip(one, two):
        np.testing.assert_array_equal(a, b)


def test_ties_go_to_the_smaller_id():
    document = np.random.default_rng(0).standard_normal((3, 8), np.float32)
    _, ids = chamfer_search(document, np.array([0, 3]), np.tile(document, (5, 1)), np.arange(0, 18, 3), 5, 2)
    assert ids.tolist() == [[0, 1, 2, 3, 4]]


def test_a_batch_larger_than_the_kernel_takes_at_once():
    vectors, offsets = sets([3] * 4, 4, 0)
    queries, query_offsets = sets([700] * 8, 4, 1)
    whole, _ = chamfer_search(queries, query_offsets, vectors, offsets, 4)
    single, _ = chamfer_search(queries[-700:], np.array([0, 700]), vectors, offsets, 4)
    np.testing.assert_array_equal(whole[-1:], single)


def test_results_are_padded_and_sets_without_vectors_never_win():
    vectors, _ = sets([4], 8, 0)
    queries, query_offsets = sets([2], 8, 1)
    scores, ids = chamfer_search(queries, query_offsets, vectors, np.array([0, 0, 4]), 3)
    assert ids.tolist() == [[1, -1, -1]]
    assert np.isfinite(scores).tolist() == [[True, False, False]]


def test_maps_from_a_file_are_read_in_place(tmp_path):
    vectors, offsets = sets([3, 5], 8, 0)
    np.save(tmp_path / "v.npy", vectors)
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    queries, query_offsets = sets([2], 8, 1)
    expected = chamfer_search(queries, query_offsets, vectors, offsets, 2)
    found = chamfer_search(queries, query_offsets, mapped, offsets, 2)
    np.testing.assert_array_equal(found[1], expected[1])


def test_wrong_input_is_one_line():
    vectors, offsets = sets([3, 5], 8, 0)
    queries, query_offsets = sets([2], 8, 1)
    with pytest.raises(KernelError, match="k=0 is not a number of neighbors"):
        chamfer_search(queries, query_offsets, vectors, offsets, 0)
    with pytest.raises(KernelError, match=r"queries must have shape \(total, 8\)"):
        chamfer_search(queries[:, :4], query_offsets, vectors, offsets, 1)
    with pytest.raises(KernelError, match="float32 or float16"):
        chamfer_search(queries, query_offsets, vectors.astype(np.float64), offsets, 1)
    with pytest.raises(KernelError, match="candidate 2 is none of 2"):
        chamfer_candidates(queries, query_offsets, vectors, offsets, np.array([[2]]))


@pytest.mark.parametrize("wrong", [[0, 3, 9], [0, 5, 3], [-1, 3, 8], [], [[0, 3], [3, 8]]])
def test_offsets_beyond_the_vectors_are_refused(wrong):
    vectors, offsets = sets([3, 5], 8, 0)
    wrong = np.array(wrong, np.int64)
    for score in (lambda *each: chamfer_search(*each, 1), lambda *each: chamfer_candidates(*each, np.zeros((2, 1)))):
        with pytest.raises(KernelError, match="offsets must ascend from 0 to at most 8"):
            score(vectors, offsets, vectors, wrong)
        with pytest.raises(KernelError, match="query_offsets must ascend from 0 to at most 8"):
            score(vectors, wrong, vectors, offsets)


def test_candidates_of_another_number_of_queries_are_refused():
    vectors, offsets = sets([3, 5], 8, 0)
    with pytest.raises(KernelError, match=r"candidates must have shape \(2, m\), not \(3, 1\)"):
        chamfer_candidates(vectors, offsets, vectors, offsets, np.zeros((3, 1)))


@pytest.mark.parametrize("path", kernel_paths.WIDEST)
@pytest.mark.parametrize(("m", "width", "length"), [(3, 4, 0.0), (2, 8, 1.0), (5, 3, 2.0)])
def test_product_codes_score_as_the_centroids_that_they_name(path, m, width, length):
    rng = np.random.default_rng(width)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 30, 20))])
    codes = rng.integers(0, 256, (offsets[-1], m), dtype=np.uint8)
    codebooks = rng.standard_normal((m, 256, width), np.float32)
    rows = codebooks[np.arange(m), codes].reshape(len(codes), -1)
    own = np.linalg.norm(rows, axis=1, keepdims=True)
    if length:
        rows = np.where((own > length / 2) & (own < 2 * length), rows / own * length, rows).astype(np.float32)
    asked, bounds = rng.standard_normal((21, m * width), np.float32), np.array([0, 3, 4, 21])
    expected = chamfer_search(asked, bounds, rows, offsets, 7, path=path)
    for threads in (1, 2):
        found = product_chamfer_search(asked, bounds, codes, codebooks, offsets, 7, length, 2.0, threads, path)
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-4)
        assert np.array_equal(found[1], expected[1])


def test_product_codes_of_other_shapes_are_refused():
    asked, bounds, offsets = np.zeros((1, 8), np.float32), np.array([0, 1]), np.array([0, 3])
    with pytest.raises(KernelError, match=r"codebooks must be float32 of shape \(M, 256, width\)"):
        product_chamfer_search(asked, bounds, np.zeros((3, 2), np.uint8), np.zeros((2, 16, 4), np.float32), offsets, 1)
    with pytest.raises(KernelError, match=r"codes must be C-contiguous uint8 of shape \(total, 2\)"):
        product_chamfer_search(asked, bounds, np.zeros((3, 1), np.uint8), np.zeros((2, 256, 4), np.float32), offsets, 1)
    with pytest.raises(KernelError, match="k=0 is not a number of neighbors"):
        product_chamfer_search(asked, bounds, np.zeros((3, 2), np.uint8), np.zeros((2, 256, 4), np.float32), offsets, 0)


@pytest.mark.parametrize("path", kernel_paths.WIDEST)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_terms_are_the_largest_products(path, dtype):
    vectors, offsets = sets([1, 4, 7, 30], 24, 2, dtype)
    queries, _ = sets([37], 24, 3)
    products = queries.astype(np.float64) @ vectors.astype(np.float64).T
    expected = np.maximum.reduceat(products, offsets[:-1], axis=1).T
    np.testing.assert_allclose(chamfer_terms(queries, vectors, offsets, 1, path), expected, rtol=1e-4, atol=1e-4)
    assert np.array_equal(
        chamfer_terms(queries, vectors, offsets, 2, path), chamfer_terms(queries, vectors, offsets, 1, path)
    )
