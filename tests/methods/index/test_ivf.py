"""An inverted file where lists are few, many, empty or equal."""

import tracemalloc

import numpy as np
import pytest

import methods
from methods import MethodError
from methods.index import IVFSearcher, Partition, default_lists

DIM, N = 24, 300


def vectors(n=N, seed=0):
    return np.random.default_rng(seed).standard_normal((n, DIM)).astype(np.float32)


def index_over(base, name="transform_coding", lists=8, metric="l2", **options):
    partition = Partition(DIM, metric, lists).fit(base)
    assigned = partition.assign(base)
    codec = methods.create(name, dim=DIM, budget="4x", metric=metric).fit(base)
    codes = codec.encode(base)
    return IVFSearcher(codec, codes, partition, assigned, partition.lists, **options), codec.searcher(codes)


@pytest.mark.parametrize("lists", [1, 8, N, 10 * N])
@pytest.mark.parametrize("name", ["transform_coding", "pq", "rq"])
def test_all_lists_are_a_scan(lists, name):
    index, flat = index_over(vectors(), name, lists)
    scores, ids = index.search(vectors(5, 1), 20)
    expected, flat_ids = flat.search(vectors(5, 1), 20)
    np.testing.assert_allclose(scores, expected, rtol=1e-4)
    assert np.array_equal(ids, flat_ids)


@pytest.mark.parametrize("metric", ["ip", "l2"])
@pytest.mark.parametrize("exponent", [-100, 66])
def test_lists_are_the_same_where_squares_are_beyond_float32(metric, exponent):
    base, far = vectors(), np.ldexp(vectors(), exponent)
    near, distant = Partition(DIM, metric, 8).fit(base), Partition(DIM, metric, 8).fit(far)
    assert np.array_equal(distant.assign(far), near.assign(base))
    queries = np.ldexp(vectors(5, 1), exponent)
    assert np.array_equal(distant.nearest(queries, 3), near.nearest(vectors(5, 1), 3))


def test_lists_without_codes_are_visited_for_nothing():
    base = vectors()
    partition = Partition(DIM, "l2", 8).fit(base)
    assigned = np.where(partition.assign(base) < 4, 0, 7)
    codec = methods.create("trellis", dim=DIM, budget="4x", metric="l2").fit(base)
    index = IVFSearcher(codec, codec.encode(base), partition, assigned)
    for probes in range(1, 9):
        _, ids = index.probing(probes).search(vectors(20, 1), N)
        lists = partition.nearest(vectors(20, 1), probes)
        expected = (
            np.isin(lists, [0]).any(1) * (assigned == 0).sum() + np.isin(lists, [7]).any(1) * (assigned == 7).sum()
        )
        assert np.array_equal((ids >= 0).sum(axis=1), expected)


def test_more_neighbors_than_were_visited_are_padded():
    index, _ = index_over(vectors(), lists=30)
    scores, ids = index.probing(1).search(vectors(4, 1), N)
    assert ((ids >= 0).sum(axis=1) < N).all()
    assert np.array_equal(np.isinf(scores), ids < 0)


def test_equal_vectors_are_each_found():
    base = np.repeat(vectors(30), 10, axis=0)
    index, _ = index_over(base, lists=8)
    _, ids = index.search(base[::10], 10)
    assert all(sorted(found) == list(range(10 * row, 10 * row + 10)) for row, found in enumerate(ids.tolist()))


def test_the_share_that_is_visited_grows_to_all():
    index, _ = index_over(vectors())
    shares = [index.probing(probes).visited_share(vectors(50, 1)) for probes in range(1, 9)]
    assert shares == sorted(shares)
    assert shares[0] < 0.4
    assert shares[-1] == 1


def test_bytes_count_ids_and_codes():
    index, flat = index_over(vectors(), ids="int32")
    assert index.nbytes == flat.nbytes + 4 * N
    assert index.parts == {"centroids": 4 * 8 * DIM, "offsets": 8 * 9}


