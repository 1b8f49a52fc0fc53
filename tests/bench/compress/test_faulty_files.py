"""A faulty row or id, or a disk that cannot be read, leaves a folder of codes as it was."""

import errno
import os
import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.compress import check, encoding, source
from bench.compress.job import Request, append, compress
from bench.datasets.store import RowFile
from bench.errors import UsageError
from bench.measure import decoding_error

DIM, BLOCK = 8, 100


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    for module in (source, encoding):
        monkeypatch.setattr(module, "BLOCK", BLOCK)
    monkeypatch.setattr(encoding, "_NOTED_S", 0.0)


def vectors_of(count, seed=0):
    return np.random.default_rng(seed).standard_normal((count, DIM), np.float32)


def parquet(path, vectors, ids):
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIM)
    pq.write_table(pa.table({"vector": column, "id": pa.array(ids)}), path)
    return str(path)


def contents(folder):
    return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


@pytest.fixture
def first(tmp_path):
    """A finished folder with ids, and the file that it was made of."""
    file = parquet(tmp_path / "first.parquet", vectors_of(350), np.arange(350))
    compress(Request(file, str(tmp_path / "out"), "int8", "4x", ids="id"))
    return file


def with_nan(count, row):
    vectors = vectors_of(count, seed=1)
    vectors[row, 3] = np.nan
    return vectors


@pytest.mark.parametrize(
    ("vectors", "ids", "reason"),
    [
        (with_nan(250, 220), range(250), r"infinity .* in row 220;"),
        (vectors_of(250), [*range(249), None], r"empty \(null\) in row 249"),
        (vectors_of(250), [f"item {i}" for i in range(250)], "are integers and texts"),
    ],
)
def test_a_faulty_file_that_is_appended_changes_nothing(first, tmp_path, vectors, ids, reason):
    out = tmp_path / "out"
    before = contents(out)
    with pytest.raises(UsageError, match=reason):
        append(parquet(tmp_path / "new.parquet", vectors, list(ids)), str(out))
    assert contents(out) == before
    mended = parquet(tmp_path / "new.parquet", vectors_of(250, seed=1), range(250))
    assert append(mended, str(out)).replaced is None
    assert check.check(str(out), [first, mended]).rows == 600


@pytest.mark.parametrize(
    ("vectors", "ids", "reason"),
    [(with_nan(250, 220), range(250), "in row 220"), (vectors_of(250), [None, *range(249)], "in row 0")],
)
def test_a_faulty_first_file_leaves_no_folder(tmp_path, vectors, ids, reason):
    file = parquet(tmp_path / "my.parquet", vectors, list(ids))
    with pytest.raises(UsageError, match=reason):
        compress(Request(file, str(tmp_path / "out"), "int8", "4x", ids="id", train=10))
    assert not (tmp_path / "out").exists()


def stopped(monkeypatch, file, out, at):
    """Append ``file``, and be interrupted at its row ``at``."""
    read = source.Source.blocks

    def stopping(self, start=0):
        for row, block in read(self, start):
            if row == at:
                raise KeyboardInterrupt
            yield row, block

    with monkeypatch.context() as patch:
        patch.setattr(source.Source, "blocks", stopping)
        with pytest.raises(KeyboardInterrupt):
            append(file, str(out))


def test_another_file_takes_the_place_of_an_unfinished_one(first, tmp_path, monkeypatch):
    files = {n: parquet(tmp_path / f"{n}.parquet", vectors_of(n, seed=n), range(n)) for n in (250, 400)}
    compress(Request(first, str(tmp_path / "once"), "int8", "4x", ids="id"))
    append(files[400], str(tmp_path / "once"))
    stopped(monkeypatch, files[250], tmp_path / "out", at=200)
    assert append(files[400], str(tmp_path / "out")).replaced == "250.parquet"
    assert contents(tmp_path / "out") == contents(tmp_path / "once")


def test_a_file_whose_codes_are_there_replaces_no_other(first, tmp_path, monkeypatch):
    new = parquet(tmp_path / "new.parquet", vectors_of(250, seed=1), range(250))
    stopped(monkeypatch, new, tmp_path / "out", at=100)
    with pytest.raises(UsageError, match=r"has the codes of first\.parquet already, and those of new\.parquet are not"):
        append(first, str(tmp_path / "out"))


def test_whole_codes_are_not_replaced(first, tmp_path, monkeypatch):
    new = parquet(tmp_path / "new.parquet", vectors_of(250, seed=1), range(250))
    other = parquet(tmp_path / "other.parquet", vectors_of(250, seed=2), range(250))
    with monkeypatch.context() as patch:
        patch.setattr("bench.compress.job.write_ids", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            append(new, str(tmp_path / "out"))
    with pytest.raises(UsageError, match=r"has all codes of new\.parquet by now"):
        append(other, str(tmp_path / "out"))
    append(new, str(tmp_path / "out"))
    append(other, str(tmp_path / "out"))
    assert check.check(str(tmp_path / "out"), [first, new, other]).rows == 850


def test_an_error_of_reading_names_the_file_that_is_read(tmp_path, monkeypatch):
    np.save(tmp_path / "my.npy", vectors_of(350))
    read, reads = RowFile.read, []

    def failing(self, start, stop):
        reads.append(start)
        if start == 200 and reads.count(200) == 2:  # the second time: while codes are being written
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(self, start, stop)

    monkeypatch.setattr(RowFile, "read", failing)
    with pytest.raises(UsageError, match=r"cannot read .*my\.npy: Input/output error"):
        compress(Request(str(tmp_path / "my.npy"), str(tmp_path / "out"), "int8", "4x"))
    assert (tmp_path / "out/codes.npy.part").exists()


def test_ids_that_cannot_be_read_are_no_error_of_writing(tmp_path, monkeypatch):
    file = tmp_path / "my.npz"
    np.savez(file, vectors=vectors_of(350), id=np.arange(350))
    whole = encoding.encode

    def and_remove(*arguments):
        whole(*arguments)
        file.unlink()

    monkeypatch.setattr("bench.compress.job.encode", and_remove)
    with pytest.raises(UsageError, match=r"cannot read .*my\.npz: No such file"):
        compress(Request(str(file), str(tmp_path / "out"), "int8", "4x", ids="id"))


@pytest.mark.parametrize("trained", [0, 50, 900, 1000])
def test_rows_are_drawn_as_from_a_list_of_all_others(trained):
    taken = np.sort(np.random.default_rng(3).choice(1000, trained, replace=False))
    others = np.setdiff1d(np.arange(1000), taken)
    among = others if len(others) >= 120 else np.arange(1000)
    drawn = np.sort(np.random.default_rng(5).choice(among, 120, replace=False))
    np.testing.assert_array_equal(check._own_queries(1000, taken, 120, 5), drawn)
    np.testing.assert_array_equal(decoding_error.reference_rows(1000, taken, 5), others if len(others) >= 32 else taken)


def test_drawing_rows_takes_no_memory_for_each_row():
    rows, trained = 20_000_000, np.arange(0, 10_000)
    tracemalloc.start()
    try:
        check._own_queries(rows, trained, 1000, 0)
        decoding_error.reference_rows(rows, trained, 0)
        decoding_error.sampled(rows, 0)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
