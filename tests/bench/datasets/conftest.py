"""A cache of its own for every test, and vector files of every format."""

import io
import struct
import tarfile

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache directory; no test reads or writes the user's."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def vectors():
    """(57, 6) float32 of small whole numbers, which every component type can hold."""
    return np.random.default_rng(0).integers(0, 100, (57, 6)).astype(np.float32)


def write_vecs(path, array):
    """The .fvecs, .bvecs or .ivecs file of ``array``."""
    path.write_bytes(b"".join(struct.pack("<i", len(row)) + row.tobytes() for row in array))
    return path


def write_bigann(path, array):
    """The .fbin, .u8bin, .i8bin or .ibin file of ``array``."""
    path.write_bytes(struct.pack("<II", *array.shape) + array.tobytes())
    return path


def write_parquet(path, array, kind=None, row_group=None):
    """A Parquet file with a column ``emb`` of lists and one of names."""
    kind = kind or pa.list_(pa.float32())
    table = pa.table({"name": [str(row) for row in range(len(array))], "emb": pa.array(list(array), type=kind)})
    pq.write_table(table, path, row_group_size=row_group)
    return path


def write_hdf5(path, train, test=None, neighbors=None, distance=None, **storage):
    """An ann-benchmarks file; ``storage`` goes to the creation of ``train`` (chunks, compression)."""
    with h5py.File(path, "w") as file:
        file.create_dataset("train", data=train, **storage)
        if test is not None:
            file["test"] = test
        if neighbors is not None:
            file["neighbors"] = neighbors
        if distance is not None:
            file.attrs["distance"] = distance
    return path


def write_deb(path, files):
    """A Debian package: a tar.xz in an ar archive; ``files`` maps names to bytes, or to what they link to."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    archive = b"!<arch>\n"
    for name, content in (("debian-binary", b"2.0\nx"), ("data.tar.xz", packed.getvalue())):
        archive += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        archive += b"\n" * (len(content) % 2)
    path.write_bytes(archive)
    return path
