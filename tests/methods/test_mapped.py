"""Rows that are named before they are read are the pages of these rows."""

import mmap

import numpy as np
import pytest

from methods.mapped import MappedRows, mapping_of
from methods.multivector import Ragged
from methods.multivector.rescore import DiskSetStore


class Advised:
    """A mapping that notes what is asked of it."""

    def __init__(self):
        self.calls = []

    def madvise(self, advice, start, length):
        self.calls.append((start, start + length))


@pytest.fixture
def rows(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(3_000 * 100, dtype=np.float32).reshape(3_000, 100))
    return np.load(tmp_path / "x.npy", mmap_mode="r")


def asked(rows, first, after):
    read = MappedRows(rows)
    read._mapping = Advised()
    read.will_read(np.array(first), np.array(after))
    return read._mapping.calls


def test_an_array_in_memory_is_not_mapped(rows):
    assert isinstance(mapping_of(rows), mmap.mmap)
    assert isinstance(mapping_of(rows[5:].view(np.uint8)), mmap.mmap)
    assert mapping_of(np.array(rows)) is None
    MappedRows(np.array(rows)).will_read(np.array([1]), np.array([2]))


def test_pages_begin_before_a_row_and_end_with_it(rows):
    header = 128
    for (low, high), (first, after) in zip(asked(rows, [0, 7, 2_999], [1, 9, 3_000]), [(0, 1), (7, 9), (2_999, 3_000)]):
        assert low % mmap.PAGESIZE == 0
        assert 0 <= header + 400 * first - low < mmap.PAGESIZE
        assert high == header + 400 * after
    (low, high) = asked(rows[2_000:], [10], [11])[0]
    assert high == header + 400 * 2_011


def test_all_rows_can_be_named(rows):
    MappedRows(rows).will_read(np.arange(3_000), np.arange(1, 3_001))
    MappedRows(rows[:0]).will_read(np.empty(0, np.int64), np.empty(0, np.int64))
    MappedRows(rows[:, :3]).will_read(np.array([2_999]), np.array([3_000]))
    assert len(asked(rows, range(3_000), range(1, 3_001))) == 3_000
    assert MappedRows(rows[:0])._mapping is None is MappedRows(rows[:, :3])._mapping


def test_documents_are_named_whole_and_counted(rows):
    store = DiskSetStore(Ragged(rows, np.array([0, 10, 25, 3_000])))
    store._rows._mapping = Advised()
    assert np.array_equal(store.gather(np.array([0, 1])).vectors, rows[:25])
    assert [high for _, high in store._rows._mapping.calls] == [128 + 400 * 10, 128 + 400 * 25]
    assert (store.reads, store.read_bytes) == (2, 400 * 25)
