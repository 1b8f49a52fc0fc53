"""Every form of NumPy, TEXMEX, big-ann-benchmarks and HDF5 files: the right vectors, or one line of why not."""

import io
import itertools
import struct
import zipfile

import h5py
import numpy as np
import pytest

from bench.datasets import DatasetError
from bench.datasets.formats import SUFFIXES, open_vectors

from .conftest import write_bigann, write_hdf5, write_vecs

V = np.random.default_rng(0).integers(0, 100, (57, 6)).astype(np.float32)
NUMBERS = ["f2", "f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]


def of_npy(array, **how):
    def write(path):
        with path.open("wb") as handle:
            np.lib.format.write_array(handle, array, **how)

    return write


def of_npz(compressed=False, **arrays):
    return lambda path: (np.savez_compressed if compressed else np.savez)(path, **arrays)


def of_zip(how=zipfile.ZIP_STORED, **members):
    def write(path):
        with zipfile.ZipFile(path, "w", how) as archive:
            for name, content in members.items():
                held = io.BytesIO()
                np.save(held, content) if isinstance(content, np.ndarray) else held.write(content)
                archive.writestr(name.replace("__", "/").replace("_npy", ".npy"), held.getvalue())

    return write


def of_bytes(*parts):
    return lambda path: path.write_bytes(b"".join(parts))


def of_hdf5(file=None, arrays=None, **storage):
    def write(path):
        with h5py.File(path, "w", **(file or {})) as opened:
            for name, array in (arrays or {"train": V}).items():
                opened.create_dataset(name, data=array, **storage)

    return write


def linked(kind):
    """``train`` is not in the place where its file says."""

    def write(path):
        with h5py.File(path.with_name("other.h5"), "w") as other:
            other["padding"], other["v"] = np.ones(999), V
        with h5py.File(path, "w") as file:
            file["more"] = np.ones((500, 500), np.float32)  # so that the other's offset is inside this file too
            if kind == "external":
                file["train"] = h5py.ExternalLink("other.h5", "v")
            elif kind == "soft":
                file["deep/v"], file["train"] = V, h5py.SoftLink("/deep/v")
            elif kind == "virtual":
                layout = h5py.VirtualLayout(V.shape, "f4")
                layout[:] = h5py.VirtualSource("other.h5", "v", V.shape)
                file.create_virtual_dataset("train", layout)
            else:
                path.with_name("raw.bin").write_bytes(bytes(8) + V.tobytes())
                file.create_dataset("train", V.shape, "f4", external=[(str(path.with_name("raw.bin")), 8, V.nbytes)])

    return write


READ = {
    **{
        f"npy {order}{kind} {axes}": (".npy", of_npy(np.asarray(V.astype(order + kind), order=axes)))
        for order, kind, axes in itertools.product("<>", NUMBERS, "CF")
    },
    **{f"npy version {v}": (".npy", of_npy(V, version=(v, 0))) for v in (1, 2, 3)},
    **{f"npy version {v} F": (".npy", of_npy(np.asfortranarray(V), version=(v, 0))) for v in (1, 2, 3)},
    "npy long double": (".npy", of_npy(V.astype(np.longdouble))),
    "npy with more after it": (".npy", lambda path: path.write_bytes(npy_bytes(V) + b"more")),
    "npy of two arrays": (".npy", lambda path: path.write_bytes(npy_bytes(V) + npy_bytes(V + 1))),
    "npy in capitals": (".NPY", lambda path: path.write_bytes(npy_bytes(V))),
    **{f"npz {kind}": (".npz", of_npz(emb=V.astype(kind))) for kind in ("f2", ">f4", "f8", "u1", ">i8")},
    "npz compressed": (".npz", of_npz(True, base=V, queries=V[:3])),
    "npz Fortran order": (".npz", of_npz(vectors=np.asfortranarray(V), other=V[:1])),
    "npz arr_0": (".npz", lambda path: np.savez(path, V)),
    "npz with ids and texts": (".npz", of_npz(emb=V, ids=np.arange(57), texts=np.array(["a"] * 57))),
    "npz with objects": (".npz", of_npz(True, emb=V, texts=np.array(["a"] * 57, dtype=object))),
    "npz of another file": (".npz", of_zip(inside__emb_npy=V, readme=b"text")),
    "npz by lzma": (".npz", of_zip(zipfile.ZIP_LZMA, emb_npy=V)),
    "npz by bzip2": (".npz", of_zip(zipfile.ZIP_BZIP2, emb_npy=V, ids_npy=np.arange(57))),
    "fvecs": (".fvecs", lambda path: write_vecs(path, V)),
    "bvecs": (".bvecs", lambda path: write_vecs(path, V.astype("u1"))),
    "ivecs": (".ivecs", lambda path: write_vecs(path, V.astype("i4"))),
    "fvecs in capitals": (".FVECS", lambda path: write_vecs(path, V)),
    "fbin": (".fbin", lambda path: write_bigann(path, V)),
    "u8bin": (".u8bin", lambda path: write_bigann(path, V.astype("u1"))),
    "i8bin": (".i8bin", lambda path: write_bigann(path, V.astype("i1"))),
    "ibin": (".ibin", lambda path: write_bigann(path, V.astype("i4"))),
    **{
        f"hdf5 {kind}": (".hdf5", of_hdf5(arrays={"train": V.astype(kind)})) for kind in (*NUMBERS, ">f4", ">f8", ">i8")
    },
    **{
        f"hdf5 in chunks {kind}": (".h5", of_hdf5(arrays={"train": V.astype(kind)}, chunks=(10, 4)))
        for kind in (*NUMBERS, ">f4", ">f8", ">i8")
    },
    "hdf5 gzip": (".hdf5", of_hdf5(compression="gzip", shuffle=True)),
    "hdf5 lzf": (".hdf5", of_hdf5(compression="lzf")),
    "hdf5 with checksums": (".hdf5", of_hdf5(fletcher32=True)),
    "hdf5 that can grow": (".hdf5", of_hdf5(maxshape=(None, 6))),
    "hdf5 packed integers": (".hdf5", of_hdf5(arrays={"train": V.astype(int)}, scaleoffset=0)),
    "hdf5 of the latest version": (".hdf5", of_hdf5({"libver": "latest"})),
    "hdf5 behind a user block": (".hdf5", of_hdf5({"userblock_size": 512})),
    "hdf5 of one other name": (".hdf5", of_hdf5(arrays={"emb": V, "ids": np.arange(57)})),
    "hdf5 in a group": (".hdf5", of_hdf5(arrays={"deep/emb": V, "deep/knns": np.zeros((9, 2), int)})),
    **{f"hdf5 {kind} link": (".hdf5", linked(kind)) for kind in ("external", "soft", "virtual")},
    "hdf5 of raw bytes beside it": (".hdf5", linked("raw")),
}


def npy_bytes(array):
    held = io.BytesIO()
    np.save(held, array)
    return held.getvalue()


@pytest.mark.parametrize("variant", READ)
def test_a_variant_gives_the_vectors_that_were_written(tmp_path, variant):
    suffix, write = READ[variant]
    path = tmp_path / f"v{suffix}"
    write(path)
    store = open_vectors(path)
    np.testing.assert_array_equal(store.read(0, 99), V)
    rows = np.array([50, 3, 3, 0])
    taken = store.take(rows)
    np.testing.assert_array_equal(taken, V[rows])
    assert taken.dtype == store.read(2, 4).dtype == np.float32


HEAD = struct.pack("<II", *V.shape)
ROWS = {".fbin": V, ".u8bin": V.astype("u1"), ".i8bin": V.astype("i1"), ".ibin": V.astype("i4")}
REFUSED = {
    **{
        f"npy {kind}": (".npy", of_npy(np.zeros((9, 3), kind)), "save it as float32")
        for kind in ("?", "c8", ">c16", "S3", "U3", "M8[D]", "m8[s]", "V1")
    },
    "npy of bfloat16": (".npy", of_npy(np.zeros((9, 3), "V2")), "as bfloat16 is saved"),
    "npy of records": (".npy", of_npy(np.zeros(9, "f4, f4")), "save it as float32"),
    "npy of objects": (".npy", of_npy(np.array([V[0], None], object)), "never unpickled"),
    "npy without axes": (".npy", of_npy(np.array(3.0)), "two axes"),
    "npy that is an archive": (".npy", of_zip(a_npy=V), "not a .npy file"),
    "npz of two": (".npz", of_npz(a=V, b=V), "name it by column"),
    "npz of none": (".npz", of_npz(), "holds no arrays"),
    "npz of labels": (".npz", of_npz(a=V[0], b=V[1]), "name it by column"),
    "npz that is an npy": (".npz", lambda path: path.write_bytes(npy_bytes(V)), "it is a NumPy array; call it .npy"),
    "npz sparse": (
        ".npz",
        of_npz(indices=V[0], indptr=V[0], format=np.array(b"csr"), shape=V[0], data=V[0]),
        "write it dense",
    ),
    "fvecs big-endian": (".fvecs", of_bytes(struct.pack(">i", 6), V[0].astype(">f4").tobytes()), "little-endian"),
    "fvecs of halves": (".fvecs", lambda path: write_vecs(path, V.astype("f2")), "components of 2 bytes would fit"),
    "fvecs of doubles": (".fvecs", lambda path: write_vecs(path, V.astype("f8")), "components of 8 bytes would fit"),
    "fvecs of bytes": (".fvecs", lambda path: write_vecs(path, V.astype("u1")), "components of 1 bytes would fit"),
    "bvecs of floats": (".bvecs", lambda path: write_vecs(path, V), "components of 4 bytes would fit"),
    "fvecs that are fbin": (".fvecs", lambda path: write_bigann(path, V), "not .fvecs"),
    **{
        f"{suffix} header {code}": (suffix, of_bytes(struct.pack(code, *V.shape), rows.tobytes()), f"header of {what}")
        for suffix, rows in ROWS.items()
        for code, what in {
            "<QQ": "two 64-bit numbers (57 x 6, 16 bytes)",
            "<QI": "a 64-bit and a 32-bit number (57 x 6, 12 bytes)",
            "<IQ": "a 32-bit and a 64-bit number (57 x 6, 12 bytes)",
            ">II": "two big-endian 32-bit numbers (57 x 6, 8 bytes)",
            ">QQ": "two big-endian 64-bit numbers (57 x 6, 16 bytes)",
        }.items()
    },
    **{
        f"fbin of {kind}": (".fbin", of_bytes(HEAD, V.astype(kind).tobytes()), "another component type")
        for kind in ("f2", "u1", "f8")
    },
    "u8bin of floats": (".u8bin", lambda path: write_bigann(path, V), "each component has 4 bytes instead of 1"),
    "ibin of neighbors": (".ibin", of_bytes(HEAD, V.tobytes(), V.tobytes()), "true neighbors (ids, then distances)"),
    "fbin without header": (".fbin", of_bytes(V.tobytes()), "write two little-endian 32-bit numbers"),
    "fbin with more after it": (".fbin", of_bytes(HEAD, V.tobytes(), b"more"), "promises 1376"),
    "fbin cut from a larger one": (".fbin", of_bytes(struct.pack("<II", 10**9, 6), V.tobytes()), "truncated"),
    "hdf5 of truths": (".hdf5", of_hdf5(arrays={"train": V > 50}), "save it as float32"),
    "hdf5 complex": (".hdf5", of_hdf5(arrays={"train": V.astype("c8")}), "save it as float32"),
    "hdf5 of test alone": (".hdf5", of_hdf5(arrays={"test": V}), "no array 'train'; name one"),
    "hdf5 of nothing": (".hdf5", of_hdf5(arrays={"x/y": V[0, 0]}), "no array 'train'"),
    "hdf5 without axes": (".hdf5", of_hdf5(arrays={"train": V[0, 0]}), "two axes"),
    "hdf5 of a group": (".hdf5", of_hdf5(arrays={"train/x": V}), "no array 'train'"),
}


@pytest.mark.parametrize("variant", REFUSED)
def test_a_variant_that_cannot_be_read_is_refused_in_one_line(tmp_path, variant):
    suffix, write, fragment = REFUSED[variant]
    path = tmp_path / f"v{suffix}"
    write(path)
    with pytest.raises(DatasetError) as caught:
        open_vectors(path).read(0, 99)
    assert fragment in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_column_names_an_array_of_npz_and_hdf5(tmp_path):
    np.savez(tmp_path / "v.npz", a=V[:3], b=V)
    write_hdf5(tmp_path / "v.hdf5", V[:3])
    with h5py.File(tmp_path / "v.hdf5", "a") as file:
        file["deep/b"] = V
    np.testing.assert_array_equal(open_vectors(tmp_path / "v.npz", column="b").read(0, 99), V)
    np.testing.assert_array_equal(open_vectors(tmp_path / "v.hdf5", column="deep/b").read(0, 99), V)
    for name in ("v.npz", "v.hdf5"):
        with pytest.raises(DatasetError, match="no array 'c'"):
            open_vectors(tmp_path / name, column="c")


def test_all_suffixes_are_named_once():
    assert len(set(SUFFIXES)) == len(SUFFIXES) == 13
