"""The best of blocks of scores are those of the whole matrix, ties by the smaller id."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.kernels import reference
from methods.kernels.scanning.block_best import BestScores


@settings(max_examples=40, deadline=None, derandomize=True)
@given(n=st.integers(1, 300), nq=st.integers(1, 7), k=st.integers(1, 40), block=st.integers(1, 200))
def test_blocks_give_the_best_of_the_whole(n: int, nq: int, k: int, block: int):
    rng = np.random.default_rng(n)
    products = rng.integers(-3, 4, (nq, n)).astype(np.float32)  # many ties
    less = rng.integers(0, 2, n).astype(np.float32)
    best = BestScores(nq, k)
    for start in range(0, n, block):
        for query in range(0, nq, 3):
            part = np.ascontiguousarray(products[query : query + 3, start : start + block])
            best.add(part, less[start : start + block], start, query)
    scores, ids = best.results()
    found = min(k, n)
    expected, order = reference.best(products - less, found, True)
    np.testing.assert_array_equal(scores[:, :found], expected)
    np.testing.assert_array_equal(ids[:, :found], order)
    assert (scores[:, found:] == -np.inf).all()
    assert (ids[:, found:] == -1).all()


def test_what_is_not_a_number_is_left_out():
    best = BestScores(1, 3)
    best.add(np.array([[np.nan, 1, -np.inf, 2]], np.float32), np.zeros(4, np.float32), 10)
    assert best.results()[1].tolist() == [[13, 11, -1]]


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="needs two threads")
def test_threads_change_nothing(gaussian):
    products = gaussian(9, 1000)
    found = []
    before = numba.get_num_threads()
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            best = BestScores(9, 20)
            best.add(products, np.zeros(1000, np.float32), 0)
            found.append(best.results())
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(found[0][1], found[1][1])
    np.testing.assert_array_equal(found[0][0], found[1][0])
