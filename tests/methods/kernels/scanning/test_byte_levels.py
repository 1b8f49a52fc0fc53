"""The scan of codes of one byte a dimension against NumPy, and against the flat search of the method that has them."""

from __future__ import annotations

import numpy as np
import pytest

import methods
from methods.kernels.errors import KernelError
from methods.kernels.scanning.byte_levels import ByteLevelScan
from methods.kernels.scanning.ranged import Visits

N, NQ = 203, 5


def scan_of(dim, distances):
    rng = np.random.default_rng(dim)
    codes = rng.integers(0, 256, (N // 2, dim), dtype=np.uint8)
    codes = codes[rng.integers(0, len(codes), N)]  # many are equal
    low, width = rng.uniform(-1, 0, dim).astype(np.float32), rng.uniform(0.5, 2, dim).astype(np.float32)
    queries = rng.standard_normal((NQ, dim)).astype(np.float32)
    vectors = low + width * (codes + np.float32(0.5)) / np.float32(255)
    exact = -((queries[:, None] - vectors) ** 2).sum(axis=2) if distances else queries @ vectors.T
    return ByteLevelScan(codes, low, width, distances), queries, exact


@pytest.mark.parametrize("distances", [False, True])
@pytest.mark.parametrize("dim", [1, 15, 16, 17, 64, 100, 384])
def test_scores_and_order_are_those_of_decoded_vectors(dim, distances):
    scan, queries, exact = scan_of(dim, distances)
    scores, ids = scan.search(queries, N)
    signed = -scores if distances else scores
    assert np.allclose(signed, np.take_along_axis(exact, ids, axis=1), atol=1e-4 * np.abs(exact).max())
    assert (np.diff(signed, axis=1) <= 0).all()
    same = np.diff(scores, axis=1) == 0
    assert same.any()
    assert (np.diff(ids, axis=1)[same] > 0).all()  # ties by the smaller row


@pytest.mark.parametrize("distances", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_each_query_sees_the_rows_that_it_visits(distances, threads):
    scan, queries, exact = scan_of(40, distances)
    ranges = np.array([[0, 3], [3, 3], [50, 121], [200, N]])
    # Three visits: queries 0 and 2 see the first two pieces, query 4 nothing, query 1 the last two.
    visits = Visits(np.array([0, 2, 4, 1]), np.array([0, 2, 3, 4]), ranges, np.array([0, 2, 2, 4]))
    scores, ids = scan.within(visits).search(queries, 5, threads)
    seen = {0: range(3), 2: range(3), 1: [*range(50, 121), *range(200, N)], 3: [], 4: []}
    for query, rows in seen.items():
        best = sorted(rows, key=lambda row: (-exact[query, row], row))[:5]
        assert np.allclose(np.sort(exact[query, ids[query][ids[query] >= 0]]), np.sort(exact[query, best]))
        assert (ids[query, len(best) :] == -1).all()
        assert np.isinf(scores[query, len(best) :]).all()


def test_codes_are_read_where_they_lie_and_their_width_is_checked():
    codes = np.zeros((4, 8), np.uint8)
    codes.setflags(write=False)
    assert np.shares_memory(ByteLevelScan(codes, np.zeros(8), np.ones(8), False).codes, codes)
    with pytest.raises(KernelError, match=r"\(n, 9\)"):
        ByteLevelScan(codes, np.zeros(9), np.ones(9), False)


@pytest.mark.parametrize("metric", ["ip", "cosine", "l2"])
@pytest.mark.parametrize("name", ["int8", "int8_global"])
@pytest.mark.parametrize("dim", [16, 30])
def test_int8_scans_ranges_with_the_scores_of_its_flat_search(name, metric, dim, gaussian):
    base, queries = gaussian(150, dim), gaussian(3, dim, seed=1)
    codec = methods.create(name, dim=dim, budget="4x", metric=metric).fit(base)
    searcher = codec.searcher(codec.encode(base))
    flat, flat_ids = searcher.search(queries, 150)
    part, ids = searcher.within(np.array([[10, 60], [100, 150]])).search(queries, 20)
    inside = (flat_ids >= 10) & (flat_ids < 60) | (flat_ids >= 100)
    for query in range(3):
        assert np.allclose(part[query], flat[query][inside[query]][:20], rtol=1e-4, atol=1e-4)
        assert ((ids[query] >= 10) & (ids[query] < 60) | (ids[query] >= 100)).all()