@pytest.mark.parametrize("probes", [2, 20])  # a scan a query, a scan a list
@pytest.mark.parametrize("threads", [1, 2])
def test_threads_share_visits(threads, probes):
    import numba

    if threads > numba.config.NUMBA_NUM_THREADS:
        pytest.skip("one core")
    before = numba.get_num_threads()
    numba.set_num_threads(threads)
    try:
        index, _ = index_over(vectors(4000), lists=50)
        index, queries = index.probing(probes), vectors(41, 1)
        _, ids = index.search(queries, 5)
        expected = index._scanned_by_query(queries, index.partition.nearest(queries, probes), 5)[1]
        assert np.array_equal(ids, index._ids[expected])
    finally:
        numba.set_num_threads(before)


@pytest.mark.parametrize("metric", ["ip", "l2"])
@pytest.mark.parametrize(("probes", "k"), [(1, 10), (3, 10), (8, 200)])
def test_residuals_are_the_same_by_pairs_of_query_and_list_and_by_lists(metric, probes, k, monkeypatch):
    base, queries = vectors(), vectors(9, 1)
    partition = Partition(DIM, metric, 8).fit(base)
    assigned = np.where(partition.assign(base) < 4, 0, 7)  # the others are empty
    residuals = partition.residuals(base, assigned)
    codec = methods.create("transform_coding", dim=DIM, budget="4x", metric=metric).fit(residuals)
    index = IVFSearcher(codec, codec.encode(residuals), partition, assigned, probes, residual=True)
    lists = partition.nearest(queries, probes)
    expected, expected_rows = index._scanned_by_list(queries, lists, k)
    monkeypatch.setattr("methods.index.ivf._PAIRS", 16)  # some blocks of queries
    scores, rows = index._scanned_by_pair(queries, lists, k)
    # Queries are rotated in blocks of other sizes, whose products round otherwise: one may round to the next
    # integer, and two near codes change places.
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-3)
    assert (rows == expected_rows).mean() > 0.99
    assert (index.search(queries, k)[1] == index._ids[rows]).mean() > 0.99


@pytest.mark.parametrize("metric", ["ip", "cosine"])
@pytest.mark.parametrize("name", ["pq", "rq"])
@pytest.mark.parametrize(("probes", "k"), [(1, 10), (3, 10), (12, 200)])
def test_a_query_of_residuals_is_prepared_once_for_all_its_lists(name, metric, probes, k, monkeypatch):
    base, queries = vectors() + 1, vectors(9, 1)
    partition = Partition(DIM, metric, 13).fit(base)
    assigned = np.where(partition.assign(base) < 4, 0, 7)  # the others are empty
    residuals = partition.residuals(base, assigned)
    codec = methods.create(name, dim=DIM, budget="8x", metric="ip").fit(residuals)
    index = IVFSearcher(codec, codec.encode(residuals), partition, assigned, probes, residual=True)
    assert index._scan.adds_shares
    monkeypatch.setattr("methods.index.ivf._SHARES", 16)  # some blocks of queries
    queries = partition.prepared(queries)
    lists = partition.nearest(queries, probes)
    scores, rows = index._scanned_with_shares(queries, lists, k)
    for before in (index._scanned_by_list, index._scanned_by_pair):
        expected, expected_rows = before(queries, lists, k)
        np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)
        assert np.array_equal(rows, expected_rows)
    assert np.array_equal(index.search(queries, k)[1], index._ids[rows])


def test_distances_of_residuals_are_prepared_for_each_list():
    base = vectors()
    partition = Partition(DIM, "l2", 8).fit(base)
    residuals = partition.residuals(base, partition.assign(base))
    codec = methods.create("pq", dim=DIM, budget="8x", metric="l2").fit(residuals)
    index = IVFSearcher(codec, codec.encode(residuals), partition, partition.assign(base), residual=True)
    assert not index._scan.adds_shares


def test_residuals_of_another_scale_are_refused():
    base = vectors()
    partition = Partition(DIM, "ip", 8).fit(base)
    codec = methods.create("simhash", dim=DIM, budget="32x", metric="ip").fit(base)
    with pytest.raises(MethodError, match="orders by another scale than the metric's"):
        IVFSearcher(codec, codec.encode(base), partition, partition.assign(base), residual=True)


