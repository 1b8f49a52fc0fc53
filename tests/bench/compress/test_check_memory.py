"""``check`` decodes a Parquet file a few times, a block at a time."""

import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.compress import source
from bench.compress.check import check
from bench.compress.job import Request, append, compress
from bench.compress.source import open_source
from bench.compress.stores import Joined
from bench.datasets import exact, store
from bench.datasets.formats import parquet


def written(path, vectors, rows):
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    pq.write_table(pa.table({"vector": column}), path, row_group_size=rows)
    return str(path)


def vectors_of(count, dim, seed=0):
    return np.random.default_rng(seed).standard_normal((count, dim), np.float32)


@pytest.fixture
def decoded(monkeypatch):
    """Rows decoded by now, in a list; decoding a row group whole is an error."""
    batches, rows = parquet._batches, []

    def counted(*arguments):
        for batch in batches(*arguments):
            rows.append(len(batch))
            yield batch

    monkeypatch.setattr(parquet, "_batches", counted)
    monkeypatch.setattr(parquet, "_LARGE_GROUP", 0)
    monkeypatch.setattr(parquet.ParquetStore, "_decode", lambda *_: pytest.fail("a whole row group was decoded"))
    return rows


def test_check_passes_four_times_over_a_parquet_file(tmp_path, monkeypatch, decoded):
    monkeypatch.setattr(source, "BLOCK", 100)
    monkeypatch.setattr(store, "BLOCK_BYTES", 16 * 4 * 130)  # blocks of 130 rows, which no row group is a multiple of
    monkeypatch.setattr(exact, "BLOCK_BYTES", 1)  # so that each query is scored by itself
    files = [written(tmp_path / f"{n}.parquet", vectors_of(n, 16, n), 700) for n in (2000, 900)]
    arrays = [str(tmp_path / f"{n}.npy") for n in (2000, 900)]
    for n, name in zip((2000, 900), arrays):
        np.save(name, vectors_of(n, 16, n))
    checked = {}
    for out, (first, second) in (("a", files), ("b", arrays)):
        compress(Request(first, str(tmp_path / out), "int4", "8x", train=500))
        append(second, str(tmp_path / out))
        decoded.clear()
        checked[out] = check(str(tmp_path / out), [first, second], count=200)
        if out == "a":
            assert sum(decoded) <= 4 * 2900 + 6 * 700  # the queries, the search, its best, what the codes found
    assert checked["a"] == checked["b"]


@pytest.mark.thorough
def test_memory_of_check_does_not_grow_with_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "BLOCK", 1000)
    monkeypatch.setattr(store, "BLOCK_BYTES", 1 << 20)
    vectors = vectors_of(200_000, 64)
    file = written(tmp_path / "my.parquet", vectors, 1 << 20)
    compress(Request(file, str(tmp_path / "out"), "int8", "4x", train=500))
    tracemalloc.start()
    try:
        check(str(tmp_path / "out"), [file], count=10)
        assert tracemalloc.get_traced_memory()[1] < vectors.nbytes / 3
    finally:
        tracemalloc.stop()


def test_blocks_of_any_order_are_the_rows_of_the_file(tmp_path, monkeypatch, decoded):
    monkeypatch.setattr(source, "BLOCK", 100)
    parts = [vectors_of(930, 8, 1), vectors_of(450, 8, 2)]
    files = [written(tmp_path / f"{len(part)}.parquet", part, 400) for part in parts]
    joined, all_rows = Joined([open_source(file) for file in files]), np.concatenate(parts)
    assert joined.shape == (1380, 8)
    for start, stop in ((0, 130), (130, 260), (260, 1000), (1000, 1380), (700, 1100), (0, 0), (1370, 5000), (5, 6)):
        np.testing.assert_array_equal(joined.read(start, stop), all_rows[start:stop])
    rows = np.array([1379, 3, 3, 929, 930, 0])
    np.testing.assert_array_equal(joined.take(rows), all_rows[rows])
