"""Scans by tables of bytes against NumPy."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from methods.kernels.errors import KernelError
from methods.kernels.reference import best, symbols
from methods.kernels.scanning.byte_tables import (
    COSINE,
    FACTORS,
    NORM,
    PLAIN,
    ByteTableScan,
    Scoring,
    byte_tables,
)
from methods.kernels.scanning.ranged import Visits

N, NQ, SIZE = 700, 5, 13
RUNS = [(0, 5), (7, 3)]  # bytes 5 and 6 hold a norm, the last three are not read


def _random(seed=0):
    """Codes, tables of small integers (sums are exact, and many are equal), and NumPy's sums (nq, n)."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (N, SIZE), dtype=np.uint8)
    codes[N // 2 :] = codes[: N // 2]  # duplicates
    tables = rng.integers(-3, 4, (NQ, 8, 256)).astype(np.float32)
    return codes, tables, _sums(codes, tables)


def _sums(codes, tables):
    places = np.concatenate([np.arange(first, first + count) for first, count in RUNS])
    return sum(tables[:, at, codes[:, place]] for at, place in enumerate(places))


def _by_numpy(values, rows, k):
    """The best of ``rows`` of each query's ``values`` (nq, n), padded."""
    rows = np.sort(np.concatenate([np.arange(low, high) for low, high in rows] or [np.empty(0, np.int64)])).astype(int)
    scores, places = best(values[:, rows], min(k, len(rows)), descending=True)
    pad = ((0, 0), (0, k - scores.shape[1]))
    ids = rows[places] if len(rows) else places
    return np.pad(scores, pad, constant_values=-np.inf), np.pad(ids, pad, constant_values=-1)


def _assert_found(results, expected):
    np.testing.assert_array_equal(results[1], expected[1])
    np.testing.assert_array_equal(results[0], expected[0])


@pytest.mark.parametrize("distances", [False, True])
@pytest.mark.parametrize(
    ("bits", "count", "width", "shared"),
    [(8, 6, 3, 1), (8, 6, 4, 2), (8, 4, 20, 2), (4, 5, 2, 1), (2, 7, 1, 1), (1, 13, 1, 1), (4, 3, 17, 1)],
)
def test_tables_hold_what_each_byte_adds(bits, count, width, shared, distances):
    rng = np.random.default_rng(bits)
    codebooks = rng.standard_normal((count, width, 1 << bits), np.float32)
    values = rng.standard_normal((3, count // shared * width), np.float32)
    tables = byte_tables(values, codebooks, shared, distances)
    assert tables.shape == (3, -(-count * bits // 8), 256)
    codes = rng.integers(0, 256, (50, tables.shape[1]), dtype=np.uint8)
    # The first index lies in the lowest bits: read from the end, the order of bits is that of the reference.
    every = 8 * codes.shape[1] // bits
    indices = symbols(codes[:, ::-1], every, bits)[:, ::-1][:, :count]
    cut = np.repeat(values.reshape(3, count // shared, width), shared, axis=1)[:, None]
    chosen = np.stack([codebooks[number, :, indices[:, number]] for number in range(count)], axis=1)[None]
    expected = -((cut - chosen) ** 2).sum(axis=(2, 3)) / 2 if distances else (cut * chosen).sum(axis=(2, 3))
    sums = sum(tables[:, at, codes[:, at]] for at in range(codes.shape[1]))
    np.testing.assert_allclose(sums, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("k", [1, 10, N, N + 5])
def test_all_rows_in_order_and_ties_by_the_smaller_row(k):
    codes, tables, sums = _random()
    _assert_found(ByteTableScan(codes, RUNS).search(tables, k), _by_numpy(sums, [(0, N)], k))


@pytest.mark.parametrize("kind", [PLAIN, FACTORS, COSINE, NORM])
def test_scores_follow_from_sums_and_numbers_in_the_code(kind):
    codes, tables, sums = _random()
    rng = np.random.default_rng(kind)
    codes = np.ascontiguousarray(np.pad(codes, ((0, 0), (0, 8))))
    factors, addends = rng.standard_normal((2, N), np.float32)
    codes[:, SIZE : SIZE + 4], codes[:, SIZE + 4 :] = (each[:, None].view(np.uint8) for each in (factors, addends))
    norms = rng.uniform(0.5, 2, N).astype(np.float16)
    codes[:, 5:7] = norms[:, None].view(np.uint8)
    squares = rng.integers(0, 3, (8, 256)).astype(np.float32)
    squares[:, :40] = 0
    codes[0, [0, 1, 2, 3, 4, 7, 8, 9]] = 0  # no square at all
    sums, norm = _sums(codes, tables), norms.astype(np.float32)
    square = _sums(codes, squares[None])[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = {
            PLAIN: sums,
            FACTORS: sums * factors + np.float32(-0.5) * addends,
            COSINE: np.where(square > 0, sums * (1 / np.sqrt(square)).astype(np.float32), 0),
            NORM: norm * sums - norm**2 * square / 2,
        }[kind]
    scoring = Scoring(kind, 5 if kind == NORM else SIZE, SIZE + 4, -0.5, squares if kind in (COSINE, NORM) else None)
    scores, ids = ByteTableScan(codes, RUNS, scoring).search(tables, N)
    np.testing.assert_allclose(scores, np.take_along_axis(expected, ids, axis=1), rtol=1e-5, atol=1e-5)
    assert (np.sort(ids, axis=1) == np.arange(N)).all()
    assert (np.diff(scores, axis=1) <= 0).all()
    half = N // 2  # a code and its duplicate score the same, wherever they lie
    if kind in (PLAIN, COSINE):
        places = np.argsort(ids, axis=1)
        by_row = np.take_along_axis(scores, places, axis=1)
        np.testing.assert_array_equal(by_row[:, 1:half], by_row[:, half + 1 :])


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [(3, 3)],
        [(0, 1)],
        [(5, 5), (10, 40), (40, 47), (300, N)],
        [(301, 302), (0, 9)],
        [(1, 258)],
    ],
)
def test_some_rows_alone(rows):
    codes, tables, sums = _random()
    part = ByteTableScan(codes, RUNS).within(np.array(rows, np.int64).reshape(-1, 2))
    assert part.size == sum(high - low for low, high in rows)
    _assert_found(part.search(tables, 20), _by_numpy(sums, rows, 20))


@pytest.mark.parametrize("threads", [1, 2])
def test_queries_see_their_own_rows(threads):
    if threads > numba.config.NUMBA_NUM_THREADS:
        pytest.skip("one core")
    codes, tables, sums = _random()
    pieces = np.array([(0, 50), (50, 50), (100, 400), (401, 420), (600, N)])
    visiting = [[4, 0], [1], [0, 2, 1], [2], [0]]  # query 3 visits nothing
    ends = np.append(0, np.cumsum([len(each) for each in visiting]))
    by_piece = Visits(np.concatenate(visiting), ends, pieces, np.arange(len(pieces) + 1))
    by_query = by_piece.by_query(NQ)
    assert by_query.by_query(NQ) is by_query
    assert by_query.most_rows == by_piece.most_rows
    for visits in (by_piece, by_query):
        scores, ids = ByteTableScan(codes, RUNS).within(visits).search(tables, 30, threads)
        for query in range(NQ):
            own = [piece for piece, each in zip(pieces, visiting) if query in each]
            expected = _by_numpy(sums[query : query + 1], own, 30)
            _assert_found((scores[query : query + 1], ids[query : query + 1]), expected)
    later = ByteTableScan(codes, RUNS).within(by_query.of_queries(2, NQ)).search(tables[2:], 30, threads)
    _assert_found(later, (scores[2:], ids[2:]))


def test_visits_of_no_query_are_not_taken_for_those_of_the_next():
    visits = Visits(np.array([0, 1]), np.array([0, 2, 2]), np.array([(0, 5), (7, 9)]), np.array([0, 1, 2]))
    by_query = visits.by_query(2)  # as many visits as queries, and both queries in the first
    np.testing.assert_array_equal(by_query.ranges, [(0, 5), (0, 5)])
    np.testing.assert_array_equal(by_query.range_ends, [0, 1, 2])


def test_codes_are_read_where_they_are_whatever_their_layout():
    codes, tables, sums = _random()
    expected = _by_numpy(sums, [(0, N)], 9)
    frozen = codes.copy()
    frozen.flags.writeable = False
    assert np.shares_memory(ByteTableScan(frozen, RUNS).codes, frozen)
    for layout in (frozen, np.asfortranarray(codes), np.repeat(codes, 2, axis=0)[::2]):
        _assert_found(ByteTableScan(layout, RUNS).search(tables, 9), expected)


def test_scores_that_are_no_numbers_find_nothing():
    codes, tables, _ = _random()
    tables = tables[:2].copy()
    tables[0], tables[1] = np.nan, -np.inf
    scores, ids = ByteTableScan(codes, RUNS).search(tables, 4)
    assert (ids == -1).all()
    assert (scores == -np.inf).all()


def test_wrong_arguments_are_told():
    codes, tables, _ = _random()
    with pytest.raises(KernelError, match="reach outside of codes of 13 bytes"):
        ByteTableScan(codes, [(0, 14)])
    with pytest.raises(KernelError, match=r"tables must be float32 of shape \(nq, 8, 256\)"):
        ByteTableScan(codes, RUNS).search(tables[:, 1:], 3)
    with pytest.raises(KernelError, match="k=0"):
        ByteTableScan(codes, RUNS).search(tables, 0)


@pytest.mark.parametrize("threads", [1, 2])
def test_shares_of_pieces_are_added_to_their_scores(threads):
    if threads > numba.config.NUMBA_NUM_THREADS:
        pytest.skip("one core")
    codes, tables, sums = _random()
    ranges = np.array([[0, 100], [350, 360], [90, 500], [0, 0], [600, N], [20, 30]])
    shares, ends = np.array([2, -3, 0, 9, 5, 1], np.float32), np.array([0, 2, 3, 5, 5, 6])
    own = np.arange(NQ + 1)
    visits = Visits(own[:-1], own, ranges, ends, shares)
    scores, ids = ByteTableScan(codes, RUNS).within(visits).search(tables, 40, threads)
    for query in range(NQ):
        values, pieces = np.full((1, N), -np.inf, np.float32), slice(ends[query], ends[query + 1])
        for (low, high), share in zip(ranges[pieces], shares[pieces], strict=True):
            values[0, low:high] = sums[query, low:high] + share
        _assert_found((scores[query : query + 1], ids[query : query + 1]), _by_numpy(values, ranges[pieces], 40))
    part = visits.of_queries(1, 3)
    assert part.shares.tolist() == [0, 9, 5]
