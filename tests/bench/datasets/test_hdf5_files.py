"""HDF5 files in other layouts, storages and states: read right, or refused in one line with status 2."""

import h5py
import numpy as np
import pytest

from bench import datasets
from bench.datasets.formats import open_vectors
from methods import Metric

from .probing import V, check_read, check_refused, put

TRAIN = {"train": V}
ENUMERATION = h5py.enum_dtype({"a": 0, "b": 1}, "i4")


def of(arrays=None, fill=None, **how):
    """A writer of an HDF5 file with the given arrays, which ``fill`` (file, path) may change."""

    def write(path):
        with h5py.File(path, "w", **how) as file:
            for name, array in (arrays or {}).items():
                file[name] = array
            if fill is not None:
                fill(file, path)

    return write


def low(kind, values=V, shape=V.shape):
    """``train`` of a type that NumPy may lack; without values it is only made."""

    def fill(file, path):
        stored = h5py.h5d.create(file.id, b"train", kind, h5py.h5s.create_simple(shape))
        if values is not None:
            h5py.Dataset(stored)[...] = values

    return of(fill=fill)


def bfloat16():
    kind = h5py.h5t.IEEE_F32LE.copy()
    kind.set_fields(15, 7, 8, 0, 7)
    kind.set_size(2)
    kind.set_ebias(127)
    return kind


def within(bits, offset, size=4):
    kind = h5py.h5t.STD_I32LE.copy()
    kind.set_precision(bits)
    kind.set_offset(offset)
    kind.set_size(size)
    return kind


def made(name="train", shape=V.shape, kind="f4", **how):
    return of(fill=lambda file, path: file.create_dataset(name, shape, kind, **how))


def attribute(name, value):
    return of(TRAIN, lambda file, path: file.attrs.__setitem__(name, value))


def time_attribute(file, path):
    h5py.h5a.create(file.id, b"distance", h5py.h5t.UNIX_D32LE, h5py.h5s.create(h5py.h5s.SCALAR))


def unreadable_name(file, path):
    h5py.h5d.create(file.id, b"v\xff", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((9, 6)))


def loop(file, path):
    file["deep/self"] = file["deep"]


def grown(file, path):
    array = file.create_dataset("train", (0, 6), "f4", maxshape=(None, 6), chunks=(5, 6))
    for row in V:
        array.resize(len(array) + 1, axis=0)
        array[-1] = row


def virtual(file, path, missing=False):
    """``train`` from two files beside it."""
    layout = h5py.VirtualLayout(V.shape, "f4")
    for number, rows in enumerate((slice(0, 20), slice(20, 57))):
        name = f"part{number}.h5"
        if not (missing and number):
            with h5py.File(path.with_name(name), "w") as part:
                part["v"] = V[rows]
        layout[rows] = h5py.VirtualSource(name, "v", V[rows].shape)
    file.create_virtual_dataset("train", layout)


def own_parts(file, path):
    file["deep/v"] = V
    layout = h5py.VirtualLayout(V.shape, "f4")
    layout[:] = h5py.VirtualSource(file["deep/v"])
    file.create_virtual_dataset("train", layout)


READ = {
    "bfloat16": (low(bfloat16()), V),
    "bits inside a word": (low(within(12, 4), V.astype("i4")), V),
    "enumeration": (
        of(fill=lambda f, _: f.create_dataset("train", data=(V % 2).astype("i4"), dtype=ENUMERATION)),
        V % 2,
    ),
    "never written": (made(), V * 0),
    "never written but filled": (made(fillvalue=3, chunks=(10, 6)), V * 0 + 3),
    "grown by rows": (of(fill=grown), V),
    "one chunk": (made(chunks=V.shape, fillvalue=1), V * 0 + 1),
    "stored compactly": (
        of(fill=lambda f, _: f.create_dataset("train", data=V[:9], track_order=True)),
        V[:9],
    ),
    "of two files": (of(fill=virtual), V),
    "of its own parts": (of(fill=own_parts), V),
    "a group inside itself": (of({"deep/v": V}, loop), V),
    "an array without a shape beside it": (of({"a": h5py.Empty("f4"), "v": V}), V),
    "a name that is not UTF-8 beside it": (of(TRAIN, unreadable_name), V),
    "a name that is not ASCII": (of({"векторы": V}), V),
    "the layout of pandas": (of({"df/block0_values": V, "df/axis0": np.array([b"a"]), "df/axis1": np.arange(57)}), V),
    "texts beside it": (of({"emb": V, "texts": np.array([[b"a"]] * 57), "ok": V > 3}), V),
    "distances beside it": (of({"emb": V, "distances": V[:3], "neighbors": V[:3].astype(int)}), V),
    "a distance of a group": (of(TRAIN, lambda f, _: f["train"].attrs.__setitem__("distance", "jaccard")), V),
    "an empty distance": (attribute("distance", h5py.Empty("S5")), V),
    "a distance that is a reference": (of(TRAIN, lambda f, _: f.attrs.__setitem__("distance", f["train"].ref)), V),
    "a distance of time": (of(TRAIN, time_attribute), V),
    "distances of several texts": (attribute("distance", np.array(["a", "b"], object)), V),
    "a distance as an array": (of({"train": V, "distance": "hamming"}), V),
    "old format": (of(TRAIN, libver="earliest"), V),
    "new format": (of(TRAIN, libver=("v110", "v110")), V),
    **{f"a block of {size} bytes before": (of(TRAIN, userblock_size=size), V) for size in (512, 1024, 4096)},
    **{
        f"{kind} by {way}": (
            of(fill=lambda f, _, k=kind, w=way: f.create_dataset("train", data=V.astype(k), compression=w)),
            V,
        )
        for kind in ("<f4", ">f4", "<f2", ">f8", "u1", ">i4")
        for way in ("gzip", "lzf")
    },
}


