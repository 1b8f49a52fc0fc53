"""Every format gives the vectors that were written, whole, in blocks and row by row."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from bench.datasets.checksum import vectors_digest
from bench.datasets.formats import open_vectors
from bench.datasets.store import ArrayStore, RowFile, Rows, blocks, spans

from .conftest import write_bigann, write_hdf5, write_parquet, write_vecs


def write_npz(path, array, **arrays):
    np.savez(path, **(arrays or {"base": array, "other": array[:1]}))
    return path


def write_npy(path, array):
    np.save(path, array)
    return path


WRITERS = {
    "npy float32": lambda folder, v: write_npy(folder / "v.npy", v),
    "npy float16": lambda folder, v: write_npy(folder / "v.npy", v.astype(np.float16)),
    "npy big-endian float64": lambda folder, v: write_npy(folder / "v.npy", v.astype(">f8")),
    "npy uint8": lambda folder, v: write_npy(folder / "v.npy", v.astype(np.uint8)),
    "npy Fortran order": lambda folder, v: write_npy(folder / "v.npy", np.asfortranarray(v)),
    "npz named base": lambda folder, v: write_npz(folder / "v.npz", v),
    "npz named vectors": lambda folder, v: write_npz(folder / "v.npz", v, vectors=v, more=v[:2]),
    "npz of one": lambda folder, v: write_npz(folder / "v.npz", v, anything=v),
    "fvecs": lambda folder, v: write_vecs(folder / "v.fvecs", v),
    "bvecs": lambda folder, v: write_vecs(folder / "v.bvecs", v.astype(np.uint8)),
    "ivecs": lambda folder, v: write_vecs(folder / "v.ivecs", v.astype(np.int32)),
    "fbin": lambda folder, v: write_bigann(folder / "v.fbin", v),
    "u8bin": lambda folder, v: write_bigann(folder / "v.u8bin", v.astype(np.uint8)),
    "i8bin": lambda folder, v: write_bigann(folder / "v.i8bin", v.astype(np.int8)),
    "ibin": lambda folder, v: write_bigann(folder / "v.ibin", v.astype(np.int32)),
    "hdf5 in one piece": lambda folder, v: write_hdf5(folder / "v.hdf5", v),
    "hdf5 in chunks": lambda folder, v: write_hdf5(folder / "v.h5", v, chunks=(10, 6), compression="gzip"),
    "parquet lists": lambda folder, v: write_parquet(folder / "v.parquet", v),
    "parquet of row groups": lambda folder, v: write_parquet(folder / "v.pq", v, row_group=10),
    "parquet fixed lists": lambda folder, v: write_parquet(folder / "v.parquet", v, pa.list_(pa.float32(), 6), 25),
    "parquet large lists of float64": lambda folder, v: write_parquet(
        folder / "v.parquet", v.astype(float), pa.large_list(pa.float64())
    ),
}


@pytest.fixture(params=WRITERS)
def store(request, tmp_path, vectors):
    return open_vectors(WRITERS[request.param](tmp_path, vectors))


def test_a_file_gives_the_vectors_that_were_written(store, vectors):
    read = store.read(0, len(vectors))
    assert store.shape == vectors.shape
    assert read.dtype == np.float32
    assert read.flags.c_contiguous
    np.testing.assert_array_equal(read, vectors)


def test_blocks_equal_the_whole_and_are_clipped(store, vectors):
    together = np.concatenate([store.read(start, start + 8) for start in range(0, len(vectors), 8)])
    np.testing.assert_array_equal(together, vectors)
    assert store.read(len(vectors), len(vectors) + 3).shape == (0, vectors.shape[1])


def test_rows_are_taken_in_the_order_asked_for(store, vectors):
    rows = np.array([56, 0, 3, 3, 41, 2, 17])
    taken = store.take(rows)
    np.testing.assert_array_equal(taken, vectors[rows])
    assert taken.dtype == np.float32
    assert taken.flags.c_contiguous
    assert store.take(np.empty(0, np.int64)).shape == (0, vectors.shape[1])
    for outside in (-1, len(vectors)):
        with pytest.raises(IndexError):
            store.take(np.array([outside]))


def test_equal_vectors_have_one_checksum_in_every_format(store, vectors):
    assert vectors_digest(store, "v") == vectors_digest(ArrayStore(vectors), "v")
    changed = vectors.copy()
    changed[5, 5] += 1
    assert vectors_digest(store, "v") != vectors_digest(ArrayStore(changed), "v")


def test_a_choice_of_rows_is_a_store(store, vectors):
    rows = np.array([2, 3, 5, 8, 13, 21, 34, 55])
    chosen = Rows(store, rows)
    np.testing.assert_array_equal(chosen.read(0, 99), vectors[rows])
    np.testing.assert_array_equal(chosen.read(2, 4), vectors[rows[2:4]])
    np.testing.assert_array_equal(chosen.take(np.array([7, 0])), vectors[[55, 2]])


def test_memory_is_not_handed_out_for_writing(vectors):
    with pytest.raises(ValueError, match="read-only"):
        ArrayStore(vectors).read(0, 5)[0, 0] = 1


def test_scattered_rows_of_a_large_file_are_right(tmp_path):
    array = np.arange(200_000 * 3, dtype=np.float32).reshape(-1, 3)
    np.save(tmp_path / "v.npy", array)
    rows = np.random.default_rng(1).choice(len(array), 5_000, replace=True)
    np.testing.assert_array_equal(open_vectors(tmp_path / "v.npy").take(rows), array[rows])


def test_spans_cover_all_rows_and_stay_short():
    ascending = np.sort(np.random.default_rng(2).choice(10_000_000, 20_000, replace=False))
    found = list(spans(ascending, row_bytes=1_536))
    assert [first for first, _ in found] == [0, *(last for _, last in found[:-1])]
    assert found[-1][1] == len(ascending)
    assert max(ascending[last - 1] - ascending[first] for first, last in found) * 1_536 <= 4 << 20


def test_blocks_go_over_the_whole_store(vectors, monkeypatch):
    monkeypatch.setattr("bench.datasets.store.BLOCK_BYTES", 4 * 6 * 10)
    found = list(blocks(ArrayStore(vectors)))
    assert [start for start, _ in found] == [0, 10, 20, 30, 40, 50]
    np.testing.assert_array_equal(np.concatenate([block for _, block in found]), vectors)


_READ_ALL = """
import resource, sys
import numpy as np
from bench.datasets.formats import open_vectors
from bench.datasets.checksum import vectors_digest
from bench.datasets.store import blocks

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

