"""Files of sets, ``dataset=ragged``: read right, or refused in one line."""

import gzip
import io
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench import datasets
from bench.datasets import DatasetError

from .probing import HEADER, LFS_POINTER, WEB_PAGE, V, npy, npy_of, put

AT = np.arange(0, 58, 3)


def npz(**arrays):
    held = io.BytesIO()
    np.savez(held, **arrays)
    return held.getvalue()


def members(how=zipfile.ZIP_STORED, **contents):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", how) as opened:
        for name, content in contents.items():
            opened.writestr(name.replace("_npy", ".npy"), content)
    return held.getvalue()


def parquet(rows, kind=None):
    held = io.BytesIO()
    pq.write_table(pa.table({"e": pa.array(rows, kind)}), held)
    return held.getvalue()


def load(path, **options):
    return datasets.load("ragged", base=str(path), queries=str(path), **options)


def message(path, **options):
    with pytest.raises(DatasetError) as caught:
        load(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("offsets", ["i1", "u1", "i2", ">u2", "u4", ">i4", "u8"])
@pytest.mark.parametrize("vectors", ["f2", ">f2", ">f4", "f8", "g", "i1", "u1", ">i8"])
def test_sets_of_any_type_of_numbers_are_read(tmp_path, offsets, vectors):
    found = load(put(tmp_path, ".npz", npz(vectors=np.asfortranarray(V.astype(vectors)), offsets=AT.astype(offsets))))
    np.testing.assert_array_equal(found.base.vectors, V)
    np.testing.assert_array_equal(found.base.offsets, AT)


def vectors(array):
    return npz(vectors=array, offsets=AT)


def offsets(array):
    return npz(vectors=V, offsets=np.asarray(array))


def damaged():
    noise = np.random.default_rng(0).random((57, 6))
    content = bytearray(members(zipfile.ZIP_LZMA, vectors_npy=npy(noise), offsets_npy=npy(AT)))
    content[300:600] = bytes(300)
    return bytes(content)


SETS = V.reshape(19, 3, 6)
REFUSED = {
    **{
        f"offsets of {kind}": (".npz", offsets(AT.astype(kind)), "offsets of integers")
        for kind in ("f4", "?", "c8", "S2")
    },
    **{f"vectors of {kind}": (".npz", vectors(V.astype(kind)), "need vectors") for kind in ("?", "c8", "S2")},
    "offsets of objects": (".npz", offsets(AT.astype(object)), "holds Python objects"),
    "vectors of objects": (".npz", vectors(V.astype(object)), "holds Python objects"),
    "vectors of bfloat16": (".npz", vectors(np.zeros((57, 6), "V2")), "need vectors of float32 or float16"),
    "offsets of two axes": (".npz", offsets(AT[None]), "shape (1, 20)"),
    "offsets without axes": (".npz", offsets(3), "shape ()"),
    "no offsets": (".npz", offsets(AT[:0]), "shape (0,)"),
    "one offset": (".npz", offsets([0]), "must go from 0 to 57"),
    "offsets from -1": (".npz", offsets(AT - 1), "from -1 to 56; they must go from 0 to 57"),
    "offsets from 1": (".npz", offsets(AT + 1), "from 1 to 58"),
    "offsets without the end": (".npz", offsets(AT[:-1]), "from 0 to 54; they must go from 0 to 57"),
    "offsets beyond the end": (".npz", offsets([*AT, 60]), "from 0 to 60"),
    "offsets down": (".npz", offsets(AT[::-1]), "from 57 to 0"),
    "an empty set": (".npz", offsets([0, 0, *AT[1:]]), "set 0 of"),
    "fractions": (".npz", offsets(AT / 2), "offsets of integers"),
    "lengths": (".npz", offsets(np.full(19, 3)), "from 3 to 3"),
    "huge offsets": (".npz", offsets([0, 2**62]), "they must go from 0 to 57"),
    "one axis": (".npz", vectors(V[0]), "of shape (6,)"),
    "three axes": (".npz", vectors(SETS), "of shape (19, 3, 6)"),
    "no vectors": (".npz", vectors(V[:0]), "they must go from 0 to 0"),
    "vectors of nothing": (".npz", vectors(V[:, :0]), "vectors of 0 numbers"),
    "NaN": (".npz", vectors(np.where(V > 98, np.nan, V)), "NaN or infinity"),
    "beyond float32": (".npz", vectors(np.full((57, 6), 1e300)), "exceeds float32"),
    "infinite halves": (".npz", vectors(np.full((57, 6), np.inf, "f2")), "NaN or infinity"),
    "vectors alone": (".npz", npz(vectors=V), "lacks the array 'offsets', it holds vectors"),
    "offsets alone": (".npz", npz(offsets=AT), "lacks the array 'vectors', it holds offsets"),
    "other names": (".npz", npz(emb=V, offs=AT), "it holds emb, offs"),
    "text for an array": (".npz", members(vectors=b"x", offsets_npy=npy(AT)), "vectors is no array"),
    "text for a file": (".npz", members(vectors_npy=b"text", offsets_npy=npy(AT)), "vectors.npy is no array"),
    "an open bracket": (".npz", members(vectors_npy=npy_of("{'descr': ("), offsets_npy=npy(AT)), "is no array"),
    "terabytes": (
        ".npz",
        members(vectors_npy=npy_of(HEADER.replace("57", str(2**45))), offsets_npy=npy(AT)),
        "is corrupt: vectors.npy",
    ),
    "damaged": (".npz", damaged(), "not a whole .npz"),
    "a web page": (".npz", WEB_PAGE, "is a web page"),
    "a Git LFS pointer": (".npz", LFS_POINTER, "git lfs pull"),
    "one array": (".npz", npy(V), "is a NumPy array"),
    "a .npy": (".npy", npy(SETS), "is no file of sets; give a .npz"),
    "an HDF5": (".hdf5", b"x", "is no file of sets"),
    "Parquet that is a web page": (".parquet", WEB_PAGE, "is a web page"),
    "Parquet with NaN": (".parquet", parquet((SETS * np.nan).tolist()), "NaN or infinity"),
    "Parquet with an empty set": (".parquet", parquet([*SETS.tolist(), []]), "set 19 of"),
    "Parquet of structs": (".parquet", parquet([[{"v": row} for row in s] for s in SETS.tolist()]), "0 candidate"),
    "Parquet of no rows": (".parquet", parquet([], pa.list_(pa.list_(pa.float32()))), "holds no vectors"),
    "Parquet of empty vectors": (
        ".parquet",
        parquet([[[]]], pa.list_(pa.list_(pa.float32(), 0))),
        "vectors of 0 numbers",
    ),
    "Parquet of single vectors": (".parquet", parquet(V.tolist()), "0 candidate columns"),
}


@pytest.mark.parametrize("variant", REFUSED)
def test_sets_that_cannot_be_read_are_refused(tmp_path, variant):
    suffix, content, fragment = REFUSED[variant]
    path = put(tmp_path, suffix, content)
    assert fragment in (said := message(path))
    assert str(path) in said


FOLDERS = {
    "nothing": ({}, "lacks vectors.npy"),
    "vectors alone": ({"vectors": npy(V)}, "lacks offsets.npy"),
    "a web page": ({"vectors": WEB_PAGE, "offsets": npy(AT)}, "vectors.npy is not a .npy file: it is a web page"),
    "a pointer": ({"vectors": npy(V), "offsets": LFS_POINTER}, "offsets.npy is not a .npy file: it is a Git LFS"),
    "vectors cut": ({"vectors": npy(V)[:-9], "offsets": npy(AT)}, "vectors.npy is truncated: 1487 bytes"),
    "offsets cut": ({"vectors": npy(V), "offsets": npy(AT)[:-9]}, "offsets.npy is truncated"),
    "objects": ({"vectors": npy(V.astype(object)), "offsets": npy(AT)}, "never unpickled"),
    "an open bracket": ({"vectors": npy_of("{'descr': ("), "offsets": npy(AT)}, "bad header"),
    "a negative shape": ({"vectors": npy_of(HEADER.replace("57", "-57")), "offsets": npy(AT)}, "is corrupt"),
    "an archive": ({"vectors": npz(v=V), "offsets": npy(AT)}, "vectors.npy is not a .npy file: it is a zip"),
    "an archive of offsets": ({"vectors": npy(V), "offsets": npz(o=AT)}, "offsets.npy is not a .npy file: it is a zip"),
    "gzip": ({"vectors": gzip.compress(npy(V)), "offsets": npy(AT)}, "compressed by gzip"),
    "no sets": ({"vectors": npy(V[:0]), "offsets": npy(AT[:1])}, "holds no sets"),
    "vectors of nothing": ({"vectors": npy(V[:, :0]), "offsets": npy(AT)}, "vectors of 0 numbers"),
    "three axes": ({"vectors": npy(V[None]), "offsets": npy(AT)}, "of shape (1, 57, 6)"),
    "no axes": ({"vectors": npy(V[0, 0]), "offsets": npy(AT)}, "of shape ()"),
    "empty files": ({"vectors": b"", "offsets": b""}, "is empty (0 bytes)"),
}


@pytest.mark.parametrize("variant", FOLDERS)
def test_a_folder_that_cannot_be_read_is_refused(tmp_path, variant):
    files, fragment = FOLDERS[variant]
    folder = tmp_path / "sets"
    folder.mkdir()
    for name, content in files.items():
        (folder / f"{name}.npy").write_bytes(content)
    assert fragment in (said := message(folder))
    assert str(folder) in said


def test_a_column_of_sets_without_columns_is_refused(tmp_path):
    path = put(tmp_path, ".npz", vectors(V))
    assert "column=x is for Parquet files" in message(path, column="x")
    assert "queries_column=x is for a Parquet file" in message(path, queries_column="x")
    assert "dataset.column=3 is no text" in message(path, column=3)
    other = put(tmp_path, ".parquet", parquet(SETS.tolist()))
    found = datasets.load("ragged", base=str(path), queries=str(other), column="e")
    np.testing.assert_array_equal(found.queries.vectors, V)


@pytest.mark.parametrize(
    ("path", "fragment"), [("~nobody-has-this-name/v.npz", "no such user"), ("v" * 5000 + ".npz", "name too long")]
)
def test_a_path_of_sets_that_the_system_does_not_take_is_refused(path, fragment):
    assert fragment in message(path)