@pytest.mark.parametrize("variant", READ)
def test_an_hdf5_file_gives_what_was_written(tmp_path, variant):
    write, expected = READ[variant]
    check_read(put(tmp_path, ".hdf5", write), expected)


def test_numbers_that_hdf5_converts_are_not_read_from_the_file(tmp_path):
    """More follows in the file, so that wrong bytes would be found where rows are looked for."""
    write = low(bfloat16())
    path = put(tmp_path, ".hdf5", write)
    with h5py.File(path, "a") as file:
        file["more"] = np.ones((999, 3), np.float32)
    np.testing.assert_array_equal(open_vectors(path, column="train").read(0, 99), V)


def links(kind):
    def fill(file, path):
        if kind == "soft":
            file["train"] = h5py.SoftLink("/none")
        elif kind == "itself":
            file["train"] = h5py.SoftLink("/train")
        else:
            if kind == "other file":
                with h5py.File(path.with_name("o.h5"), "w") as other:
                    other["w"] = 1
            file["train"] = h5py.ExternalLink("o.h5", "v")

    return of(fill=fill)


def raw(content):
    def fill(file, path):
        beside = path.with_name("rows.bin")
        if content is not None:
            beside.write_bytes(content)
        file.create_dataset("train", V.shape, "f4", external=[(str(beside), 0, V.nbytes)])

    return of(fill=fill)


def filtered(file, path):
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((57, 6))
    plan.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (1, 2, 3, 4))
    kind, space = h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple(V.shape)
    h5py.h5d.create(file.id, b"train", kind, space, plan).write_direct_chunk((0, 0), V.tobytes(), 0)


def varying(file, path):
    array = file.create_dataset("train", (3,), dtype=h5py.vlen_dtype("f4"))
    for row in range(3):
        array[row] = V[row, : row + 1]


def half(file, path):
    file.create_dataset("train", V.shape, "f4", chunks=(10, 6), fillvalue=np.nan)[:9] = V[:9]


def asked(**more):
    return of({"train": V, "test": V[:3], **more})