store = open_vectors(sys.argv[1])
store.read(0, 10)
before = peak()
rows = 0
for start in range(0, store.shape[0], 4096):
    rows += len(store.read(start, start + 4096))
store.take(np.random.default_rng(0).choice(store.shape[0], 2000, replace=False))
assert rows == store.shape[0]
print(peak() - before)
"""


@pytest.mark.thorough
@pytest.mark.integration
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak of resident memory from /proc")
@pytest.mark.parametrize("name", ["big.npy", "big.fbin"])
def test_resident_memory_does_not_grow_with_the_file(tmp_path, name):
    rows, dim = 140_000, 384  # 215 MB, sparse on disk
    path = tmp_path / name
    if name.endswith("npy"):
        np.lib.format.open_memmap(path, "w+", np.float32, (rows, dim)).flush()
    else:
        write_bigann(path, np.zeros((0, dim), np.float32))
        with path.open("r+b") as handle:
            handle.write(np.array([rows, dim], "<u4").tobytes())
            handle.truncate(8 + 4 * rows * dim)
    done = subprocess.run([sys.executable, "-c", _READ_ALL, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 40 * 1024, f"{done.stdout} KiB grown while reading {path.stat().st_size >> 20} MiB"


def test_a_file_that_shrinks_while_read_is_reported(tmp_path, vectors):
    path = write_bigann(tmp_path / "v.fbin", vectors)
    store = open_vectors(path)
    assert isinstance(store, RowFile)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="became shorter"):
        store.read(0, 57)