def test_a_codec_of_another_metric_is_refused():
    base = vectors()
    partition = Partition(DIM, "cosine", 8).fit(base)
    codec = methods.create("int8", dim=DIM, budget="4x", metric="l2").fit(base)
    with pytest.raises(MethodError, match="needs a codec of metric cosine"):
        IVFSearcher(codec, codec.encode(base), partition, partition.assign(base))


@pytest.mark.parametrize(
    ("n", "lists"), [(0, 1), (1, 1), (3, 3), (20_000, 512), (1_000_000, 4096), (10_000_000, 16_384)]
)
def test_lists_follow_the_root_of_n(n, lists):
    assert default_lists(n) == lists


@pytest.mark.parametrize("exponent", [-100, 0])  # of lengths that are scaled, and of ordinary ones
def test_lists_that_are_saved_are_the_same(tmp_path, exponent):
    base = np.ldexp(vectors(), exponent)
    lists = Partition(DIM, "cosine" if exponent == 0 else "l2", 8).fit(base)
    loaded = Partition.load(lists.save(tmp_path / "lists.npz"))
    assert (loaded.dim, loaded.metric, loaded.lists) == (lists.dim, lists.metric, 8)
    assert np.array_equal(loaded.centroids, lists.centroids)
    assert np.array_equal(loaded.assign(base), lists.assign(base))
    assert np.array_equal(loaded.nearest(base, 3), lists.nearest(base, 3))


@pytest.mark.parametrize("lists", [0, -1, 1.5])
def test_a_wrong_number_of_lists_is_told(lists):
    with pytest.raises(MethodError, match="is not a number of lists"):
        Partition(DIM, "l2", lists)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["trellis", "pq", "rq"])  # ranges of its own layout, of the codes, and made anew
def test_codes_that_are_overwritten_give_the_same_results(name):
    base, queries = np.random.default_rng(4).standard_normal((2, 400, 16), np.float32)
    lists = Partition(16, "l2", 7).fit(base)
    codec = methods.create(name, dim=16, budget="8x", metric="l2").fit(base)
    codes, assigned = codec.encode(base), lists.assign(base)
    kept = IVFSearcher(codec, codes, lists, assigned, probes=3).search(queries, 10)
    before = codes.copy()
    index = IVFSearcher(codec, codes, lists, assigned, probes=3, overwrite_codes=True)
    np.testing.assert_array_equal(codes, before[np.argsort(assigned, kind="stable")])
    for array, other in zip(index.search(queries, 10), kept, strict=True):
        np.testing.assert_array_equal(array, other)


def test_a_vector_is_of_the_list_whose_centroid_is_nearest():
    base = vectors()
    lists = Partition(DIM, "ip", 9).fit(base)
    distances = np.square(base[:, None] - lists.centroids[None]).sum(axis=2)
    assigned = lists.assign(base)
    np.testing.assert_array_equal(assigned, distances.argmin(axis=1))
    assert assigned.dtype == np.int32
    assert lists.assign(base[:0]).shape == (0,)
    assert set(lists.assign(np.full((2, DIM), 3e38, np.float32))) <= set(range(9))


@pytest.mark.thorough
def test_codes_that_are_overwritten_are_not_held_twice():
    base = vectors(50_000)
    lists = Partition(DIM, "l2", 8).fit(base)
    codec = methods.create("transform_coding", dim=DIM, budget="1x", metric="l2").fit(base)
    codes, assigned = codec.encode(base), lists.assign(base)

    def peak(**options):
        tracemalloc.start()
        IVFSearcher(codec, codes, lists, assigned, ids="int32", **options)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak()  # what is compiled or imported once
    assert peak(overwrite_codes=True) < peak() - 0.9 * codes.nbytes
    assert peak(overwrite_codes=True) < 3 * codes.nbytes  # the layout, and what it is made of
