"""Rescoring orders candidates by a finer store and counts its bytes apart."""

from __future__ import annotations

import numpy as np
import pytest

from methods import BudgetError, MethodError, Metric, Searcher, registry
from methods.checks import data
from methods.compose.rescored import CodecStore, DiskStore, RescoredSearcher, plan


class GivenCandidates(Searcher):
    """Returns the same candidates for every query."""

    def __init__(self, metric, size, ids):
        super().__init__(data.DIM, metric, size)
        self.ids = np.asarray(ids, np.int64)

    @property
    def nbytes(self):
        return 7 * self.size

    def _search(self, queries, k):
        ids = np.tile(self.ids[:k], (len(queries), 1))
        return np.zeros(ids.shape, np.float32), ids


def coarse_searcher(metric):
    codec = registry.for_budget("itq", data.DIM, 4, metric).fit(data.train())
    return codec.searcher(codec.encode(data.base()))


@pytest.mark.parametrize("metric", list(Metric))
def test_with_all_candidates_and_full_vectors_the_search_is_exact(metric, tmp_path):
    np.save(tmp_path / "vectors.npy", data.base())
    searcher = RescoredSearcher(coarse_searcher(metric), DiskStore(tmp_path / "vectors.npy"), factor=data.N_BASE)
    scores, ids = searcher.search(data.queries(), data.K)
    assert np.array_equal(ids, data.true_neighbors(metric))
    truth = np.take_along_axis(data.metric_values(data.queries(), data.base(), metric), ids, axis=1)
    np.testing.assert_allclose(scores, truth, rtol=1e-4, atol=1e-5)
    assert searcher.estimates_metric
    assert searcher.descending == metric.descending


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("store", ["float16", "int8", "float32"])
def test_recall_rises_with_the_factor_for_every_store(metric, store):
    codec, store_codec = plan("itq", data.DIM, 4 * data.DIM + 4, metric, rescore=store)
    codec.fit(data.train())
    store_codec.fit(data.train())
    searcher = codec.searcher(codec.encode(data.base()))
    finer = CodecStore(store_codec, store_codec.encode(data.base()))
    plain, *rescored = (
        data.recall(s.search(data.queries(), data.K)[1], metric)
        for s in (searcher, RescoredSearcher(searcher, finer, 3), RescoredSearcher(searcher, finer, 20))
    )
    assert plain + 0.1 < rescored[0] < rescored[1]
    assert rescored[1] > 0.9


@pytest.mark.parametrize("metric", list(Metric))
def test_zero_vectors_and_zero_queries_score_finite(metric):
    vectors, queries = data.base().copy(), data.queries().copy()
    vectors[::2], queries[0] = 0, 0
    searcher = RescoredSearcher(GivenCandidates(metric, len(vectors), np.arange(20)), DiskStore(vectors), 2)
    assert np.isfinite(searcher.search(queries, 10)[0]).all()


@pytest.mark.parametrize("metric", list(Metric))
def test_padded_candidates_stay_padding_at_the_end(metric):
    searcher = RescoredSearcher(GivenCandidates(metric, 100, [5, -1, 3, -1]), DiskStore(data.base()[:100]), factor=1)
    scores, ids = searcher.search(data.queries(), 4)
    assert np.array_equal(np.sort(ids[:, :2], axis=1), np.tile([3, 5], (data.N_QUERIES, 1)))
    assert (ids[:, 2:] == -1).all()
    assert (scores[:, 2:] == (-np.inf if metric.descending else np.inf)).all()
    assert np.isfinite(scores[:, :2]).all()


def test_k_beyond_the_number_of_codes_is_padded():
    codec = registry.for_budget("sign", data.DIM, 4, Metric.IP).fit(data.train())
    searcher = RescoredSearcher(codec.searcher(codec.encode(data.base()[:5])), DiskStore(data.base()[:5]))
    _, ids = searcher.search(data.queries(), 8)
    assert np.array_equal(np.sort(ids[:, :5], axis=1), np.tile(np.arange(5), (data.N_QUERIES, 1)))
    assert (ids[:, 5:] == -1).all()
    empty = RescoredSearcher(codec.searcher(codec.encode(data.base()[:0])), DiskStore(data.base()[:0]))
    assert (empty.search(data.queries(), 2)[1] == -1).all()


