"""What cannot be used is refused in one line that names the file and says what would be right."""

import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench import datasets
from bench.datasets import DatasetError

from .conftest import write_bigann, write_hdf5, write_parquet, write_vecs

GOOD = np.random.default_rng(0).standard_normal((40, 4)).astype(np.float32)
IDS = np.zeros((5, 3), np.int64)


def npy(array, cut=None):
    def write(path):
        with path.open("wb") as handle:
            np.save(handle, array)
        path.write_bytes(path.read_bytes()[:cut])

    return write


def raw(content):
    return lambda path: path.write_bytes(content)


def fvecs(array, change):
    def write(path):
        write_vecs(path, array)
        path.write_bytes(change(path.read_bytes()))

    return write


def hdf5(**parts):
    return lambda path: write_hdf5(path, **parts)


def parquet(cells, kind=None, name="emb"):
    return lambda path: pq.write_table(pa.table({name: pa.array(cells, type=kind)}), path)


def cut_parquet(path):
    write_parquet(path, GOOD)
    path.write_bytes(path.read_bytes()[:-40])


def garbled_parquet(path):
    pq.write_table(pa.table({"emb": list(GOOD)}), path, compression="gzip", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[30:300] = bytes(270)
    path.write_bytes(bytes(content))


def cut_hdf5(path):
    write_hdf5(path, GOOD)
    path.write_bytes(path.read_bytes()[:-100])


def garbled_hdf5(path):
    write_hdf5(path, np.ones((4000, 4), np.float32), chunks=(100, 4), compression="gzip")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\x78\x5e", b"\0\0").replace(b"\x78\x01", b"\0\0").replace(b"\x78\x9c", b"\0\0"))


def nan(array, row):
    array = array.copy()
    array[row, 1] = np.nan
    return array


WRONG = {
    "npy truncated": ("b.npy", npy(GOOD, -8), "truncated"),
    "npy header cut": ("b.npy", npy(GOOD, 20), "not a .npy file"),
    "npy noise": ("b.npy", raw(b"hello"), "numpy.save"),
    "npy of no bytes": ("b.npy", raw(b""), "not a .npy file"),
    "npy one axis": ("b.npy", npy(GOOD[0]), "two axes"),
    "npy three axes": ("b.npy", npy(GOOD[None]), "two axes"),
    "npy complex": ("b.npy", npy(GOOD.astype(complex)), "real number"),
    "npy text": ("b.npy", npy(np.array([["a"]])), "save it as float32"),
    "npy objects": ("b.npy", npy(np.array([[None]])), "never unpickled"),
    "npy no rows": ("b.npy", npy(GOOD[:0]), "at least one vector"),
    "npy no columns": ("b.npy", npy(GOOD[:, :0]), "is empty"),
    "npy NaN": ("b.npy", npy(nan(GOOD, 17)), "NaN or infinity (or exceeds float32) in row"),
    "npy beyond float32": ("b.npy", npy(GOOD.astype(float) * 1e300), "exceeds float32"),
    "npz noise": ("b.npz", raw(b"PK\x03\x04 noise"), "not a whole .npz"),
    "npz several": ("b.npz", lambda path: np.savez(path, one=GOOD, two=GOOD), "call the array 'base'"),
    "npz objects": ("b.npz", lambda path: np.savez(path, base=np.array([[None]])), "Python objects"),
    "npz one axis": ("b.npz", lambda path: np.savez(path, base=GOOD[0]), "two axes"),
    "fvecs of no bytes": ("b.fvecs", raw(b""), "is empty"),
    "fvecs of two bytes": ("b.fvecs", raw(b"ab"), "truncated"),
    "fvecs truncated": ("b.fvecs", fvecs(GOOD, lambda content: content[:-3]), "no whole number of rows"),
    "fvecs ragged": (
        "b.fvecs",
        fvecs(GOOD, lambda c: c[:60] + struct.pack("<i", 3) + c[64:]),
        "row 3 says dimension 3",
    ),
    "fvecs negative dimension": ("b.fvecs", raw(struct.pack("<i", -4) + bytes(16)), "says dimension -4"),
    "fvecs that are something else": ("b.fvecs", raw(b"\x93NUMPY" * 9), "not a .fvecs file"),
    "fvecs infinite": ("b.fvecs", lambda path: write_vecs(path, nan(GOOD, 2)), "NaN or infinity"),
    "fbin header cut": ("b.fbin", raw(b"1234"), "header alone has 8"),
    "fbin truncated": ("b.fbin", raw(struct.pack("<II", 9, 4) + bytes(50)), "promises 152"),
    "u8bin that are float": ("b.u8bin", lambda path: write_bigann(path, GOOD), "another component type"),
    "ibin no rows": ("b.ibin", raw(struct.pack("<II", 0, 4)), "is empty"),
    "hdf5 noise": ("b.hdf5", raw(b"\0noise" * 99), "not an HDF5 file"),
    "hdf5 truncated": ("b.hdf5", cut_hdf5, "truncated"),
    "hdf5 corrupt": ("b.hdf5", garbled_hdf5, "is corrupt in rows"),
    "hdf5 one axis": ("b.hdf5", hdf5(train=GOOD[0]), "two axes"),
    "hdf5 text": ("b.hdf5", hdf5(train=np.array([[b"a"]])), "save it as float32"),
    "hdf5 jaccard": ("b.hdf5", hdf5(train=GOOD, test=GOOD[:5], distance="jaccard"), "supported are angular"),
    "hdf5 dimensions": ("b.hdf5", hdf5(train=GOOD, test=GOOD[:, :3]), "must agree"),
    "hdf5 NaN query": ("b.hdf5", hdf5(train=GOOD, test=nan(GOOD, 3)), "queries of"),
    "hdf5 negative neighbor": ("b.hdf5", hdf5(train=GOOD, test=GOOD[:5], neighbors=IDS - 2), "neighbors[0, 0] is -2"),
    "hdf5 neighbor too large": ("b.hdf5", hdf5(train=GOOD, test=GOOD[:5], neighbors=IDS + 40), "(0 to 39)"),
    "hdf5 neighbors of others": ("b.hdf5", hdf5(train=GOOD, test=GOOD[:4], neighbors=IDS), "for 5 queries but 4"),
    "hdf5 fractional neighbors": ("b.hdf5", hdf5(train=GOOD, test=GOOD[:5], neighbors=IDS + 0.5), "no integer array"),
    "parquet noise": ("b.parquet", raw(b"PAR1noise"), "not a Parquet file"),
    "parquet truncated": ("b.parquet", cut_parquet, "truncated"),
    "parquet corrupt": ("b.parquet", garbled_parquet, "corrupt in row group 0"),
    "parquet ragged": ("b.parquet", parquet([[1.0, 2.0], [3.0]]), "row 1 of 'emb' has 1 numbers"),
    "parquet null row": ("b.parquet", parquet([[1.0, 2.0], None]), "every row needs a vector"),
    "parquet null number": ("b.parquet", parquet([[1.0, None]]), "missing numbers"),
    "parquet no rows": ("b.parquet", parquet([], pa.list_(pa.float32())), "is empty"),
    "parquet no list": ("b.parquet", parquet([1.0, 2.0]), "columns with lists of numbers: none"),
    "parquet list of text": ("b.parquet", parquet([["a"]]), "0 candidate columns"),
    "unknown suffix": ("b.csv", raw(b"1,2\n"), "unknown suffix '.csv'"),
}


@pytest.mark.parametrize(("name", "write", "fragment"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_refused_in_one_line(tmp_path, name, write, fragment):
    path = tmp_path / name
    write(path)
    with pytest.raises(DatasetError) as caught:
        datasets.load("path", base=str(path))
    message = str(caught.value)
    assert fragment in message
    assert str(path) in message
    assert "\n" not in message


def test_an_hdf5_file_without_train_is_refused(tmp_path):
    import h5py

    with h5py.File(tmp_path / "b.hdf5", "w") as file:
        file["vectors"] = file["others"] = GOOD
    with pytest.raises(DatasetError, match=r"holds others, vectors but no array 'train'; name one .* by column"):
        datasets.load("path", base=str(tmp_path / "b.hdf5"))


@pytest.fixture
def base(tmp_path):
    np.save(tmp_path / "good.npy", GOOD)
    np.save(tmp_path / "narrow.npy", GOOD[:, :3])
    write_parquet(tmp_path / "good.parquet", GOOD)
    pq.write_table(pa.table({"a": list(GOOD), "b": list(GOOD)}), tmp_path / "two.parquet")
    return tmp_path


CALLS = {
    "unknown name": ("squad-sentence", {}, "did you mean squad-sentences"),
    "name like no other": ("zzz", {}, "known are avazu, bigbench-sentences"),
    "not built": ("glove-100", {}, "python -m bench.datasets build glove-100"),
    "unknown option": ("path", {"bse": "x"}, "did you mean base?"),
    "option of another": ("squad-sentences-mini", {"holdout": 3}, "it takes metric, max_queries, max_base"),
    "no file named": ("path", {}, "dataset.base=FILE"),
    "missing file": ("path", {"base": "none.npy"}, "none.npy does not exist"),
    "folder": ("path", {"base": "."}, "is a folder"),
    "unknown metric": ("path", {"base": "good.npy", "metric": "l1"}, "l1"),
    "no queries wanted": ("path", {"base": "good.npy", "max_queries": 0}, "max_queries=0 is out of range"),
    "negative base": ("path", {"base": "good.npy", "max_base": -5}, "max_base=-5 is out of range"),
    "fractional base": ("path", {"base": "good.npy", "max_base": 0.5}, "integer of at least 1"),
    "holdout of all": ("path", {"base": "good.npy", "holdout": 40}, "use at most 39"),
    "holdout of none": ("path", {"base": "good.npy", "holdout": 0}, "integer of at least 1"),
    "holdout beside queries": ("path", {"base": "good.npy", "queries": "good.npy", "holdout": 3}, "without queries"),
    "queries of another dimension": ("path", {"base": "good.npy", "queries": "narrow.npy"}, "must agree"),
    "train of another dimension": ("path", {"base": "good.npy", "train": "narrow.npy"}, "must agree"),
    "missing queries": ("path", {"base": "good.npy", "queries": "none.npy"}, "does not exist"),
    "missing train": ("path", {"base": "good.npy", "train": "none.npy"}, "does not exist"),
    "column of no Parquet": ("path", {"base": "good.npy", "column": "emb"}, "is for Parquet files, .npz and HDF5"),
    "unknown column": ("path", {"base": "good.parquet", "column": "x"}, "no column 'x'"),
    "column of text": ("path", {"base": "good.parquet", "column": "name"}, "no list of numbers"),
    "ambiguous column": (
        "path",
        {"base": "two.parquet"},
        "lists of numbers: a, b)",
    ),
    "synthetic of no rows": ("synthetic", {"nb": 0}, "nb=0 is out of range"),
}


@pytest.mark.parametrize(("name", "arguments", "fragment"), CALLS.values(), ids=CALLS)
def test_a_wrong_call_is_refused_in_one_line(base, monkeypatch, name, arguments, fragment):
    monkeypatch.chdir(base)
    with pytest.raises(DatasetError) as caught:
        datasets.load(name, **arguments)
    assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_cache_that_cannot_be_written_says_what_to_do(base, monkeypatch):
    (base / "file").write_text("in the way")
    monkeypatch.setenv("BENCH_CACHE", str(base / "file" / "cache"))
    dataset = datasets.load("path", base=str(base / "good.npy"))
    with pytest.raises(DatasetError, match="set BENCH_CACHE"):
        datasets.ground_truth(dataset, 3)
