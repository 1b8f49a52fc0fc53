"""The local search finds what an exhaustive search finds, and never leaves a code worse."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from methods.kernels.fitting.lsq import local_search, objective_reference


def terms(n, m, dim=6, seed=0):
    rng = np.random.default_rng(seed)
    vectors, books = rng.standard_normal((n, dim)), rng.standard_normal((m, 256, dim)) / np.sqrt(m)
    unary = ((books**2).sum(2)[None] - 2 * np.einsum("nd,mkd->nmk", vectors, books)).astype(np.float32)
    binary = (2 * np.einsum("akd,bld->abkl", books, books)).astype(np.float32)
    return vectors, books, unary, binary


def search(codes, unary, binary, restarts=0, sweeps=4):
    m = codes.shape[1]
    places = np.random.default_rng(1).integers(m, size=(restarts, min(4, m)))
    values = np.random.default_rng(2).integers(256, size=places.shape, dtype=np.uint8)
    found = codes.copy()
    local_search(found, unary, binary, places, values, sweeps)
    return found


def test_the_objective_is_the_squared_error_less_the_norm():
    vectors, books, unary, binary = terms(7, 3)
    codes = np.random.default_rng(2).integers(256, size=(7, 3), dtype=np.uint8)
    decoded = sum(books[m][codes[:, m]] for m in range(3))
    expected = ((vectors - decoded) ** 2).sum(1) - (vectors**2).sum(1)
    assert np.allclose(objective_reference(codes, unary, binary), expected, atol=1e-4)


def test_one_codebook_is_searched_exhaustively():
    _, _, unary, binary = terms(20, 1)
    found = search(np.zeros((20, 1), np.uint8), unary, binary)
    assert np.array_equal(found[:, 0], unary[:, 0].argmin(1))


def test_results_are_minima_of_each_index_given_the_others():
    _, _, unary, binary = terms(10, 3)
    found = search(np.zeros((10, 3), np.uint8), unary, binary, sweeps=50)
    least = objective_reference(found, unary, binary)
    for m in range(3):
        for value in range(256):
            other = found.copy()
            other[:, m] = value
            assert (objective_reference(other, unary, binary) >= least - 1e-4).all()


def test_restarts_lower_the_objective_and_never_raise_it():
    _, _, unary, binary = terms(50, 4)
    start = np.random.default_rng(3).integers(256, size=(50, 4), dtype=np.uint8)
    objectives = [objective_reference(start, unary, binary)]
    objectives += [objective_reference(search(start, unary, binary, r), unary, binary) for r in (0, 4, 32)]
    for before, after in pairwise(objectives):
        assert (after <= before + 1e-4).all()
        assert after.sum() < before.sum()