REFUSED = {
    "no shape": (of({"train": h5py.Empty("f4")}), "stored without a shape"),
    "no shape of the queries": (of({"train": V, "test": h5py.Empty("f4")}), "(test) is empty"),
    "no queries": (of({"train": V, "test": V[:0]}), "has no queries: test has the shape (0, 6)"),
    "queries of one axis": (of({"train": V, "test": V[0]}), "(test) has shape (6,)"),
    "queries in a group": (of({"train": V, "test/v": V}), "no array 'test'"),
    "queries turned": (of({"train": V, "test": V[:, :3].T}), "(test) has dimension 57"),
    "queries of texts": (of({"train": V, "test": np.array([[b"a"]])}), "(test) has dtype |S1"),
    "no rows": (of({"train": V[:0]}), "is empty"),
    "no columns": (of({"train": V[:, :0]}), "is empty"),
    "three axes": (of({"train": V[None]}), "has shape (1, 57, 6)"),
    "texts": (made(shape=(2, 2), kind=h5py.string_dtype()), "holds texts, references or rows of different lengths"),
    "references": (made(shape=(2, 2), kind=h5py.ref_dtype), "holds texts, references"),
    "rows of different lengths": (of(fill=varying), "rows of different lengths"),
    "truths": (of({"train": V > 5}), "has dtype bool"),
    "records": (of({"train": np.zeros(5, "f4, f4")}), "save it as float32"),
    "bytes without a type": (of({"train": np.zeros((5, 2), "V2")}), "as bfloat16 is saved"),
    "complex": (of({"train": V.astype("c16")}), "complex128"),
    "times": (low(h5py.h5t.UNIX_D32LE, None), "a type of numbers that NumPy lacks"),
    "integers of 3 bytes": (low(within(24, 0, 3), None), "a type of numbers that NumPy lacks"),
    "a filter that is not installed": (of(fill=filtered), "compressed by the filter 32001"),
    "a link to nothing": (links("soft"), "train is a link to /none, which is not there"),
    "a link to itself": (links("itself"), "train is a link to /train"),
    "a link to no file": (links("no file"), "a link to v of o.h5"),
    "a link to a file without it": (links("other file"), "a link to v of o.h5"),
    "a part that is missing": (of(fill=lambda f, p: virtual(f, p, missing=True)), "v of part1.h5 is not there"),
    "raw rows that are missing": (raw(None), "rows.bin, which is not there; copy that too"),
    "raw rows that are cut": (raw(V.tobytes()[:99]), "truncated: 99 bytes of 1368"),
    "half filled with NaN": (of(fill=half), "NaN or infinity (or exceeds float32) in row 9"),
    "nothing": (of(), "is empty: it holds no array 'train'"),
    "attributes alone": (of(fill=lambda f, _: f.attrs.__setitem__("a", 1)), "is empty"),
    "base and queries": (of({"base": V, "queries": V}), "holds base, queries but no array 'train'"),
    "capitals": (of({"Train": V, "Test": V}), "holds Test, Train but no array 'train'"),
    "many arrays": (of({f"v{i}": V for i in range(50)}), "and 42 more but no array 'train'"),
    "an unknown distance": (attribute("distance", "hamming"), "has distance 'hamming'"),
    "neighbors without a shape": (asked(neighbors=h5py.Empty("i4")), "neighbors is no integer array"),
    "neighbors of texts": (asked(neighbors=np.array([[b"a"]] * 3)), "neighbors is no integer array"),
    "infinite neighbors": (asked(neighbors=np.full((3, 2), np.inf)), "has fractions"),
    "neighbors too large": (asked(neighbors=np.full((3, 2), 2**63 + 5, "u8")), "is 9223372036854775813"),
    "neighbors of others": (asked(neighbors=np.zeros((4, 2), int)), "for 4 queries but 3"),
}


@pytest.mark.parametrize("variant", REFUSED)
def test_an_hdf5_file_that_cannot_be_read_is_refused(tmp_path, variant):
    write, fragment = REFUSED[variant]
    check_refused(put(tmp_path, ".hdf5", write), fragment)


@pytest.mark.parametrize("column", ["", "/", ".", "..", "train/x", "Train", "deep"])
def test_an_array_that_is_not_there_is_refused(tmp_path, column):
    path = put(tmp_path, ".h5", of({"train": V, "deep/v": V}))
    check_refused(path, f"no array {column!r}", f"column={column}")


def test_a_name_may_begin_with_a_slash(tmp_path):
    path = put(tmp_path, ".h5", of({"train": V, "test": V[:3], "neighbors": np.zeros((3, 1), int)}))
    by_name, plain = (datasets.load("path", base=str(path), **how) for how in ({"column": "/train"}, {}))
    np.testing.assert_array_equal(by_name.queries, plain.queries)
    np.testing.assert_array_equal(by_name.neighbors, plain.neighbors)
    assert by_name.metric is Metric.COSINE


def test_a_damaged_hdf5_file_is_never_a_traceback(tmp_path):
    """Bytes changed anywhere: the file is read or refused, in one line."""
    arrays = {"train": V, "test": V[:3], "neighbors": np.zeros((3, 5), int), "more": np.ones((50, 50))}
    path = put(tmp_path, ".hdf5", of(arrays))
    content, rng, refused = path.read_bytes(), np.random.default_rng(0), []
    for _ in range(150):
        damaged = bytearray(content)
        place = int(rng.integers(2048))
        damaged[place : place + 4] = rng.bytes(4)
        path.write_bytes(damaged)
        try:
            datasets.load("path", base=str(path), metric="l2")
        except datasets.DatasetError as error:
            refused.append(str(error))
    assert len(refused) > 20
    assert not any("\n" in message for message in refused)