def test_equal_scores_are_ordered_by_the_smaller_id():
    vectors = np.tile(data.base()[:1], (50, 1))
    searcher = RescoredSearcher(GivenCandidates(Metric.IP, 50, [9, 2, 30, 4]), DiskStore(vectors), factor=1)
    assert searcher.search(data.queries()[:1], 4)[1].tolist() == [[2, 4, 9, 30]]


def test_a_batch_larger_than_a_block_gives_the_scores_of_single_queries(monkeypatch):
    searcher = RescoredSearcher(coarse_searcher(Metric.L2), DiskStore(data.base()), factor=4)
    batch = searcher.search(data.queries(), data.K)
    monkeypatch.setattr("methods.compose.rescored._BLOCK_BYTES", 3 * 4 * data.DIM * 4 * data.K)
    blocks = searcher.search(data.queries(), data.K)
    assert np.array_equal(batch[1], blocks[1])
    np.testing.assert_allclose(batch[0], blocks[0], rtol=1e-6)


def test_bytes_in_memory_and_on_disk_are_counted_apart(tmp_path):
    np.save(tmp_path / "vectors.npy", data.base())
    inner = GivenCandidates(Metric.IP, data.N_BASE, np.arange(50))
    disk = RescoredSearcher(inner, DiskStore(tmp_path / "vectors.npy"))
    assert (disk.nbytes, disk.rescore_memory, disk.rescore_disk) == (inner.nbytes, 0, data.base().nbytes)
    codec = registry.for_budget("float16", data.DIM, 64, Metric.IP).fit(data.train())
    memory = RescoredSearcher(inner, CodecStore(codec, codec.encode(data.base())))
    assert memory.rescore_memory == 64 * data.N_BASE
    assert memory.nbytes == inner.nbytes + 64 * data.N_BASE
    assert memory.rescore_disk == 0


def test_the_codec_gets_what_a_store_in_memory_leaves_of_the_budget():
    codec, store = plan("simhash", data.DIM, 100, Metric.IP, rescore="float16")
    assert (codec.code_size, store.code_size) == (36, 64)
    codec, store = plan("simhash", data.DIM, 100, Metric.IP, rescore="disk")
    assert (codec.code_size, store) == (100, None)
    assert plan("simhash", data.DIM, 100, Metric.IP, orthogonal=True)[0].orthogonal


@pytest.mark.parametrize("code_bytes", [3, 64, 67])
def test_budget_error_names_code_and_store_together(code_bytes):
    with pytest.raises(BudgetError, match=r"sign with rescore=float16 .* smallest code is 68 B") as caught:
        plan("sign", data.DIM, code_bytes, Metric.IP, rescore="float16")
    assert caught.value.smallest == 68
    assert plan("sign", data.DIM, 68, Metric.IP, rescore="float16")[0].code_size == 4


def test_wrong_requests_say_what_would_be_right(tmp_path):
    with pytest.raises(MethodError, match=r"rescore='float61' is unknown; use one of float16, int8, float32, disk"):
        plan("sign", data.DIM, 100, Metric.IP, rescore="float61")
    inner = GivenCandidates(Metric.IP, 10, np.arange(10))
    for factor in (0, -1, 1.5):
        with pytest.raises(MethodError, match=r"rescore_factor=.* at least 1"):
            RescoredSearcher(inner, DiskStore(data.base()), factor)
    (tmp_path / "broken.npy").write_bytes(b"not an array")
    for path in (tmp_path / "broken.npy", tmp_path / "missing.npy"):
        with pytest.raises(MethodError, match=r"cannot map .*npy for re-ranking"):
            DiskStore(path)
    with pytest.raises(MethodError, match=r"floats of shape \(n, dim\), not int64"):
        DiskStore(np.arange(10))
