"""Cold searches: a file's pages are dropped and read from disk again, or it is said why that was not measured."""

import errno
import mmap

import numpy as np
import pytest

from bench.measure import disk
from bench.measure.disk import bytes_from_disk, drop_from_memory, share_in_memory, time_cold_queries
from methods import Metric
from methods.compose.rescored import DiskStore, RescoredSearcher
from methods.searcher import Searcher

N, DIM = 20_000, 128


@pytest.fixture
def file(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).standard_normal((N, DIM), np.float32))
    return tmp_path / "x.npy"


@pytest.fixture
def dropped(file):
    """The same file, where the system drops its pages and counts what is read."""
    if (reason := drop_from_memory(file)) or bytes_from_disk() is None:
        pytest.skip(reason or "this system does not count what is read from disk")
    return file


class Scattered(Searcher):
    """Candidates that lie far apart."""

    nbytes = 0

    def _search(self, queries, k):
        return np.zeros((len(queries), k), np.float32), np.tile(np.arange(k) * (N // k), (len(queries), 1))


def searcher(file):
    return RescoredSearcher(Scattered(DIM, Metric.L2, N), DiskStore(file), factor=4)


def cold(search, queries=5):
    queries = np.ones((queries, DIM), np.float32)
    return time_cold_queries(search, queries, 10, [search.store.vectors], max_seconds=60.0)


def test_a_cold_query_reads_its_candidates_from_disk_and_no_more(dropped):
    found = cold(searcher(dropped))
    assert found.not_measured == ""
    assert len(found.milliseconds) == 5
    assert set(found.percentiles()) == {"p50", "p95", "p99", "mean"}
    assert 40 * 4 * DIM <= found.bytes_read <= 40 * 2 * mmap.PAGESIZE  # a row lies on one page or two


def test_a_warm_query_reads_nothing_from_disk(dropped):
    search, queries = searcher(dropped), np.ones((1, DIM), np.float32)
    search.search(queries, 10)
    before = bytes_from_disk()
    search.search(queries, 10)
    assert bytes_from_disk() == before


def test_pages_of_candidates_alone_are_in_memory_afterwards(dropped):
    searcher(dropped).search(np.ones((1, DIM), np.float32), 10)
    assert 0 < share_in_memory(dropped) <= 80 * mmap.PAGESIZE / dropped.stat().st_size + 0.002


def test_a_search_that_reads_nothing_has_no_cold_time(dropped):
    search = searcher(dropped)
    search.store.gather = lambda ids: np.zeros((len(ids), DIM), np.float32)
    found = cold(search)
    assert found.not_measured == "the system counted nothing read from a disk"
    assert found.percentiles() is None


def test_at_most_so_many_queries_are_cold(dropped, monkeypatch):
    monkeypatch.setattr(disk, "MOST_COLD", 3)
    assert len(cold(searcher(dropped)).milliseconds) == 3
    monkeypatch.setattr(disk, "_MOST_COLD_S", 0.0)
    assert len(cold(searcher(dropped)).milliseconds) == 1


def test_a_file_that_stays_in_memory_has_no_cold_time(file, monkeypatch):
    monkeypatch.setattr(disk.os, "posix_fadvise", lambda *arguments: None, raising=False)
    file.read_bytes()
    assert cold(searcher(file)).not_measured == "the file system keeps the file in memory"


def test_vectors_in_memory_have_no_cold_time(file):
    search = RescoredSearcher(Scattered(DIM, Metric.L2, N), DiskStore(np.load(file)))
    assert cold(search).not_measured == "this system cannot drop a file from memory"


def test_where_reads_are_not_counted_there_is_no_cold_time(file, monkeypatch, tmp_path):
    monkeypatch.setattr(disk, "_IO", tmp_path / "none")
    assert bytes_from_disk() is None
    assert cold(searcher(file)).not_measured == "this system does not count what is read from disk"


def test_a_file_is_dropped_from_memory_or_it_is_said_why(tmp_path, monkeypatch):
    file = tmp_path / "x.npy"
    np.save(file, np.zeros((4_096, 128), np.float32))
    assert drop_from_memory(file) in ("", "the file system keeps the file in memory")
    monkeypatch.setattr(disk.os, "posix_fadvise", lambda *arguments: None, raising=False)
    file.read_bytes()
    assert drop_from_memory(file) == "the file system keeps the file in memory"

    def refuse(*arguments):
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr(disk, "share_in_memory", refuse)
    assert drop_from_memory(file) == "this system does not say what of a file is in memory"
    monkeypatch.delattr(disk.os, "posix_fadvise")
    assert drop_from_memory(file) == "this system cannot drop a file from memory"
