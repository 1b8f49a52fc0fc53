"""Some other file under the name of vectors: every reader says what it is."""

import bz2
import gzip
import io
import lzma
import pickle

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pytest

from bench.datasets import DatasetError, formats
from bench.datasets.formats import SUFFIXES
from bench.datasets.formats.foreign import listed

from .conftest import write_hdf5, write_parquet
from .probing import LFS_POINTER, WEB_PAGE, V, check_read, check_refused, npy, put


def feather(version):
    held = io.BytesIO()
    pyarrow.feather.write_feather(pa.table({"emb": V.tolist()}), held, version=version)
    return held.getvalue()


def zipped():
    held = io.BytesIO()
    np.savez(held, V)
    return held.getvalue()


OTHERS = {
    "web page": (WEB_PAGE, "is a web page"),
    "error of a store": (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "is a web page or XML"),
    "page behind blank lines": (b"\n\n  <HTML>" + WEB_PAGE, "is a web page"),
    "Git LFS pointer": (LFS_POINTER, "`git lfs pull`"),
    "gzip": (gzip.compress(npy(V)), "compressed by gzip; unpack it first"),
    "bzip2": (bz2.compress(npy(V)), "compressed by bzip2"),
    "xz": (lzma.compress(npy(V)), "compressed by xz"),
    "zstd": (b"\x28\xb5\x2f\xfd" + npy(V), "compressed by zstd"),
    "pickle": (pickle.dumps(V), "is a pickle, which is never loaded"),
    "feather": (feather(2), "is an Arrow IPC (Feather) file"),
    "CSV": (b"0.25,0.5,1\n" * 99, "is text; save its numbers"),
    "JSON": (b'[[0.25, 0.5], [1, 2]]\n{"a": 1}' * 9, "is text"),
    "UTF-16": (("0.25 0.5\n" * 9).encode("utf-16"), "is text"),
    "nothing": (b"", "is empty (0 bytes)"),
    "zip": (zipped(), "is a zip archive"),
    "NumPy": (npy(V), "is a NumPy array; call it .npy"),
}
OWN = {("zip", ".npz"), ("NumPy", ".npy")}
CASES = [(name, suffix) for name in OTHERS for suffix in SUFFIXES if (name, suffix) not in OWN]


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_a_foreign_file_is_called_what_it_is(tmp_path, name, suffix):
    content, fragment = OTHERS[name]
    path = put(tmp_path, suffix, content)
    check_refused(path, fragment)
    check_refused(path, fragment, "metric=l2", "holdout=3")


@pytest.mark.parametrize("suffix", [suffix for suffix in SUFFIXES if suffix not in (".hdf5", ".h5", ".parquet", ".pq")])
def test_hdf5_and_parquet_under_another_name_are_known(tmp_path, suffix):
    check_refused(write_hdf5(tmp_path / f"h{suffix}", V), "is an HDF5 file; call it .hdf5")
    check_refused(write_parquet(tmp_path / f"p{suffix}", V), "is a Parquet file; call it .parquet")


UNREADABLE = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), "numpy.loadtxt"),
    **dict.fromkeys((".json", ".jsonl"), "numpy.save('v.npy', array)"),
    **dict.fromkeys((".arrow", ".feather", ".orc"), "pyarrow.parquet.write_table"),
    **dict.fromkeys((".pt", ".pth", ".safetensors"), "TENSOR.float().numpy()"),
    **dict.fromkeys((".pkl", ".PICKLE"), "pickles are never loaded"),
    **dict.fromkeys((".npy.gz", ".hdf5.xz", ".zip", ".fvecs.zst"), "unpack it first"),
    **dict.fromkeys((".mat", ".h5ad", ".bin"), "numpy.save"),
    "": "has no suffix; readable are .npy",
    ".vec": "the unknown suffix '.vec'; readable are .npy",
}


@pytest.mark.parametrize("suffix", UNREADABLE)
def test_a_suffix_without_a_reader_says_what_to_do(tmp_path, suffix):
    check_refused(put(tmp_path, suffix, b"abc"), UNREADABLE[suffix])


@pytest.mark.parametrize(
    ("path", "fragment"),
    [
        ("~nobody-has-this-name/v.npy", "no such user"),
        ("v" * 5000 + ".npy", "name too long"),
        ("a\0b.npy", "does not exist"),
        ("/dev/null", "does not exist"),
        (".", "is a folder"),
    ],
)
def test_a_path_that_the_system_does_not_take_is_refused(path, fragment):
    for look in (formats.existing_file, formats.open_vectors):
        with pytest.raises(DatasetError, match=fragment) as caught:
            look(path)
        assert len(str(caught.value)) < 400


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    path = put(tmp_path, ".npy", npy(V))
    monkeypatch.setattr("pathlib.Path.open", forbidden)
    with pytest.raises(DatasetError, match=r"v\.npy cannot be read \(Permission denied\)"):
        formats.open_vectors(path)


def test_zeros_and_text_that_are_vectors_are_read(tmp_path):
    check_read(
        put(tmp_path, ".u8bin", b"\x20\0\0\0\x20\0\0\0" + b"vectors of text " * 64),
        np.frombuffer(b"vectors of text " * 64, np.uint8).reshape(32, 32).astype(np.float32),
    )


def test_names_for_a_message_fit_a_line():
    assert listed([]) == ""
    assert listed(["a", "b\nc"]) == "a, b c"
    assert listed(map(str, range(10))) == "0, 1, 2, 3, 4, 5, 6, 7 and 2 more"
    assert listed(["x" * 100]) == "x" * 57 + "..."
